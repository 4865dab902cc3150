"""How far a long step has come: a bar on a terminal, a plain line now and then elsewhere; on standard error."""

from __future__ import annotations

import shutil
import sys
import time
from types import TracebackType
from typing import TextIO

_BAR_WIDTH = 24
_TERMINAL_INTERVAL_S = 0.1
_PLAIN_INTERVAL_S = 2.0


class Progress:
    """Report progress towards a known total.

    Parameters
    ----------
    label : str
        What is being done, as a short clause: ``"reading the catalogue"``.
    total : int
        How much there is to do.
    unit : str
        What is counted, in the plural.
    stream : file, optional
        Where to write. Default: standard error as it is when the block is entered.

    Examples
    --------
    >>> with Progress("writing", 3, unit="files") as progress:
    ...     for _ in range(3):
    ...         progress.advance()
    """

    def __init__(self, label: str, total: int, unit: str = "steps", *, stream: TextIO | None = None) -> None:
        self.label = label
        self.total = total
        self.unit = unit
        self.done = 0
        self._stream = stream
        self._on_terminal = False
        self._started_s = self._shown_s = 0.0

    def __enter__(self) -> Progress:
        self._stream = self._stream or sys.stderr
        self._on_terminal = self._stream.isatty()
        self._started_s = self._shown_s = time.monotonic()
        if self._on_terminal:
            self._show()
        return self

    def advance(self, n: int = 1) -> None:
        """Count `n` more as done, and say so if it is time to."""
        self.done += n
        interval_s = _TERMINAL_INTERVAL_S if self._on_terminal else _PLAIN_INTERVAL_S
        now_s = time.monotonic()
        if now_s - self._shown_s >= interval_s:
            self._shown_s = now_s
            self._show()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._show(last=True)

    def _show(self, *, last: bool = False) -> None:
        assert self._stream is not None
        elapsed_s = time.monotonic() - self._started_s
        counts = f"{self.done:,} of {self.total:,} {self.unit}, {elapsed_s:.1f} s"
        if not self._on_terminal:
            print(f"{self.label}: {counts}", file=self._stream, flush=True)
            return
        filled = _BAR_WIDTH * min(self.done, self.total) // self.total if self.total > 0 else _BAR_WIDTH
        line = f"{self.label} [{'#' * filled}{'.' * (_BAR_WIDTH - filled)}] {counts}"
        width = shutil.get_terminal_size().columns - 1
        print(f"\r{line[:width]:<{width}}", end="\n" if last else "", file=self._stream, flush=True)
