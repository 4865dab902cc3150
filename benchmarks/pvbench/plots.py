"""Plots of a run, for the README."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pvbench.model import Row

OURS, PEER, MISSED = "#1f6fb4", "#b0b0b0", "#c0392b"


def write_plots(folder: Path, rows: Sequence[Row], timeline: Sequence[dict[str, Any]]) -> list[Path]:
    """Write what there are rows for; returns the files."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    written = []
    for name, draw, content in (
        (
            "speedup.png",
            _speedup,
            [row for row in rows if row.reached_unit == "x" and row.peer and row.ours.unit == "s"],
        ),
        ("growth.png", _growth, [row for row in rows if "rows" in row.detail]),
        ("timeline.png", _timeline, list(timeline)),
    ):
        if content:
            figure, axes = plt.subplots(figsize=(9, 0.5 + 0.45 * max(len(content), 4)))
            draw(axes, content)
            figure.tight_layout()
            figure.savefig(folder / name, dpi=120, metadata={"Software": None})
            plt.close(figure)
            written.append(folder / name)
    return written


def _speedup(axes: Any, rows: Sequence[Row]) -> None:
    """A bar a comparison, and a tick where the target is."""
    for index, row in enumerate(rows):
        axes.barh(index, row.reached, color=MISSED if row.met is False else OURS, height=0.6)
        axes.text(row.reached, index, f" {row.reached:.1f} x", va="center", fontsize=8)
        if row.target is not None:
            axes.plot([row.target.value] * 2, [index - 0.4, index + 0.4], color="black", linewidth=2)
    axes.set_yticks(range(len(rows)), [row.what for row in rows], fontsize=8)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xlabel("times as fast as the peer (black: the target)")
    axes.spines[["top", "right"]].set_visible(False)


def _growth(axes: Any, rows: Sequence[Row]) -> None:
    """Time a row, and bytes to the scheduler, over the rows."""
    for unit, color, label, target in (
        ("ns/row", OURS, "time a row (ns)", axes),
        ("kB", MISSED, "sent to the scheduler in a pull (kB)", axes.twinx()),
    ):
        points = [(row.detail["rows"], row.ours) for row in rows if row.ours.unit == unit]
        middle = [samples.median for _, samples in points]
        spread = [
            [samples.median - min(samples.values) for _, samples in points],
            [max(samples.values) - samples.median for _, samples in points],
        ]
        target.errorbar([size for size, _ in points], middle, yerr=spread, color=color, marker="o", capsize=3)
        target.set_ylabel(label, color=color)
        target.set_ylim(bottom=0)
    axes.set_xscale("log")
    axes.set_xlabel("rows")


def _timeline(axes: Any, phases: Sequence[dict[str, Any]]) -> None:
    """A bar a phase, from the command on."""
    for index, phase in enumerate(phases):
        axes.barh(index, phase["seconds"], left=phase["start"], color=OURS, height=0.6)
        axes.text(phase["start"] + phase["seconds"], index, f" {phase['seconds']:.2f} s", va="center", fontsize=8)
    axes.set_yticks(range(len(phases)), [phase["name"] for phase in phases], fontsize=8)
    axes.invert_yaxis()
    axes.set_xlim(0, max(phase["start"] + phase["seconds"] for phase in phases) * 1.12)
    axes.set_xlabel("seconds from the command")
    axes.spines[["top", "right"]].set_visible(False)
