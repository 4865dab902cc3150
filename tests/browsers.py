"""A real headless Chromium, Debian's, and what tests do in the page of `pvdask view`."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from commandline import start_command
from PIL import Image

START_TIMEOUT_S = 90.0
FRAME_TIMEOUT_MS = 60_000


def chromium() -> str:
    """The browser's program; `./run test` installs it."""
    found = shutil.which("chromium")
    assert found, "there is no chromium on the PATH: `./run test` installs it (Debian: chromium)"
    return found


@contextmanager
def browser() -> Iterator[Any]:
    """A headless Chromium for the time of a block."""
    from playwright.sync_api import sync_playwright

    # root has no sandbox; a machine of tests has no graphics card, and little shared memory
    options = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium(), args=options)
        try:
            yield opened
        finally:
            opened.close()


class ViewCommand:
    """A running `pvdask view`, and what it has written."""

    def __init__(self, *words: str, **environment: str) -> None:
        self.process = start_command("view", "--port", "0", *words, **environment)
        self.lines: list[str] = []
        self._said = threading.Condition()
        for stream in (self.process.stdout, self.process.stderr):
            threading.Thread(target=self._read, args=(stream,), daemon=True).start()

    def _read(self, stream: Any) -> None:
        for line in stream:
            with self._said:
                self.lines.append(line.rstrip())
                self._said.notify_all()

    def url(self) -> str:
        """Wait until it serves the page; where."""

        def found() -> str | None:
            matches = [re.match(r"ready: (\S+)", line) for line in self.lines]
            return next((match[1] for match in matches if match), None)

        with self._said:
            self._said.wait_for(lambda: found() or self.process.poll() is not None, START_TIMEOUT_S)
            url = found()
        assert url, f"it did not say that it is ready: {self.lines}"
        return url

    def stop(self) -> int:
        """Stop it as Ctrl-C does."""
        with suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise


@contextmanager
def served(*words: str, **environment: str) -> Iterator[ViewCommand]:
    """`pvdask view` for the time of a block."""
    command = ViewCommand(*words, **environment)
    try:
        yield command
    finally:
        command.stop()


class Visit:
    """One page, opened; what its console said is kept."""

    def __init__(self, opened: Any, url: str, *, waits: bool = True, **options: Any) -> None:
        self.context = opened.new_context(**{"viewport": {"width": 900, "height": 600}, **options})
        self.page = self.context.new_page()
        self.console: list[str] = []
        self.page.on("console", lambda message: self.console.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.console.append(f"pageerror: {error}"))
        self.page.goto(url)
        if waits:
            self.settle(0)

    def errors(self) -> list[str]:
        """What the console said that should not be there."""
        return [line for line in self.console if line.startswith(("error", "warning", "pageerror"))]

    def frames(self) -> int:
        """Frames that were drawn so far."""
        return int(self.page.evaluate("document.body.dataset.frames || 0"))

    def settle(self, after: int) -> None:
        """Wait until a full frame was drawn after so many, and nothing more is under way."""
        self.page.wait_for_function(
            "n => Number(document.body?.dataset.frames) > n && document.body.dataset.drag === 'false'"
            " && document.getElementById('busy')?.hidden && !window.pvdask.view.busy",
            arg=after,
            timeout=FRAME_TIMEOUT_MS,
        )

    @contextmanager
    def new_picture(self) -> Iterator[None]:
        """What is done in the block ends in a new picture."""
        before = self.frames()
        yield
        self.settle(before)

    def picture(self) -> np.ndarray:
        """Pixels of the canvas as the server drew them: height x width x 3."""
        url = self.page.evaluate("document.getElementById('view').toDataURL('image/png')")
        import base64

        with Image.open(BytesIO(base64.b64decode(url.partition(",")[2]))) as image:
            return np.asarray(image.convert("RGB")).astype(int)

    def drag(self, x: int, y: int, steps: int = 6) -> None:
        """Drag in the middle of the picture by so many pixels."""
        box = self.page.locator("#view").bounding_box()
        middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        self.page.mouse.move(*middle)
        self.page.mouse.down()
        for step in range(1, steps + 1):
            self.page.mouse.move(middle[0] + x * step / steps, middle[1] + y * step / steps)
            self.page.wait_for_timeout(30)
        self.page.mouse.up()

    def value(self, name: str) -> Any:
        """What a drop-down or a field holds."""
        return self.page.input_value(f"#{name}")

    def text(self, name: str) -> str:
        """What is written somewhere."""
        return str(self.page.inner_text(f"#{name}"))

    def received(self) -> int:
        """Bytes that the last pull received."""
        return int(self.page.get_attribute("#received", "data-bytes"))

    def message(self) -> str:
        """Wait for a message, and read it."""
        self.page.wait_for_selector("#message", state="visible", timeout=FRAME_TIMEOUT_MS)
        return self.text("message-text")

    def shot(self, path: Path) -> None:
        """Take a screenshot of the page, for a person."""
        self.page.screenshot(path=str(path))
