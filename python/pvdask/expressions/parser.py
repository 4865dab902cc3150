"""The parser of the row filter: tokens -> `Node` tree, by precedence climbing, with every limit checked on the way.

Precedence is that of ``pandas.DataFrame.query``, which reads ``&`` and ``|`` as ``and`` and ``or``::

    or |   <   and &   <   not   <   == != < <= > >= in   <   + -   <   * / // %   <   - + ~ (before a value)   <   **
"""

from __future__ import annotations

import keyword

from pvdask.expressions.grammar import (
    MAXIMUM_DEPTH,
    MAXIMUM_LIST,
    MAXIMUM_NODES,
    Node,
    Token,
    fail,
    number_of,
    printable,
    tokens_of,
)

_OR, _AND, _NOT, _COMPARE, _SUM, _PRODUCT, _SIGN, _POWER = range(1, 9)
_JOINING = {"or": ("or", _OR), "|": ("or", _OR), "and": ("and", _AND), "&": ("and", _AND)}
_COMPARISONS = frozenset(("==", "!=", "<", "<=", ">", ">="))
_ARITHMETIC = {"+": _SUM, "-": _SUM, "*": _PRODUCT, "/": _PRODUCT, "//": _PRODUCT, "%": _PRODUCT, "**": _POWER}
_NOT_NAMES = {
    "is": "'is' is not allowed; use ==, or isna(column)",
    "if": "'if … else' is not allowed; use and, or",
    "None": "None is not a value here; use isna(column) or notna(column)",
}


def parse_nodes(text: str) -> Node:
    """Return the syntax tree of `text`.

    Raises
    ------
    ExpressionError
        The text is not of the grammar, or larger or deeper than allowed.
    """
    tokens = tokens_of(text)
    if tokens[0].kind == "end":
        fail("the filter is empty", text, 0)
    parser = _Parser(text, tokens)
    try:
        node = parser.expression(_OR)
    except RecursionError:
        # MAXIMUM_DEPTH is far below Python's own limit, but the caller may already be deep.
        fail("the expression is nested too deeply", text, parser.next.position)
    if parser.next.kind != "end":
        parser.refuse_next()
    return node


class _Parser:
    """One pass over the tokens; `nesting` counts the open recursions, `count` the nodes made."""

    def __init__(self, text: str, tokens: list[Token]) -> None:
        self.text = text
        self.tokens = tokens
        self.index = 0
        self.nesting = 0
        self.count = 0

    @property
    def next(self) -> Token:
        return self.tokens[self.index]

    def take(self) -> Token:
        token = self.tokens[self.index]
        self.index += 1
        return token

    def at(self, *values: str) -> bool:
        """Whether the next token is one of these operators or words; never a quoted one."""
        return self.next.kind in ("operator", "name") and self.next.value in values

    def expect(self, value: str) -> None:
        if not self.at(value):
            fail(f"expected '{value}' here", self.text, self.next.position)
        self.index += 1

    def node(self, tag: str, value: object, children: tuple[Node, ...], position: int) -> Node:
        depth = 1 + max((child.depth for child in children), default=0)
        self.count += 1
        if self.count > MAXIMUM_NODES:
            fail(f"the expression has more than {MAXIMUM_NODES:,} parts", self.text, position)
        if depth > MAXIMUM_DEPTH:
            fail(f"the expression is nested deeper than {MAXIMUM_DEPTH} levels", self.text, position)
        return Node(tag, value, children, position, depth)

    def expression(self, minimum: int) -> Node:
        """Parse operators that bind at least as tightly as `minimum`."""
        self.nesting += 1
        if self.nesting > MAXIMUM_DEPTH:
            message = f"the expression is nested deeper than {MAXIMUM_DEPTH} levels"
            fail(message, self.text, self.next.position)
        left = self.prefix(minimum)
        while (joined := self.infix(left, minimum)) is not None:
            left = joined
        self.nesting -= 1
        return left

    def infix(self, left: Node, minimum: int) -> Node | None:
        """Join `left` with what follows it, or return None where nothing that binds tightly enough does."""
        token = self.next
        if token.kind not in ("operator", "name"):
            return None
        if token.value in _JOINING and _JOINING[token.value][1] >= minimum:
            tag, power = _JOINING[token.value]
            self.index += 1
            return self.joined(tag, left, self.expression(power + 1), token.position)
        if token.value in _ARITHMETIC and _ARITHMETIC[token.value] >= minimum:
            self.index += 1
            # ** is right-associative and takes a signed exponent, as in Python.
            power = _SIGN if token.value == "**" else _ARITHMETIC[token.value] + 1
            children = (left, self.expression(power))
            return self.node("arithmetic", token.value, children, token.position)
        if minimum <= _COMPARE and (token.value in _COMPARISONS or token.value in ("in", "not")):
            return self.comparison(left)
        return None

    def joined(self, tag: str, left: Node, right: Node, position: int) -> Node:
        """Flatten ``a or b or c`` into one node, so that a long list of conditions is not a deep one."""
        parts = [*(left.children if left.tag == tag else (left,)), *(right.children if right.tag == tag else (right,))]
        return self.node(tag, None, tuple(parts), position)

    def comparison(self, left: Node) -> Node:
        start = self.next
        if start.value in ("in", "not"):
            return self.membership(left)
        operators: list[str] = []
        operands = [left]
        while self.next.kind == "operator" and self.next.value in _COMPARISONS:
            token = self.take()
            if self.at("["):
                if operators or token.value not in ("==", "!="):
                    fail("a list can only be compared with in, not in, == or !=", self.text, self.next.position)
                tag = "in" if token.value == "==" else "not in"
                return self.not_chained(self.node(tag, None, (left, self.values()), token.position))
            operators.append(token.value)
            operands.append(self.expression(_COMPARE + 1))
        node = self.node("compare", tuple(operators), tuple(operands), start.position)
        return self.not_chained(node)

    def membership(self, left: Node) -> Node:
        token = self.take()
        tag = "in"
        if token.value == "not":
            self.expect("in")
            tag = "not in"
        if not self.at("[", "("):
            fail(f"'{tag}' needs a list of values: [1, 2] or ('a', 'b')", self.text, self.next.position)
        return self.not_chained(self.node(tag, None, (left, self.values()), token.position))

    def not_chained(self, node: Node) -> Node:
        """Refuse ``a < b in [1]``: Python reads it as two conditions, most people as something else."""
        if self.at("in", "not", *_COMPARISONS):
            fail("put one of these two comparisons in parentheses", self.text, self.next.position)
        return node

    def values(self) -> Node:
        """Parse ``[a, b]`` or ``(a, b)`` behind ``in``."""
        opening = self.take()
        closing = "]" if opening.value == "[" else ")"
        items: list[Node] = []
        while not self.at(closing):
            items.append(self.expression(_SUM))
            if len(items) > MAXIMUM_LIST:
                fail(f"a list may hold at most {MAXIMUM_LIST:,} values", self.text, items[-1].position)
            if not self.at(closing):
                if not self.at(","):
                    fail(f"expected ',' or '{closing}' here", self.text, self.next.position)
                self.index += 1
        self.index += 1
        return self.node("list", None, tuple(items), opening.position)

    def prefix(self, minimum: int) -> Node:
        """Parse a value, or an operator in front of one."""
        token = self.take()
        if token.kind == "number":
            return self.node("number", number_of(token, self.text), (), token.position)
        if token.kind in ("text", "column"):
            return self.node(token.kind, token.value, (), token.position)
        if token.kind == "name":
            return self.word(token, minimum)
        if token.value == "(":
            inside = self.expression(_OR)
            if self.at(","):
                fail("a tuple is only allowed after in, not in", self.text, self.next.position)
            self.expect(")")
            return inside
        if token.value in ("-", "+", "~"):
            tag = {"-": "negative", "+": "positive", "~": "not"}[token.value]
            return self.node(tag, None, (self.expression(_SIGN),), token.position)
        self.index -= 1
        return self.refuse_next()

    def word(self, token: Token, minimum: int) -> Node:
        """Parse what starts with a bare word: not, True, False, a call or a column."""
        if token.value == "not":
            if minimum > _NOT:
                fail("put 'not …' in parentheses here", self.text, token.position)
            return self.node("not", None, (self.expression(_NOT),), token.position)
        if token.value in ("True", "False"):
            return self.node("truth", token.value == "True", (), token.position)
        if keyword.iskeyword(token.value):
            message = f"'{token.value}' is not allowed here; a column of that name goes in backticks"
            fail(_NOT_NAMES.get(token.value, message), self.text, token.position)
        if token.value.startswith("__"):
            fail("names that start with __ are only allowed as `column names`", self.text, token.position)
        if self.at("("):
            return self.call(token)
        return self.node("column", token.value, (), token.position)

    def call(self, name: Token) -> Node:
        self.expect("(")
        arguments: list[Node] = []
        while not self.at(")"):
            arguments.append(self.expression(_OR))
            if not self.at(")"):
                self.expect(",")
        self.expect(")")
        return self.node("call", name.value, tuple(arguments), name.position)

    def refuse_next(self) -> Node:
        """Raise, with the best reason there is, because the next token cannot stand where it does."""
        token, before = self.next, self.tokens[self.index - 1] if self.index else None
        shown = printable(token.value)
        if token.kind == "end":
            message = "the expression ends too early: a value is missing"
        elif token.value == "[" and token.kind == "operator":
            message = "subscripts are not allowed; write a column whose name has brackets in backticks: `name[unit]`"
        elif token.value == "(" and token.kind == "operator":
            message = "only a plain function name can be called"
        elif before is not None and before.value in ("&", "|") and token.value == before.value:
            message = f"use one '{shown}', or the word {'and' if shown == '&' else 'or'}"
        elif token.kind == "name" and token.value in _NOT_NAMES:
            message = _NOT_NAMES[token.value]
        elif token.kind == "operator":
            message = f"'{shown}' cannot stand here; a column, a value or '(' was expected"
        else:
            message = "two values with no operator between them; a column name with spaces goes in backticks"
        return fail(message, self.text, token.position)
