"""``pvdask render``: run a state file with pvbatch and write the picture."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import Any

from pvdask import log
from pvdask.animation import ALL, Animation
from pvdask.arguments import (
    add_scheduler,
    add_tls,
    frame_count,
    picture_size,
    positive_count,
    positive_seconds,
    scheduler_of,
)
from pvdask.launch import Stack, find_paraview
from pvdask.progress import Progress
from pvdask.rendering import BY_RANK, RenderJob, render

HELP = "draw a ParaView state file on MPI ranks and write the picture"

DEFAULT_FRAMES = 100
_FRAME = re.compile(r"frame (\d+) of (\d+)")

EXAMPLE = "pvdask render examples/gaia/gaia.pvsm -n 4 -o stars.png --scheduler-file scheduler.json --dataset stars"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("state", type=Path, metavar="STATE", help="state file that ParaView saved (.pvsm or .py)")
    parser.add_argument(
        "-n", "--ranks", dest="n_ranks", type=positive_count, default=2, metavar="RANKS", help="MPI ranks (2)"
    )
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="OUT.png",
        help="picture to write; with --frames a film, OUT.mp4 or OUT.avi, or a picture a frame, OUT_####.png",
    )  # fmt: skip
    add_scheduler(parser, "of the cluster, in place of the state's")
    parser.add_argument("--dataset", metavar="NAME", help="published DataFrame, in place of the state's")
    parser.add_argument(
        "--input",
        action="append",
        default=[],
        metavar="FILE",
        help="CSV or Parquet file for the state's Dask readers, in place of theirs; may be given again and again",
    )
    for axis in "xyz":
        parser.add_argument(f"--{axis}", metavar="COLUMN", help=f"column of {axis}, in place of the state's")
    parser.add_argument("--size", type=picture_size, metavar="WxH", help="size in pixels (default: the state's)")
    parser.add_argument("--camera", type=Path, metavar="F.pvcc", help="camera, as the Adjust Camera dialog saves it")
    parser.add_argument(
        "--color-map", type=Path, metavar="F.json", help="colour map, as the Choose Preset dialog exports it"
    )
    parser.add_argument("--color-by", metavar="COLUMN", help=f"column to colour by, or {BY_RANK!r} for the MPI rank")
    parser.add_argument(
        "--set", dest="settings", action="append", default=[], metavar="PROXY.PROPERTY=VALUE",
        help="any other property: of a source or filter by its name in the pipeline browser, of how it is shown (NAME.Display), "
        "or of the view; the value as JSON or text; may be given again and again",
    )  # fmt: skip
    parser.add_argument(
        "--frames", type=frame_count, metavar="N", help=f"draw N frames over the time steps, or {ALL!r} for one a step"
    )
    parser.add_argument(
        "--orbit",
        type=float,
        metavar="DEGREES",
        help="take the camera round by so much over the frames (100 unless --frames)",
    )
    parser.add_argument(
        "--rate", type=positive_seconds, default=25.0, metavar="FPS", help="frames a second of a film (25)"
    )
    parser.add_argument(
        "--timeout", type=positive_seconds, default=3600.0, metavar="S", help="seconds it may take (3600)"
    )
    parser.add_argument(
        "--keep-going",
        action="store_true",
        help="make the picture although a source failed, without what it would show, and say so (default: no picture)",
    )
    add_tls(parser)


def run(arguments: argparse.Namespace) -> int:
    """Make the picture, and print a line a rank.

    Parameters
    ----------
    arguments : argparse.Namespace
        What `configure` asked for.

    Returns
    -------
    int
        0.

    Raises
    ------
    PvdaskError
        Where there is no picture, with the reason.
    """
    job = RenderJob(
        arguments.state,
        arguments.output,
        arguments.size,
        arguments.camera,
        arguments.color_map,
        arguments.color_by,
        overrides_of(arguments),
        settings=tuple(arguments.settings),
        animation=animation_of(arguments),
        keep_going=arguments.keep_going,
    )
    job.check()
    install = find_paraview()
    with Stack() as stack, FrameProgress() as progress:
        outcome = render(stack, install, arguments.n_ranks, job, timeout_s=arguments.timeout, on_line=progress.show)
    report(outcome)
    written = outcome["written"]
    print(f"wrote {written[0]}" + (f" to {written[-1]}" if len(written) > 1 else ""))
    return 0


def animation_of(arguments: argparse.Namespace) -> Animation | None:
    """Frames that the options ask for.

    Parameters
    ----------
    arguments : argparse.Namespace
        With ``frames``, ``orbit`` and ``rate``.

    Returns
    -------
    Animation or None
        None for one picture.
    """
    if arguments.frames is None and arguments.orbit is None:
        return None
    return Animation(arguments.frames or DEFAULT_FRAMES, arguments.orbit or 0.0, arguments.rate)


class FrameProgress:
    """Shows the frames that pvbatch has drawn, and all of its lines if PVDASK_LOG is ``debug``."""

    def __init__(self) -> None:
        self._progress: Progress | None = None
        self._is_debug = log.is_on()

    def __enter__(self) -> FrameProgress:
        return self

    def __exit__(self, *error: object) -> None:
        if self._progress is not None:
            self._progress.__exit__(*error)  # type: ignore[arg-type]

    def show(self, line: str) -> None:
        """Look at a line of pvbatch.

        Parameters
        ----------
        line : str
            Without its end.
        """
        if self._is_debug:
            print(line, file=sys.stderr)
        found = _FRAME.fullmatch(line.strip())
        if found is None:
            return
        if self._progress is None:
            self._progress = Progress("drawing", int(found[2]), unit="frames").__enter__()
        self._progress.advance()


def overrides_of(arguments: argparse.Namespace) -> dict[str, str | list[str]]:
    """Properties of the source that the options name.

    Parameters
    ----------
    arguments : argparse.Namespace
        With what `add_scheduler` asked for, ``dataset``, ``input``, ``x``, ``y`` and ``z``.

    Returns
    -------
    dict of str to str or list of str
        By the properties' names in the XML.
    """
    named = {
        "FileNames": [name if "://" in name else str(Path(name).absolute()) for name in arguments.input],
        "Dataset": arguments.dataset,
        "XColumn": arguments.x,
        "YColumn": arguments.y,
        "ZColumn": arguments.z,
    }
    return {**scheduler_of(arguments).scheduler_properties(), **{name: value for name, value in named.items() if value}}


def report(outcome: dict[str, Any]) -> None:
    """Print what each rank pulled.

    Parameters
    ----------
    outcome : dict
        What `pvdask.rendering.render` gave.
    """
    for name, source in outcome["sources"].items():
        if "error" in source:
            print(f"pvdask: warning: nothing of {name} is in the picture: {source['error']}", file=sys.stderr)
            continue
        print(f"{name}: {source['status']}")
        for rank, share in enumerate(source["ranks"]):
            partitions = ", ".join(map(str, share["partitions"])) or "none"
            print(
                f"  rank {rank}: partition(s) {partitions}; {share['rows']:,} rows; {share['bytes_received']:,} bytes received, "
                f"{share['bytes_copied']:,} copied; {share['path']}; {share['seconds']:.3f} s"
            )
