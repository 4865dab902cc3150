"""docs/faults.md: what goes wrong, what the user sees, what to do; made from what the tests saw."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from faults import Fault

DOCS = Path(__file__).resolve().parents[1] / "docs" / "faults.md"

HEAD = """# When something goes wrong

Whatever happens to the cluster, all ranks of ParaView end together within `Timeout`, say the same one sentence, and show nothing
rather than a part: an empty output, with the arrays that were there before. What comes behind the source goes on working. Once the
cause is mended, **Refresh** (or any change that is applied) pulls again. `pvdask render` then writes no picture and exits with
status 1; with `--keep-going` it draws the rest, and says what is missing.

This table is made by `tests/test_faults.py`, which breaks a real cluster in each of these ways, under pvbatch and under
pvserver, on 1, 2 and 3 ranks; the sentences are those that it saw. (`PVDASK_WRITE_DOCS=1` with that test writes it anew.)

| what happens | what is said | what to do |
|---|---|---|
"""

ANONYMOUS = (
    (r"GB on \S+ for \d rank\(s\)", "GB on HOST for N rank(s)"),
    (r"SampleFraction of [\d.]+", "SampleFraction of F"),
    (r"tcp://127\.0\.0\.1:\d+", "tcp://HOST:PORT"),
    (r"/\S*/(\S+\.json)", r"/PATH/\1"),
    (r"\(on rank \d of \d\)", "(on rank R of N)"),
    (r"on \d rank\(s\)", "on N rank(s)"),
    (r"\d+ of \d+ blocks", "K of N blocks"),
    (
        r"(direct from workers; )?(K of N blocks by way of the scheduler(; )?)+(direct from workers)?",
        "K of N blocks by way of the scheduler",
    ),
    (r"[\d.,]+ (GB|MB)", r"N \1"),
    (r"pvdask-\w+-[0-9a-f]+-?\d*", "TASK"),
)


def anonymous(sentence: str) -> str:
    """A sentence without what is another in each run."""
    for pattern, word in ANONYMOUS:
        sentence = re.sub(pattern, word, sentence)
    return " ".join(sentence.split())


def line_of(fault: Fault, sentence: str) -> str:
    """A fault's line of the table."""
    said = ("(complete) " if fault.survives else "") + anonymous(sentence)
    return f"| {fault.name} | {said.replace('|', '/')} | {fault.cure} |"


def page(faults: Sequence[Fault], seen: Mapping[str, str]) -> str:
    """The whole page."""
    return HEAD + "\n".join(line_of(fault, seen[fault.name]) for fault in faults) + "\n"
