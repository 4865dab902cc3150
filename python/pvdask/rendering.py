"""A state file to a picture: the job that pvbatch is given, and what came of it."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pvdask.animation import Animation, check_output, collect
from pvdask.errors import InputError, PvdaskError
from pvdask.launch import CompletedBatch, ParaViewInstall, Stack
from pvdask.options import OVERRIDES_VARIABLE, overrides

SCRIPT = Path(__file__).with_name("scripts") / "render_state.py"
STATE_SUFFIXES = (".pvsm", ".py")
BY_RANK = "rank"
"""What `color_by` is to colour each star by the rank that draws it."""


class RenderFailedError(PvdaskError):
    """Pvbatch could not make the picture; no file was written."""


@dataclass(frozen=True)
class RenderJob:
    """A picture to make.

    Parameters
    ----------
    state : pathlib.Path
        State file, ``.pvsm`` or ``.py``.
    output : pathlib.Path
        Where the PNG goes; replaced if there.
    size : tuple of int, optional
        Width and height in pixels; by default the state's.
    camera : pathlib.Path, optional
        ``.pvcc`` file, as the Adjust Camera dialog saves it.
    color_map : pathlib.Path, optional
        ``.json`` file, as the Choose Preset dialog exports it.
    color_by : str, optional
        A column, or `BY_RANK`.
    overrides : mapping of str to object
        Properties of the source that go before the state's, by their names in the XML.
    frame_data : bool
        Whether the camera is moved to show all of the data, in place of the state's.
    fit_radius : bool
        Whether the stars' radius is made from how close they are, in place of the state's.
    settings : tuple of str
        Texts ``PROXY.PROPERTY=VALUE``: properties of the state's proxies, set before anything is drawn.
    animation : Animation, optional
        Frames to draw in place of one picture; the output is then a film, or a pattern of pictures.
    keep_going : bool
        Whether a picture is made although a source failed, with nothing of that one in it.
    """

    state: Path
    output: Path
    size: tuple[int, int] | None = None
    camera: Path | None = None
    color_map: Path | None = None
    color_by: str | None = None
    overrides: Mapping[str, Any] = field(default_factory=dict)
    frame_data: bool = False
    fit_radius: bool = False
    settings: tuple[str, ...] = ()
    animation: Animation | None = None
    keep_going: bool = False

    def check(self) -> None:
        """See that the files are there before anything is started.

        Raises
        ------
        InputError
            Where one is missing, or is not what it has to be.
        """
        if self.state.suffix not in STATE_SUFFIXES:
            raise InputError(f"{self.state} is no state file; expected a .pvsm or .py file that ParaView saved.")
        wanted = (
            (self.state, "state file"),
            (self.camera, "camera file (.pvcc)"),
            (self.color_map, "colour map (.json)"),
        )
        for path, what in wanted:
            if path is not None and not os.access(path, os.R_OK):
                raise InputError(f"The {what} {path} is missing or cannot be read.")
        if self.state.suffix == ".pvsm":
            _check_xml(self.state, "ParaView", "a .pvsm state that ParaView saved")
        if self.camera is not None:
            _check_xml(self.camera, "PVCameraConfiguration", "a camera that ParaView's Adjust Camera dialog saved")
        if self.color_map is not None:
            _check_color_map(self.color_map)
        if self.animation is not None:
            check_output(self.output)
        elif self.output.suffix != ".png":
            raise InputError(f"{self.output}: expected a name that ends in .png for the picture.")
        if not os.access(self.output.parent, os.W_OK):
            raise InputError(
                f"The folder {self.output.parent} is not there or may not be written to; make it, or name another."
            )


def render(
    stack: Stack,
    install: ParaViewInstall,
    n_ranks: int,
    job: RenderJob,
    *,
    timeout_s: float = 3600.0,
    on_line: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Make a picture with pvbatch.

    Parameters
    ----------
    stack : Stack
        Owns the processes and the temporary files.
    install : ParaViewInstall
        The ParaView to use.
    n_ranks : int
        MPI ranks.
    job : RenderJob
        What to draw.
    timeout_s : float, optional
        Seconds that the whole run may take.
    on_line : callable, optional
        Called with each line that pvbatch writes.

    Returns
    -------
    dict
        ``seconds``, under ``sources`` what each Dask source of the state pulled, rank by rank, with its ``error`` if it failed
        and the job keeps going, and the files ``written``.

    Raises
    ------
    RenderFailedError
        Where pvbatch failed; no picture was written.
    """
    job.check()
    name = uuid.uuid4().hex
    job_file, report = stack.folder / f"job-{name}.json", stack.folder / f"report-{name}.json"
    frames = stack.folder / f"frames-{name}"
    if job.animation is not None:
        frames.mkdir()
    job_file.write_text(json.dumps(_content(job, report, frames)), encoding="utf-8")
    env = {OVERRIDES_VARIABLE: json.dumps({**overrides(), **job.overrides})}
    batch = stack.run_batch(install, n_ranks, SCRIPT, [str(job_file)], timeout_s=timeout_s, env=env, on_line=on_line)
    outcome = json.loads(report.read_text(encoding="utf-8")) if report.exists() else None
    if outcome is None or batch.returncode:
        raise RenderFailedError(_reason(outcome, batch))
    if "error" in outcome:
        raise RenderFailedError(outcome["error"])
    written = [job.output] if job.animation is None else collect(frames, job.output, job.animation.rate)
    return {**outcome, "written": [str(path) for path in written]}


def _content(job: RenderJob, report: Path, frames: Path) -> dict[str, Any]:
    animation = job.animation
    return {
        "state": str(job.state.absolute()),
        "output": str(job.output.absolute() if animation is None else frames),
        "animation": None if animation is None else {"frames": animation.frames, "orbit": animation.orbit},
        "settings": list(job.settings),
        "size": list(job.size) if job.size else None,
        "camera": str(job.camera.absolute()) if job.camera else None,
        "color_map": str(job.color_map.absolute()) if job.color_map else None,
        "color_by": job.color_by,
        "frame_data": job.frame_data,
        "fit_radius": job.fit_radius,
        "keep_going": job.keep_going,
        "report": str(report),
    }


def _reason(outcome: dict[str, Any] | None, batch: CompletedBatch) -> str:
    if outcome and "error" in outcome:
        return str(outcome["error"])
    lines = [line for line in (batch.stderr + batch.stdout).splitlines() if line.strip()]
    return f"pvbatch ended with exit status {batch.returncode} and without a picture. It said last:\n" + "\n".join(
        lines[-15:]
    )


def _check_xml(path: Path, root: str, expected: str) -> None:
    import xml.etree.ElementTree as ElementTree

    try:
        found = next(ElementTree.iterparse(path, events=("start",)))[1].tag
    except (ElementTree.ParseError, StopIteration, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not XML ({error}); expected {expected}.") from None
    if found != root and found != "GenericParaViewApplication":
        raise InputError(f"{path} is XML with the root element {found!r}; expected {expected}.")


def _check_color_map(path: Path) -> None:
    expected = "expected colour presets that ParaView's Choose Preset dialog exported (a JSON list, each with Name and RGBPoints)"
    try:
        presets = json.loads(path.read_text(encoding="utf-8"))
        is_preset = bool(presets) and all("Name" in preset for preset in presets)
    except (ValueError, TypeError, KeyError, UnicodeDecodeError):
        is_preset = False
    if not is_preset:
        raise InputError(f"{path} is no colour map; {expected}.")
