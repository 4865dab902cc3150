"""Growth: time a row, and bytes to and from the scheduler, from small frames to large ones."""

from __future__ import annotations

import statistics

from pvbench import data
from pvbench.model import Row, Samples, at_most
from pvbench.session import SchedulerCounter, Session

NAME = "growth"
TITLE = "Growth"
NOISE = 1.15
"""What two runs of the same size differ by on an idle machine."""


def run(session: Session) -> list[Row]:
    """All sizes in one process, one after another, as often as there are turns."""
    settings = session.settings
    sizes = settings.growth_rows
    n_partitions = settings.ranks
    many = 8 * settings.ranks
    cases = [(size, n_partitions) for size in sizes] + [(sizes[0], many)]
    datasets = {case: session.frame(*case) for case in cases}
    seconds: dict[tuple[int, int], list[float]] = {case: [] for case in cases}
    sent: dict[tuple[int, int], list[dict[str, float]]] = {case: [] for case in cases}
    with session.client() as client:
        counter = SchedulerCounter(client)

        def on_mark(label: str) -> None:
            if label.startswith("begin"):
                counter.start()
            else:
                size, parts = map(int, label.split("-")[1:3])
                sent[size, parts].append(counter.stop())

        steps: list[dict[str, object]] = [{"do": "pull", "columns": [data.VALUES[0]]}]
        for turn in range(settings.repeat * settings.warm):
            for case in cases:
                name = f"{case[0]}-{case[1]}-{turn}"
                steps.append({"do": "mark", "label": f"begin-{name}"})
                steps.append(
                    {
                        "do": "pull",
                        "dataset": datasets[case],
                        "refresh": True,
                        "columns": [data.VALUES[0]],
                        "case": case,
                    }
                )
                steps.append({"do": "mark", "label": f"end-{name}"})
        session.say(f"{NAME}: {', '.join(f'{size:,}' for size in sizes)} rows")
        for result in session.ours(datasets[cases[0]], steps, on_mark=on_mark):
            if "case" in result:
                seconds[tuple(result["case"])].append(result["seconds"])
    return _rows(session, seconds, sent)


def _rows(
    session: Session, seconds: dict[tuple[int, int], list[float]], sent: dict[tuple[int, int], list[dict[str, float]]]
) -> list[Row]:
    sizes, n_partitions = session.settings.growth_rows, session.settings.ranks
    many = 8 * n_partitions
    time_a_row = {size: Samples.of([s / size * 1e9 for s in seconds[size, n_partitions]], "ns/row") for size in sizes}
    to_scheduler = {
        case: Samples.of([count["received"] / 1e3 for count in counts], "kB") for case, counts in sent.items()
    }
    rows = [Row(NAME, f"{size:,} rows: time a row", time_a_row[size], detail={"rows": size}) for size in sizes]
    growth = time_a_row[sizes[-1]].median / time_a_row[sizes[0]].median
    rows.append(
        Row(
            *(
                NAME,
                f"time a row, {sizes[-1]:,} against {sizes[0]:,} rows",
                time_a_row[sizes[-1]],
                time_a_row[sizes[0]],
            ),
            *(f"{sizes[0]:,} rows", growth, "x", at_most(NOISE, "x"), "does not grow, but for noise"),
        )
    )
    for size in sizes:
        detail = {"rows": size, "sent_kB": statistics.median(count["sent"] for count in sent[size, n_partitions]) / 1e3}
        rows.append(
            Row(
                NAME, f"{size:,} rows: sent to the scheduler in a pull", to_scheduler[size, n_partitions], detail=detail
            )
        )
    few, most = to_scheduler[sizes[0], n_partitions], to_scheduler[sizes[-1], n_partitions]
    what = f"sent to the scheduler, {sizes[-1]:,} against {sizes[0]:,} rows"
    rows.append(
        Row(
            NAME,
            what,
            most,
            few,
            f"{sizes[0]:,} rows",
            most.median / few.median,
            "x",
            at_most(NOISE, "x"),
            "by all, heartbeats taken off",
        )
    )
    more = to_scheduler[sizes[0], many]
    what = f"sent to the scheduler, {many} against {n_partitions} partitions"
    rows.append(Row(NAME, what, more, few, f"{n_partitions} partitions", more.median / few.median))
    return rows
