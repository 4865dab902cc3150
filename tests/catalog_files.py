"""What the tests of the synthetic catalogue do with its command and its files."""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from pvdask.commands import catalog as command


def read_csv(path: Path) -> pd.DataFrame:
    """The table, every number as it was written."""
    return pd.read_csv(path, float_precision="round_trip")


def run_catalog(*words: str) -> int:
    """`pvdask catalog` in this process."""
    parser = argparse.ArgumentParser(exit_on_error=False)
    command.configure(parser)
    return command.run(parser.parse_args(words))
