"""Runs one command of ``pvdask`` in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[1] / "python"


def start_command(*words: str, **environment: str) -> subprocess.Popen[str]:
    """Start a command, its standard output and error to be read."""
    return subprocess.Popen(
        [sys.executable, "-m", "pvdask", *words],
        env={**os.environ, "PYTHONPATH": str(SOURCE), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run_command(*words: str, timeout_s: float = 120.0, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    with start_command(*words, **environment) as process:
        try:
            stdout, stderr = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            process.terminate()
            raise
    return subprocess.CompletedProcess(words, process.returncode, stdout, stderr)
