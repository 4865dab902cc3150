"""Coverage-guided fuzzing of the row filter's parser (see README.md here): only ExpressionError may come out of it."""

from __future__ import annotations

import contextlib
import importlib
import sys
from pathlib import Path

import numpy as np
import pandas as pd

try:
    import atheris
except ModuleNotFoundError:
    atheris = None

with atheris.instrument_imports(include=["pvdask"]) if atheris else contextlib.nullcontext():
    expressions = importlib.import_module("pvdask.expressions")
    ExpressionError = importlib.import_module("pvdask.errors").ExpressionError

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


def check(data: bytes) -> None:
    """Parse with and without types; what passes with them has to evaluate, too."""
    text = data.decode("utf-8", errors="surrogateescape")
    for columns in (None, COLUMNS):
        try:
            expression = expressions.parse(text, columns)
        except ExpressionError as error:
            if not 0 <= error.position <= max(len(text), 1):
                raise AssertionError(f"position {error.position} is outside of the text") from error
            continue
        expressions.to_dask_filters(expression.tree, COLUMNS)
        if columns is not None and expressions.evaluate(expression.tree, FRAME).shape != (2,):
            raise AssertionError("a mask of another shape than the frame")


def main() -> None:
    """Run atheris with this program's arguments, or check the files given where there is no atheris."""
    if atheris is None:
        for name in sys.argv[1:]:
            check(Path(name).read_bytes())
        print(f"{len(sys.argv) - 1} files checked (atheris is not installed: nothing was fuzzed)")
        return
    atheris.Setup(sys.argv, check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
