"""The checks of the row filter: `Node` tree + column types -> plain tuples, or an error at the character at fault.

What passes here is all that `pvdask.expressions.evaluation` is ever given. Arithmetic between constants is done here,
bounded, so that no evaluator meets it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NoReturn

import numpy as np

from pvdask.expressions.columns import Kind, column_kind, unknown_column
from pvdask.expressions.grammar import INTEGER_BOUNDS, Node, fail, printable
from pvdask.expressions.numbers import FUNCTIONS, TIME_RESULTS
from pvdask.expressions.numbers import arithmetic as compute
from pvdask.expressions.values import literal_number, timedelta, timestamp

MAXIMUM_EXPONENT = 100
_NUMBERS = ("number", "unknown")
_CONDITIONS = ("truth", "unknown")
_TEXT_FUNCTIONS = ("startswith", "endswith", "contains")
_MISSING_FUNCTIONS = ("isna", "notna", "isnan")
_ARGUMENTS = {"round": (1, 2), "arctan2": (2, 2), "min": (2, 20), "max": (2, 20), "between": (3, 3)}
_NAMES = tuple(sorted((*FUNCTIONS, *_TEXT_FUNCTIONS, *_MISSING_FUNCTIONS, "between")))
_SAID = {"truth": "a condition", "number": "a number", "text": "text", "time": "a time", "duration": "a duration"}


@dataclass(frozen=True)
class Checked:
    """A checked piece: what the evaluator gets, and what is known of its type."""

    tree: tuple[Any, ...]
    kind: Kind

    @property
    def literal(self) -> Any:
        """The constant this is, or None."""
        return self.tree[1] if self.tree[0] in ("number", "text", "truth") else None


def check(node: Node, text: str, columns: Mapping[str, Any] | None) -> tuple[tuple[Any, ...], tuple[str, ...]]:
    """Check the tree of a whole filter.

    Parameters
    ----------
    node : Node
        The tree.
    text : str
        What it was parsed from, for errors.
    columns : mapping of str to dtype, or None
        Types of the columns; None to check no names and no types.

    Returns
    -------
    tree : tuple
        The checked tree, as plain tuples.
    names : tuple of str
        The columns it uses, in the order of their first use.

    Raises
    ------
    ExpressionError
        The filter is not a condition, or a column or a type does not fit.
    """
    checker = _Checker(text, columns)
    return checker.condition(node), tuple(checker.used)


class _Checker:
    """One pass over a `Node` tree; afterwards `used` holds the names of the columns, in the order of their first use."""

    def __init__(self, text: str, columns: Mapping[str, Any] | None) -> None:
        self.text = text
        self.columns = columns
        self.used: dict[str, Kind] = {}

    def fail(self, message: str, node: Node) -> NoReturn:
        fail(message, self.text, node.position)

    def condition(self, node: Node) -> tuple[Any, ...]:
        """Check a node that has to be a condition on at least one column, and return its tuples."""
        checked = self.check(node)
        if checked.literal is not None:
            self.fail("a constant is not a condition; compare a column with it", node)
        if checked.kind.family not in _CONDITIONS:
            said = _SAID.get(checked.kind.family, f"a {checked.kind.family}")
            self.fail(
                f"a condition (true or false) is needed here, and this is {said}; compare it with something", node
            )
        return checked.tree

    def check(self, node: Node) -> Checked:
        if node.tag in ("number", "text", "truth"):
            return Checked((node.tag, node.value), Kind(node.tag))
        if node.tag == "column":
            return self.column(node)
        if node.tag in ("and", "or", "not"):
            return Checked((node.tag, *(self.condition(child) for child in node.children)), Kind("truth"))
        if node.tag in ("in", "not in"):
            return self.membership(node)
        if node.tag == "compare":
            return self.comparison(node)
        if node.tag == "call":
            return self.call(node)
        if node.tag == "list":
            self.fail("a list is only allowed after in, not in", node)
        return self.arithmetic(node)

    def column(self, node: Node) -> Checked:
        name = str(node.value)
        if name not in self.used:
            if self.columns is not None and name not in self.columns:
                self.fail(unknown_column(name, self.columns), node)
            self.used[name] = column_kind(self.columns[name]) if self.columns is not None else Kind("unknown")
        kind = self.used[name]
        if kind.family == "unusable":
            dtype = self.columns[name] if self.columns is not None else ""
            self.fail(f"the column '{printable(name)}' is of type {dtype}, which a filter cannot use", node)
        return Checked(("column", name), kind)

    def numeric(self, node: Node, checked: Checked) -> None:
        if checked.kind.family not in _NUMBERS:
            self.fail(f"a number is needed here, and this is {_SAID.get(checked.kind.family, 'a category')}", node)

    def arithmetic(self, node: Node) -> Checked:
        parts = [self.check(child) for child in node.children]
        op = str(node.value) if node.tag == "arithmetic" else node.tag
        families = tuple(part.kind.family for part in parts)
        # The zone of a time does not change by a duration added; which of two columns is the time is plain.
        if (op, *families) in TIME_RESULTS:
            zoned = [part.kind for part in parts if part.kind.family == "time"]
            if len(zoned) == 2 and (zoned[0].zone is None) != (zoned[1].zone is None):
                self.fail("one of these two times has a time zone and the other has none", node)
            result = TIME_RESULTS[(op, *families)]  # type: ignore[index]
            kind = replace(zoned[0], family="time") if result == "time" else Kind("duration")
            return Checked(("arithmetic", op, parts[0].tree, parts[1].tree), kind)
        if not ("unknown" in families and ("time" in families or "duration" in families)):
            for child, part in zip(node.children, parts, strict=True):
                self.numeric(child, part)
        if op == "**" and parts[1].literal is not None and abs(parts[1].literal) > MAXIMUM_EXPONENT:
            self.fail(f"an exponent may be at most {MAXIMUM_EXPONENT}", node.children[1])
        if all(part.literal is not None for part in parts):
            return self.folded(op, [part.literal for part in parts], node)
        if op == "positive":
            return parts[0]
        # With a column of unknown type, + and - may turn out to be between times.
        kind = Kind("unknown" if "unknown" in families and op in ("+", "-") else "number")
        tag = ("negative",) if op == "negative" else ("arithmetic", op)
        return Checked((*tag, *(part.tree for part in parts)), kind)

    def folded(self, op: str, values: list[Any], node: Node) -> Checked:
        """Compute with constants, exactly for integers."""
        if op in ("negative", "positive"):
            result = -values[0] if op == "negative" else values[0]
        elif op in ("/", "//", "%") and values[1] == 0:
            self.fail("division by zero", node)
        elif op in ("+", "-", "*") and all(isinstance(value, int) for value in values):
            result = {"+": values[0] + values[1], "-": values[0] - values[1], "*": values[0] * values[1]}[op]
        else:
            with np.errstate(all="ignore"):
                result = compute(op, literal_number(values[0]), literal_number(values[1])).data.item()
        return self.constant(result, node)

    def constant(self, value: Any, node: Node) -> Checked:
        if isinstance(value, float) and not math.isfinite(value):
            self.fail("the result of this is not a finite number", node)
        if isinstance(value, int) and not INTEGER_BOUNDS[0] <= value <= INTEGER_BOUNDS[1]:
            self.fail("this integer does not fit into 64 bits", node)
        return Checked(("number", value), Kind("number"))

    def comparison(self, node: Node) -> Checked:
        operators: tuple[str, ...] = node.value  # type: ignore[assignment]
        parts = [self.check(child) for child in node.children]
        for i, op in enumerate(operators):
            self.comparable(op, parts[i], parts[i + 1], node.children[i], node.children[i + 1])
        if len(operators) == 1:
            return Checked(("compare", operators[0], parts[0].tree, parts[1].tree), Kind("truth"))
        return Checked(("chain", operators, tuple(part.tree for part in parts)), Kind("truth"))

    def comparable(self, op: str, a: Checked, b: Checked, at_a: Node, at_b: Node) -> None:
        """Raise unless ``a op b`` is defined."""
        if a.literal is not None and b.literal is not None:
            self.fail("two constants are compared; a column is missing", at_a)
        if a.literal is not None or (b.kind.family == "category" and a.kind.family != "category"):
            a, b, at_a, at_b = b, a, at_b, at_a
        first, second = a.kind.family, b.kind.family
        if "unknown" in (first, second):
            return
        if first == "category":
            self.comparable_category(op, a, b, at_b)
        elif first in ("time", "duration") and b.tree[0] == "text":
            self.moment(a.kind, b, at_b)
        elif first == second == "time" and (a.kind.zone is None) != (b.kind.zone is None):
            self.fail("one of these two times has a time zone and the other has none", at_b)
        elif first != second and {first, second} != {"number", "truth"}:
            hint = "; put it in quotes" if first == "text" and b.tree[0] == "number" else ""
            self.fail(f"{_SAID[first]} cannot be compared with {_SAID[second]}{hint}", at_b)

    def comparable_category(self, op: str, a: Checked, b: Checked, at: Node) -> None:
        if op in ("==", "!="):
            # Compared by label: the same rules as for a column of the labels' type.
            bare = Kind(b.kind.label_family) if b.kind.family == "category" else b.kind
            self.comparable(op, replace(a, kind=Kind(a.kind.label_family)), replace(b, kind=bare), at, at)
            return
        if b.literal is None or not a.kind.ordered:
            self.fail("only an ordered category can be compared so, and only with one of its labels", at)
        if a.kind.labels is not None and b.literal not in a.kind.labels:
            self.fail("this is not one of the labels of the ordered category", at)

    def moment(self, kind: Kind, literal: Checked, node: Node) -> None:
        """Check the text that a time or a duration is compared with."""
        try:
            if kind.family == "time":
                timestamp(str(literal.literal), kind.zone)
            else:
                timedelta(str(literal.literal))
        except ValueError as error:
            self.fail(f"'{printable(str(literal.literal))}' {error}", node)

    def membership(self, node: Node) -> Checked:
        left = self.check(node.children[0])
        if left.literal is not None:
            self.fail("a constant cannot be looked up in a list; a column is missing", node.children[0])
        values = []
        for child in node.children[1].children:
            item = self.check(child)
            if item.literal is None:
                self.fail("a list may hold only numbers, texts, True and False", child)
            self.comparable("==", left, item, node.children[0], child)
            values.append(item.literal)
        texts = sum(isinstance(value, str) for value in values)
        if texts not in (0, len(values)):
            self.fail("a list may not mix texts with numbers", node.children[1])
        return Checked((node.tag, left.tree, tuple(values)), Kind("truth"))

    def call(self, node: Node) -> Checked:
        name = str(node.value)
        if name not in _NAMES:
            self.fail(f"there is no function '{printable(name[:60])}'; there are {', '.join(_NAMES)}", node)
        least, most = _ARGUMENTS.get(name, (2, 2) if name in _TEXT_FUNCTIONS else (1, 1))
        if not least <= len(node.children) <= most:
            wanted = str(least) if least == most else f"{least} to {most}"
            self.fail(f"{name} takes {wanted} argument(s), and here are {len(node.children)}", node)
        parts = [self.check(child) for child in node.children]
        tree = ("call", name, *(part.tree for part in parts))
        if name in _MISSING_FUNCTIONS:
            if parts[0].literal is not None:
                self.fail(f"{name} needs a column", node.children[0])
            return Checked(tree, Kind("truth"))
        if name in _TEXT_FUNCTIONS:
            return self.text_call(tree, parts, node)
        if name == "between":
            self.comparable(">=", parts[0], parts[1], node.children[0], node.children[1])
            self.comparable("<=", parts[0], parts[2], node.children[0], node.children[2])
            return Checked(tree, Kind("truth"))
        for child, part in zip(node.children, parts, strict=True):
            self.numeric(child, part)
        digits = parts[1].literal if name == "round" and len(parts) == 2 else 0
        if not isinstance(digits, int) or abs(digits) > 15:
            self.fail("round needs a whole number of digits from -15 to 15", node.children[1])
        if all(part.literal is not None for part in parts):
            with np.errstate(all="ignore"):
                result = FUNCTIONS[name](*(literal_number(part.literal) for part in parts)).data.item()
            return self.constant(result, node)
        return Checked(tree, Kind("number"))

    def text_call(self, tree: tuple[Any, ...], parts: list[Checked], node: Node) -> Checked:
        kind = parts[0].kind
        family = kind.label_family if kind.family == "category" else kind.family
        if parts[0].literal is not None or family not in ("text", "unknown"):
            self.fail(f"{node.value} needs a text column first", node.children[0])
        if parts[1].tree[0] != "text":
            self.fail(f"{node.value} needs a text in quotes second", node.children[1])
        return Checked(tree, Kind("truth"))
