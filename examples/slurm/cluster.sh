#!/bin/sh
# A Dask cluster over the hosts of a Slurm job: sbatch cluster.sh
# Its address is in $SCHEDULER_FILE once the log says "ready:". The folder has to be one that all hosts share.
#SBATCH --job-name=pvdask-cluster
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=9
#SBATCH --cpus-per-task=1
#SBATCH --mem=0
#SBATCH --time=02:00:00
#SBATCH --signal=B:TERM@60
set -eu

: "${SCHEDULER_FILE:=$PWD/scheduler.json}"
# The network that the hosts share (ip -brief address shows the names): not loopback, or only one host takes part.
: "${INTERFACE:=ib0}"

# One rank is the scheduler, all others are workers. mpiexec learns the hosts from Slurm.
workers=$((SLURM_NTASKS - 1))

# Anybody who reaches the scheduler's port can run code as you: use TLS on a network that others share
# (DASK_DISTRIBUTED__COMM__TLS__... and DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION=True).

# Slurm's SIGTERM, a minute before the end, goes to this shell: exec lets pvdask have it, and stop all in good order.
exec pvdask cluster -n "$workers" --threads "${SLURM_CPUS_PER_TASK:-1}" \
  --interface "$INTERFACE" --scheduler-file "$SCHEDULER_FILE" --timeout 300
