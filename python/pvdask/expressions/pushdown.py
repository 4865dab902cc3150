"""Which rows a Parquet reader need not read: a row filter as pyarrow or dask reader filters.

Both translations keep **at least** the rows that `pvdask.expressions.evaluation.evaluate` keeps; it has to run on what was read.
They are narrower than they might look, for reasons each of which was seen to lose rows or to fail (pyarrow 23):

- Row-group statistics leave NaN out, so ``x != 5``, ``not x < 5`` and even ``is_null(nan_is_null=True)`` on a float column
  skip groups that hold NaN: nothing that a NaN satisfies is translated for floats.
- A null never satisfies a reader's comparison, but ``!=`` holds for it in pandas: ``is_null`` is added, where that can be said.
- ``label != "a" or is_null(label)`` skips row groups in which a dictionary column is null throughout: not translated either.
- A float literal makes pyarrow cast an integer column and fail above 2**24, an int64 literal a uint64 column above 2**63:
  every literal is given in the column's own type.
- An integer column with nulls becomes float64 in pandas: above 2**53 the bounds are widened by its rounding.
- Arithmetic in pyarrow raises on overflow: only columns compared with constants are translated.
"""

from __future__ import annotations

from typing import Any

from pvdask.expressions.bounds import Bounds, bounds_of, type_names
from pvdask.expressions.compare import MIRRORED

_NEGATED = {"==": "!=", "!=": "==", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}
_MAXIMUM_CONJUNCTIONS = 64

Conjunctions = list[list[tuple[str, str, Any]]]


def to_dask_filters(tree: tuple[Any, ...], types: Any) -> Conjunctions | None:
    """Translate as much of a filter as possible into ``dd.read_parquet(filters=...)``.

    Parameters
    ----------
    tree : tuple
        `Expression.tree`.
    types : pyarrow.Schema or mapping of str to dtype
        Types of the columns: the file's schema where it is at hand, else the (meta) frame's dtypes. Without types no
        literal can be given in the column's own, and a wrong one makes the read fail.

    Returns
    -------
    list of list of (column, op, value), or None
        Alternatives of conditions, all of which hold for every row that `evaluate` keeps; None if nothing can be said.
    """
    return _conjunctions(tree, type_names(types))


def to_arrow(tree: tuple[Any, ...], schema: Any) -> Any:
    """Translate a whole filter into an expression for pyarrow's dataset reader.

    Parameters
    ----------
    tree : tuple
        `Expression.tree`.
    schema : pyarrow.Schema
        Types of the columns in the files.

    Returns
    -------
    pyarrow.compute.Expression or None
        Holds for every row that `evaluate` keeps; None if a part of the filter cannot be said.
    """
    return _arrow(_spread(tree, False), type_names(schema))


def _atom(tree: tuple[Any, ...], types: dict[str, str]) -> tuple[str, Bounds] | None:
    """Return the column and the bounds of a condition on one column, or None."""
    if tree[0] == "column" and types.get(tree[1]) == "bool":
        return tree[1], [("==", True)]
    if tree[0] != "compare":
        return None
    _, op, left, right = tree
    if left[0] != "column":
        op, left, right = MIRRORED[op], right, left
    if left[0] != "column" or right[0] not in ("number", "text", "truth") or left[1] not in types:
        return None
    bounds = bounds_of(types[left[1]], op, right)
    return None if bounds is None else (left[1], bounds)


def _list_values(tree: tuple[Any, ...], types: dict[str, str]) -> list[Any] | None:
    """Return the values of ``column in [...]`` in the column's type; None where that is not exact."""
    if tree[1][0] != "column" or tree[1][1] not in types:
        return None
    values: list[Any] = []
    for item in tree[2]:
        tag = "text" if isinstance(item, str) else "truth" if isinstance(item, bool) else "number"
        bounds = bounds_of(types[tree[1][1]], "==", (tag, item))
        if bounds is None or len(bounds) != 1:
            return None
        values.append(bounds[0][1])
    return values or None


def _spread(tree: tuple[Any, ...], negated: bool) -> tuple[Any, ...]:
    """Move ``not`` inwards and resolve chains, so that only and, or and atoms are left; an atom may be negated."""
    tag = tree[0]
    if tag == "not":
        return _spread(tree[1], not negated)
    if tag in ("and", "or"):
        turned = {"and": "or", "or": "and"}[tag] if negated else tag
        return (turned, *(_spread(part, negated) for part in tree[1:]))
    if tag == "chain":
        pairs = [("compare", op, tree[2][i], tree[2][i + 1]) for i, op in enumerate(tree[1])]
        return _spread(("and", *pairs), negated)
    if tag == "call" and tree[1] == "between":
        return _spread(("and", ("compare", ">=", *tree[2:4]), ("compare", "<=", tree[2], tree[4])), negated)
    return ("not", tree) if negated else tree


def _conjunctions(tree: tuple[Any, ...], types: dict[str, str]) -> Conjunctions | None:
    tree = _spread(tree, False)
    if tree[0] == "and":
        result: Conjunctions | None = None
        for part in tree[1:]:
            more = _conjunctions(part, types)
            if result is None:
                result = more
            elif more is not None and len(result) * len(more) <= _MAXIMUM_CONJUNCTIONS:
                result = [a + b for a in result for b in more]
        return result
    if tree[0] == "or":
        alternatives = [_conjunctions(part, types) for part in tree[1:]]
        if any(part is None for part in alternatives) or sum(len(part or []) for part in alternatives) > 64:
            return None
        return [conjunction for part in alternatives for conjunction in part or []]
    if tree[0] == "in":
        values = _list_values(tree, types)
        return None if values is None else [[(tree[1][1], "in", values)]]
    if tree[:2] == ("call", "startswith"):
        # What starts with a text is not below it; dask's filters have no closer way to say so.
        tree = ("compare", ">=", tree[2], tree[3])
    atom = _atom(tree, types)
    if atom is None or any(op == "!=" for op, _ in atom[1]):
        return None
    return [[(atom[0], op, value) for op, value in atom[1]]]


def _arrow(tree: tuple[Any, ...], types: dict[str, str]) -> Any:
    if tree[0] in ("and", "or"):
        parts = [_arrow(part, types) for part in tree[1:]]
        if any(part is None for part in parts):
            return None
        result = parts[0]
        for part in parts[1:]:
            result = result & part if tree[0] == "and" else result | part
        return result
    negated = tree[0] == "not"
    atom = tree[1] if negated else tree
    if atom[0] == "not in":
        atom, negated = ("in", *atom[1:]), not negated
    if atom[0] == "compare" and negated:
        atom = ("compare", _NEGATED[atom[1]], *atom[2:])
    positive = _arrow_atom(atom, types)
    if positive is None:
        return None
    condition, name = positive
    if atom[0] == "compare":
        kept_by_missing = negated or atom[1] == "!="
    else:
        condition, kept_by_missing = (~condition, True) if negated else (condition, False)
    if not kept_by_missing or (atom[0] == "call" and atom[1] == "isna"):
        return condition
    return condition | _field(name).is_null() if _nulls_are_found(types[name]) else None


def _nulls_are_found(name: str) -> bool:
    """Whether ``is_null`` can be trusted with a column of this type, whatever the statistics of a row group say."""
    return name not in ("double", "float", "halffloat") and not name.startswith("dictionary")


def _field(name: str) -> Any:
    import pyarrow.compute as pc

    return pc.field(name)


def _arrow_atom(tree: tuple[Any, ...], types: dict[str, str]) -> tuple[Any, str] | None:
    """Return an atom that is not negated as an expression, and its column."""
    import pyarrow.compute as pc

    if tree[0] == "in":
        values = _list_values(tree, types)
        return None if values is None else (_field(tree[1][1]).isin(values), tree[1][1])
    if tree[0] == "call":
        name = tree[2][1] if tree[2][0] == "column" else None
        if name not in types:
            return None
        if tree[1] in ("isna", "notna") and _nulls_are_found(types[name]):
            return (_field(name).is_null() if tree[1] == "isna" else _field(name).is_valid()), name
        functions = {"startswith": pc.starts_with, "endswith": pc.ends_with, "contains": pc.match_substring}
        if tree[1] in functions and types[name] in ("string", "large_string"):
            return functions[tree[1]](_field(name), tree[3][1]), name
        return None
    found = _atom(tree, types)
    if found is None:
        return None
    name, bounds = found
    condition = None
    for op, value in bounds:
        one = _comparison(name, op, value)
        condition = one if condition is None else condition & one
    return condition, name


def _comparison(name: str, op: str, value: Any) -> Any:
    field = _field(name)
    comparisons = {"==": field.__eq__, "!=": field.__ne__, "<": field.__lt__, "<=": field.__le__, ">": field.__gt__}
    return comparisons.get(op, field.__ge__)(value)
