"""The page of `view`: from a mouse event in the browser to the new frame in it, beside the notebook's way to draw a frame."""

from __future__ import annotations

import re
import shutil
import sys
from typing import Any

from pvbench import data
from pvbench.model import Row, Samples, at_least
from pvbench.session import Session

NAME = "page"
TITLE = "From a mouse event to the new frame"
WIDTH, HEIGHT, PANEL = 800, 500, 320
MOVES = 60


def run(session: Session) -> list[Row]:
    """Drag in a real Chromium; then the notebook's glyphs of a few of the stars, in a view of the same size."""
    settings = session.settings
    dataset = session.frame(settings.page_rows)
    session.say(f"{NAME}: {settings.page_rows:,} stars")
    seconds = [one / 1000 for one in drag(session, dataset)]
    peer = glyph_frames(session)
    ours = Samples.of(seconds, "s")
    note = f"its glyphs of {settings.glyph_stars:,} stars alone: as many as ours would take longer, and do not fit into memory"
    what = f"{settings.page_rows:,} stars, {settings.ranks} ranks: event to frame in a drag, {WIDTH} x {HEIGHT}"
    ratio = peer.median / ours.median
    return [Row(NAME, what, ours, peer, "a frame of the notebook's Glyph", ratio, target=at_least(1.0), note=note)]


def glyph_frames(session: Session) -> Samples:
    """Seconds that a frame of the notebook's glyphs takes."""
    settings = session.settings
    job: dict[str, Any] = {
        "do": "frames",
        "dataset": session.frame(settings.glyph_stars),
        "column": data.VALUES[0],
        "representations": [],
        "repeat": settings.repeat,
        "frames": settings.frames,
        "size": [WIDTH, HEIGHT],
        "distance": 900.0,
    }
    return Samples.of([1 / rate for rate in session.job("pictures.py", job)["fps"]["Glyph"]], "s")


def drag(session: Session, dataset: str) -> list[float]:
    """Milliseconds from the first event that a frame answers to the frame on the canvas, for each frame of a drag."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium")
    if chromium is None:
        raise RuntimeError("there is no chromium: `./run test` installs it")
    url = serve(session, dataset)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": WIDTH + PANEL, "height": HEIGHT})
        page.goto(url)
        page.wait_for_function("document.body?.dataset.drag === 'false'", timeout=300_000)
        page.mouse.move(WIDTH / 2, HEIGHT / 2)
        page.mouse.down()
        for step in range(MOVES):
            page.mouse.move(WIDTH / 2 + 3 * step, HEIGHT / 2 + step)
            page.wait_for_timeout(50)
        page.mouse.up()
        page.wait_for_function("document.body.dataset.drag === 'false'", timeout=300_000)
        latencies: list[float] = page.evaluate("window.pvdask.view.stats.latencies")
        browser.close()
    return latencies[1:] or latencies  # the first waits for what a representation prepares once


def serve(session: Session, dataset: str) -> str:
    """Start `pvdask view`; its address. It ends with the session."""
    command = [sys.executable, "-m", "pvdask", "view", "-n", str(session.settings.ranks), "--port", "0"]
    options = ["--scheduler-file", session.connection.scheduler_file, "--dataset", dataset]
    process = session.stack.start([*command, *options], name="view")
    line = process.wait_for_line(lambda text: text.startswith("ready: "), 120.0)
    match = re.match(r"ready: (\S+)", line or "")
    if match is None:
        raise RuntimeError(f"`pvdask view` did not start: {process.tail()}")
    return match[1]
