"""What reads other people's bytes, on the corpora of the fuzzers and on copies of them that were changed at random."""

from __future__ import annotations

import json
import random
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

FUZZ = Path(__file__).with_name("fuzz")
sys.path.insert(0, str(FUZZ))

import fuzz  # noqa: E402 - a script of its own folder
from fuzz import CHECKS  # noqa: E402

pytestmark = pytest.mark.unit

N_CHANGED = 1500
PIECES = (
    b"",
    b"{",
    b"]",
    b'"',
    b"-1",
    b"1e999",
    b"null",
    b"\x00",
    b"\xff\xfe",
    b"[" * 3000,
    b"9" * 400,
    b"true",
    b"\\ud800",
)
VALUES = (
    b"null",
    b"-1",
    b"1.5",
    b"1e999",
    b"NaN",
    b"9223372036854775808",
    b'""',
    b"[]",
    b"[[]]",
    b"{}",
    b"true",
    b'"x"',
)


def corpus(kind: str) -> list[bytes]:
    files = sorted((FUZZ / "corpus" / kind).iterdir())
    assert len(files) >= 5, f"the corpus of {kind} is all but empty"
    return [file.read_bytes() for file in files]


@pytest.mark.parametrize("kind", CHECKS)
def test_the_corpus_passes(kind: str) -> None:
    for data in corpus(kind):
        CHECKS[kind](data)


def with_other_bytes(data: bytes, chosen: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(chosen.randrange(1, 4)):
        start = chosen.randrange(len(changed) + 1)
        changed[start : start + chosen.randrange(4)] = chosen.choice(PIECES) or bytes([chosen.randrange(256)])
    return bytes(changed)


def with_other_values(data: bytes, chosen: random.Random) -> bytes:
    """JSON that stays JSON, mostly: one of its values, keys or brackets' contents is another."""
    places = list(re.finditer(rb'"[^"]*"|-?\d+|true|false|null|\[\]', data))
    if not places:
        return data
    place = chosen.choice(places)
    return data[: place.start()] + chosen.choice(VALUES) + data[place.end() :]


@pytest.mark.parametrize("kind", CHECKS)
@pytest.mark.parametrize("change", [with_other_bytes, with_other_values])
def test_changed_copies_of_it_pass(kind: str, change: Callable[[bytes, random.Random], bytes]) -> None:
    chosen = random.Random(11)
    seeds = corpus(kind)
    for _ in range(N_CHANGED):
        CHECKS[kind](change(chosen.choice(seeds), chosen))


def test_must_fail_a_check_that_lets_another_error_out_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def careless(data: bytes) -> Any:
        return json.loads(data)["scheduler"]

    monkeypatch.setattr(fuzz.plans.Plan, "from_bytes", careless)
    with pytest.raises(ValueError, match="line 1 column"):
        test_changed_copies_of_it_pass("plans", with_other_bytes)
