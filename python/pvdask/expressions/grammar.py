"""The grammar of the row filter: text -> tokens -> nodes, by a lexer and a parser of our own.

Python's ``ast`` is not used: it crashes or raises on hostile input (null bytes, nesting), counts columns in UTF-8 bytes,
knows no backticks, and would first build all the syntax that has to be refused afterwards. Here only what is listed
exists. Nothing in this module looks at types or at data.
"""

from __future__ import annotations

import keyword
import re
import unicodedata
from dataclasses import dataclass
from typing import NoReturn

from pvdask.errors import ExpressionError

MAXIMUM_CHARACTERS = 10_000
MAXIMUM_DEPTH = 100
MAXIMUM_NODES = 2_000
MAXIMUM_LIST = 1_000
INTEGER_BOUNDS = (-(2**63), 2**64 - 1)

_SPACE = re.compile(r"[ \t\r\n]+")
_NUMBER = re.compile(r"(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_NAME = re.compile(r"[^\W\d]\w*")
_OPERATOR = re.compile(r"\*\*|//|==|!=|<=|>=|[-+*/%<>&|~(),\[\]]")
_COLUMN = re.compile(r"`((?:[^`]|``)*)`")
_TEXT = re.compile(r"'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\"", re.DOTALL)
_ESCAPE = re.compile(r"\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", "'": "'", '"': '"'}
_HINTS = {
    "@": "variables (@name) do not exist here; write the value itself",
    ".": "attributes and methods are not allowed; a column name with a dot goes in backticks",
    "=": "use == to compare",
    "!": "use not, or != to compare",
    "^": "use ** for a power",
    ":": "slices, lambda and := are not allowed",
    ";": "a filter is one condition; join conditions with and, or",
    "{": "dictionaries and sets are not allowed; a list is written [1, 2]",
    "\\": "a backslash has no meaning outside quotes",
    "\0": "null characters are not allowed",
}


@dataclass(frozen=True)
class Token:
    """A piece of the text: `kind` is number, text, column, name, operator or end."""

    kind: str
    value: str
    position: int


@dataclass(frozen=True)
class Node:
    """A piece of the syntax tree that still knows where it came from.

    `tag` is one of number, text, truth, column, list, negative, positive, arithmetic, compare, in, not in, and, or, not,
    call; `value` is the literal, the name, or the operator(s).
    """

    tag: str
    value: object
    children: tuple[Node, ...]
    position: int
    depth: int = 1


def printable(text: str) -> str:
    """Return `text`, as long as before, with each character that a terminal would obey or refuse made visible."""
    if text.isprintable():
        return text
    return "".join(_visible(character) for character in text)


def _visible(character: str) -> str:
    if ord(character) < 32:
        return chr(0x2400 + ord(character))
    hidden = character != " " and unicodedata.category(character)[0] in "CZ"
    return "\N{REPLACEMENT CHARACTER}" if hidden else character


def fail(message: str, text: str, position: int) -> NoReturn:
    """Raise an `ExpressionError` whose text is safe to print."""
    raise ExpressionError(message, printable(text), position)


def tokens_of(text: str) -> list[Token]:
    """Cut `text` into tokens; the last one has the kind ``"end"``.

    Raises
    ------
    ExpressionError
        The text is too long, or holds a character, number or string that is not allowed.
    """
    if len(text) > MAXIMUM_CHARACTERS:
        message = f"the text has {len(text):,} characters; at most {MAXIMUM_CHARACTERS:,} are allowed"
        fail(message, text[:80] + "…", 80)
    tokens: list[Token] = []
    position = 0
    while position < len(text):
        space = _SPACE.match(text, position)
        if space:
            position = space.end()
            continue
        token, position = _token(text, position)
        tokens.append(token)
    return [*tokens, Token("end", "", len(text))]


def _token(text: str, position: int) -> tuple[Token, int]:
    """Return the token at `position` and where the next one may start."""
    character = text[position]
    if character == "`":
        return _column_token(text, position)
    if character in "'\"":
        return _text_token(text, position)
    # A number first: the dot of ".5" is no attribute access.
    if number := _NUMBER.match(text, position):
        if _NAME.match(text, number.end()) or text[number.end() : number.end() + 1] in ("'", '"'):
            fail("a number is digits, a point and an exponent: 12, 0.5, 1e-3", text, number.end())
        return Token("number", number.group(), position), number.end()
    if name := _NAME.match(text, position):
        if text[name.end() : name.end() + 1] in ("'", '"') and not keyword.iskeyword(name.group()):
            fail("text takes no prefix (f, r, b, u); write 'text'", text, position)
        return Token("name", name.group(), position), name.end()
    if operator := _OPERATOR.match(text, position):
        return Token("operator", operator.group(), position), operator.end()
    hint = _HINTS.get(character, "this character has no meaning outside quotes and backticks")
    return fail(f"unexpected '{printable(character)}': {hint}", text, position)


def _column_token(text: str, position: int) -> tuple[Token, int]:
    match = _COLUMN.match(text, position)
    if match is None:
        fail("this backtick has no partner; a column name is written `like this`", text, position)
    if not match.group(1):
        fail("there is no column name between these backticks", text, position)
    return Token("column", match.group(1).replace("``", "`"), position), match.end()


def _text_token(text: str, position: int) -> tuple[Token, int]:
    match = _TEXT.match(text, position)
    if match is None:
        fail("this quote has no partner", text, position)

    def decoded(escape: re.Match[str]) -> str:
        body = escape.group()[1:]
        if len(body) > 1:
            code = int(body[1:], 16)
            if code <= 0x10FFFF:
                return chr(code)
        elif body in _ESCAPES:
            return _ESCAPES[body]
        return fail("unknown escape; \\\\ is a backslash", text, position + 1 + escape.start())

    body = match.group(1) if match.group(1) is not None else match.group(2)
    return Token("text", _ESCAPE.sub(decoded, body), position), match.end()


def number_of(token: Token, text: str) -> int | float:
    """Return the value of a number token: an int within 64 bits, or a finite float."""
    if token.value.isdigit():
        # Length first: turning thousands of digits into an int is slow, and Python refuses it with its own error.
        if len(token.value.lstrip("0")) > 20 or int(token.value) > INTEGER_BOUNDS[1]:
            fail("this integer does not fit into 64 bits", text, token.position)
        return int(token.value)
    value = float(token.value)
    if value in (float("inf"), float("-inf")):
        fail("this number is too large", text, token.position)
    return value
