"""The row filter: a text in the style of ``DataFrame.query`` -> a checked tree -> the rows that satisfy it.

``parse`` is the only way in; it accepts what `grammar`, `parser` and `types` of this package list, and
nothing is ever compiled, imported or looked up by name. The tree is nested tuples of builtins::

    ("column", name)  ("number", 3.5)  ("text", "a")  ("truth", True)
    ("and", part, part, ...)  ("or", ...)  ("not", part)
    ("compare", op, left, right)  ("chain", (op, op), (a, b, c))  ("in" | "not in", left, (literal, ...))
    ("arithmetic", op, left, right)  ("negative", part)  ("call", name, argument, ...)

``evaluate`` runs on workers that do not have this package: ship `WORKER_MODULES` by value. Whatever ``to_dask_filters`` or
``to_arrow`` let a reader skip, ``evaluate`` decides on what was read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pvdask.expressions import compare, evaluation, numbers, values
from pvdask.expressions.evaluation import evaluate
from pvdask.expressions.grammar import fail
from pvdask.expressions.parser import parse_nodes
from pvdask.expressions.pushdown import to_arrow, to_dask_filters
from pvdask.expressions.types import check

__all__ = ["WORKER_MODULES", "Expression", "evaluate", "parse", "to_arrow", "to_dask_filters"]

#: Each of these goes to ``cloudpickle.register_pickle_by_value``.
WORKER_MODULES = (values, numbers, compare, evaluation)


@dataclass(frozen=True)
class Expression:
    """A filter that passed every check.

    Parameters
    ----------
    text : str
        What the user wrote.
    columns : tuple of str
        The columns it uses, each once, in the order of their first use.
    tree : tuple
        Nested tuples of builtins; see this module's text.
    """

    text: str
    columns: tuple[str, ...]
    tree: tuple[Any, ...]


def parse(text: str, columns: Mapping[str, Any] | None = None) -> Expression:
    """Check a filter text.

    Parameters
    ----------
    text : str
        The filter; at most 10,000 characters.
    columns : mapping of str to dtype, optional
        Name of each column as the user sees it -> its NumPy or pandas dtype, or that dtype's name. Without it, neither
        names nor types are checked.

    Returns
    -------
    Expression
        Checked.

    Raises
    ------
    ExpressionError
        The text is not a filter; the error points at the character of `text` at fault.
    """
    try:
        tree, names = check(parse_nodes(text), text, columns)
    except RecursionError:
        # Depth is bounded far below Python's limit, but the caller may already be deep.
        fail("the expression is nested too deeply", text, 0)
    return Expression(text, names, tree)
