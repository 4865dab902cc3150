"""`./run bench`: measure this project against what it takes the place of, in one run, side by side."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from pvbench import machine, plots, report, settings
from pvbench.model import Row
from pvbench.session import Session
from pvbench.suites import (
    csv,
    frames,
    growth,
    memory,
    page,
    persisted,
    picture,
    recolour,
    startup,
    table,
    timeline,
    wire,
)

SUITES = (csv, persisted, wire, recolour, memory, growth, frames, page, picture, timeline, startup, table)


def main(words: list[str]) -> int:
    """Run the benchmarks; 0 where all of them ran, whatever their figures."""
    chosen = settings.parse(words, [suite.NAME for suite in SUITES])
    rows: list[Row] = []
    failed: dict[str, str] = {}
    loads: dict[str, Any] = {}
    with Session(chosen) as session:
        for suite in SUITES:
            if not chosen.only or suite.NAME in chosen.only:
                meter = machine.LoadMeter()
                try:
                    rows += suite.run(session)
                except Exception as error:  # the others still have something to tell
                    failed[suite.NAME] = str(error) or repr(error)
                    session.say(f"{suite.NAME} FAILED: {failed[suite.NAME]}")
                except (KeyboardInterrupt, SystemExit):  # what was measured until here is kept
                    failed[suite.NAME] = "stopped"
                    break
                loads[suite.NAME] = meter.read()
        content = {
            "machine": machine.facts(session.install),
            "load": loads,
            "failed": failed,
            "timeline": session.timeline,
        }
        phases = session.timeline
    path = report.write_json(chosen.output, content, rows, chosen)
    pictures = plots.write_plots(chosen.output, rows, phases)
    print(report.table(rows))
    print(f"\nload: {loads}")
    print("wrote", *(each.name for each in (path, *pictures)), "to", chosen.output)
    missed = [row.what for row in rows if row.met is False]
    print(f"{len(rows)} figures, {len(missed)} targets missed, {len(failed)} benchmarks failed {sorted(failed) or ''}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
