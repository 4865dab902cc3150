"""A run of a program that ends by itself, and what is left of it."""

from __future__ import annotations

from dataclasses import dataclass

from pvdask.errors import DeadlineError
from pvdask.launch.processes import ManagedProcess


@dataclass(frozen=True)
class CompletedBatch:
    """What a run of pvbatch or pvpython left: its exit status and everything its ranks wrote."""

    returncode: int
    stdout: str
    stderr: str


class BatchDeadlineError(DeadlineError):
    """A run of pvbatch or pvpython did not end in time and was stopped.

    Parameters
    ----------
    step : str
        What was being waited for, as a clause.
    timeout_s : float
        The time that was given, in seconds.
    process : ManagedProcess
        The run: what it had written is in this error's `stdout` and `stderr`.
    """

    def __init__(self, step: str, timeout_s: float, process: ManagedProcess) -> None:
        super().__init__(step, timeout_s)
        self.stdout = process.stdout
        self.stderr = process.stderr


def run_to_end(process: ManagedProcess, step: str, timeout_s: float) -> CompletedBatch:
    """Wait for a process to end, and leave nothing of it either way.

    Raises
    ------
    BatchDeadlineError
        It did not end within `timeout_s` seconds; it was stopped, with all it had started.
    """
    try:
        status = process.wait(timeout_s)
    except TimeoutError:
        process.stop()
        raise BatchDeadlineError(step, timeout_s, process) from None
    finally:
        process.stop()
    return CompletedBatch(status, process.stdout, process.stderr)
