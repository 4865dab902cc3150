"""What one fault is, and the table that the others enter theirs into."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from faulty_cluster import FaultyCluster
from sessions import Session

TIMEOUT_S = 3.0
XYZ = {"XColumn": "x", "YColumn": "y", "ZColumn": "z"}
TICKED = ["source_id", "f4"]


@dataclass
class Apply:
    """What the user applies while something is broken."""

    properties: dict[str, Any] = field(default_factory=dict)
    columns: list[str] | None = None
    meanwhile: Callable[[], None] | None = None
    """Called once the pull is on its way."""

    @property
    def timeout_s(self) -> float:
        return float(self.properties.get("Timeout", TIMEOUT_S))


Make = Callable[[FaultyCluster, Session], Iterator[Apply]]


@dataclass(frozen=True)
class Fault:
    """One thing that can go wrong.

    Parameters
    ----------
    name : str
        What happens, as the table in the docs has it.
    make : callable
        Generator as above.
    says : str
        Regular expression that the one sentence has to match as a whole, as far as the first line goes.
    cure : str
        What the user does.
    survives : bool
        Whether the pull has to be complete nonetheless; `says` is then of the status.
    may_survive : bool
        Whether it may be: an agreed error is as good.
    """

    name: str
    make: Make
    says: str
    cure: str
    survives: bool = False
    may_survive: bool = False


FAULTS: list[Fault] = []


def fault(name: str, says: str, cure: str, **further: Any) -> Callable[[Make], Make]:
    """Enter a generator into the table."""

    def enter(make: Make) -> Make:
        FAULTS.append(Fault(name, make, says, cure, **further))
        return make

    return enter


WHOLE = r"3,000 of 3,000 rows on \d rank\(s\).*"
TRY_AGAIN = "Nothing: the picture is whole."
