"""Coverage-guided fuzzing of what reads other people's bytes (see README.md here): nothing but its own error may come out of it."""

from __future__ import annotations

import contextlib
import importlib
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

try:
    import atheris
except ModuleNotFoundError:
    atheris = None

with atheris.instrument_imports(include=["pvdask"]) if atheris else contextlib.nullcontext():
    expressions = importlib.import_module("pvdask.expressions")
    errors = importlib.import_module("pvdask.errors")
    connection = importlib.import_module("pvdask.connection")
    plans = importlib.import_module("pvdask.plan")

FRAME = pd.DataFrame(
    {
        "x": [1.0, np.nan],
        "i": [2**62, -1],
        "s": pd.array(["a", None], dtype="string"),
        "d": pd.to_datetime(["2020-01-01", None]),
        "z": pd.to_datetime(["2020-01-01", None]).tz_localize("UTC"),
        "w": pd.to_timedelta(["1 day", None]),
        "f": [True, False],
        "c": pd.Categorical(["lo", None], ["lo", "hi"], ordered=True),
        "a b": [1, 2],
    }
)
COLUMNS = dict(FRAME.dtypes)


def check_expression(data: bytes) -> None:
    """Parse with and without types; what passes with them has to evaluate, too."""
    text = data.decode("utf-8", errors="surrogateescape")
    for columns in (None, COLUMNS):
        try:
            expression = expressions.parse(text, columns)
        except errors.ExpressionError as error:
            if not 0 <= error.position <= max(len(text), 1):
                raise AssertionError(f"position {error.position} is outside of the text") from error
            continue
        expressions.to_dask_filters(expression.tree, COLUMNS)
        if columns is not None and expressions.evaluate(expression.tree, FRAME).shape != (2,):
            raise AssertionError("a mask of another shape than the frame")


def check_scheduler_file(data: bytes) -> None:
    """Read it; an address that comes of it is one printable word with a protocol."""
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        file.write(data)
        file.flush()
        try:
            address = connection.read_scheduler_file(Path(file.name))
        except errors.InputError as error:
            if "\n" in str(error) or not str(error).isprintable():
                raise AssertionError(f"an error of more than one line: {error}") from error
            return
    if "://" not in address or len(address.split()) != 1 or not address.isprintable():
        raise AssertionError(f"no address: {address!r}")


def check_plan(data: bytes) -> None:
    """Decode it; what is accepted is written and read again to the same."""
    try:
        plan = plans.Plan.from_bytes(data)
    except errors.PvdaskError:
        return
    if plans.Plan.from_bytes(plan.to_bytes()) != plan:
        raise AssertionError("a plan that is not what it was once it is written and read")
    plan.layout()


CHECKS: dict[str, Callable[[bytes], None]] = {
    "expressions": check_expression,
    "scheduler_files": check_scheduler_file,
    "plans": check_plan,
}


def main() -> None:
    """Run atheris with the arguments behind the name, or check the files given where there is no atheris."""
    if len(sys.argv) < 2 or sys.argv[1] not in CHECKS:
        raise SystemExit(f"Name what to fuzz: {', '.join(CHECKS)}.")
    check = CHECKS[sys.argv.pop(1)]
    if atheris is None:
        for name in sys.argv[1:]:
            check(Path(name).read_bytes())
        print(f"{len(sys.argv) - 1} files checked (atheris is not installed: nothing was fuzzed)")
        return
    atheris.Setup(sys.argv, check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
