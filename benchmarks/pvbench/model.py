"""What is measured: samples, a target, and one row of the table."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Samples:
    """Values of one thing, in the order in which they were measured."""

    values: tuple[float, ...]
    unit: str

    @classmethod
    def of(cls, values: Sequence[float], unit: str) -> Samples:
        """From any sequence."""
        return cls(tuple(float(value) for value in values), unit)

    @property
    def median(self) -> float:
        """The middle one."""
        return statistics.median(self.values)

    def as_json(self) -> dict[str, Any]:
        """For the results file."""
        extremes = {"min": min(self.values), "max": max(self.values)}
        return {"unit": self.unit, "median": self.median, **extremes, "values": list(self.values)}


@dataclass(frozen=True)
class Target:
    """What has to be reached: at least (or at most) `value`."""

    at_least: bool
    value: float
    unit: str

    def is_met(self, reached: float) -> bool:
        """Whether it was."""
        return reached >= self.value if self.at_least else reached <= self.value

    def __str__(self) -> str:
        return f"{'>=' if self.at_least else '<='} {self.value:g} {self.unit}"


def at_least(value: float, unit: str = "x") -> Target:
    """A target that is met from `value` upwards."""
    return Target(True, value, unit)


def at_most(value: float, unit: str) -> Target:
    """A target that is met up to `value`."""
    return Target(False, value, unit)


@dataclass(frozen=True)
class Row:
    """One line of the table.

    `ours` is this project's, `peer` what it is measured against, `reached` the figure that is held against `target`.
    """

    benchmark: str
    what: str
    ours: Samples
    peer: Samples | None = None
    peer_name: str = ""
    reached: float | None = None
    reached_unit: str = "x"
    target: Target | None = None
    note: str = ""
    detail: dict[str, Any] = field(default_factory=dict)

    @property
    def met(self) -> bool | None:
        """Whether the target was met; None where there is none."""
        return None if self.target is None or self.reached is None else self.target.is_met(self.reached)

    def as_json(self) -> dict[str, Any]:
        """For the results file."""
        target = None
        if self.target is not None:
            target = {"at_least": self.target.at_least, "value": self.target.value, "unit": self.target.unit}
        return {
            "benchmark": self.benchmark,
            "what": self.what,
            "ours": self.ours.as_json(),
            "peer": self.peer.as_json() if self.peer else None,
            "peer_name": self.peer_name,
            "reached": self.reached,
            "reached_unit": self.reached_unit,
            "target": target,
            "met": self.met,
            "note": self.note,
            "detail": self.detail,
        }


def faster(
    benchmark: str, what: str, ours: Samples, peer: Samples, peer_name: str, target: float | None = None, **extra: Any
) -> Row:
    """A row whose figure is how many times longer the peer takes."""
    goal = None if target is None else at_least(target)
    return Row(benchmark, what, ours, peer, peer_name, peer.median / ours.median, "x", goal, **extra)
