#!/bin/sh
# pvserver with the plugin over the hosts of a Slurm job, beside the cluster of cluster.sh: sbatch server.sh
# The log says "ready:" and the host; connect to it through a tunnel: ssh -L 11111:<host>:11111 <login host>
#SBATCH --job-name=pvdask-server
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=8
#SBATCH --cpus-per-task=1
#SBATCH --mem=0
#SBATCH --time=02:00:00
#SBATCH --signal=B:TERM@60
set -eu

: "${PORT:=11111}"

# In ParaView: Sources > Dask > Dask DataFrame Source, with the scheduler file that cluster.sh wrote.
echo "pvserver runs on $(hostname), port $PORT"
exec pvdask server -n "$SLURM_NTASKS" --port "$PORT"
