"""Frames to a film: how many there are and where they go, and the encoder that joins them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from pvdask.errors import InputError, OptionError, SetupError

ALL = "all"
"""As the number of frames: one a time step."""

FILM_SUFFIXES = (".mp4", ".avi")
FRAME_NAME = "frame_{:06d}.png"
MAXIMUM_FRAMES = 100_000
_HASHES = re.compile("#+")


@dataclass(frozen=True)
class Animation:
    """Frames to draw.

    Parameters
    ----------
    frames : int or str
        How many, or `ALL` for one a time step. Time steps are spread over them.
    orbit : float
        Degrees by which the camera goes round its focal point from the first frame to where one more would be the first again.
    rate : float
        Frames a second, of a film.
    """

    frames: int | str
    orbit: float = 0.0
    rate: float = 25.0

    def __post_init__(self) -> None:
        if self.frames != ALL and not (isinstance(self.frames, int) and 0 < self.frames <= MAXIMUM_FRAMES):
            raise OptionError("--frames", f"found {self.frames!r}; expected 1 to {MAXIMUM_FRAMES:,}, or {ALL!r}.")


def check_output(output: Path) -> None:
    """See that frames can go where they are to go.

    Parameters
    ----------
    output : pathlib.Path
        ``NAME.mp4``, ``NAME.avi``, or ``NAME_####.png`` for a picture a frame.

    Raises
    ------
    InputError
        Where it is none of these.
    SetupError
        Where there is no encoder for a film.
    """
    if output.suffix == ".png" and _HASHES.search(output.name):
        return
    if output.suffix not in FILM_SUFFIXES:
        kinds = ", ".join(FILM_SUFFIXES)
        raise InputError(
            f"{output}: expected a name that ends in {kinds} for a film, or one with #### and .png for a picture a frame."
        )
    _encoder()


def collect(folder: Path, output: Path, rate: float) -> list[Path]:
    """Make of the frames in a folder what was asked for.

    Parameters
    ----------
    folder : pathlib.Path
        Holds frames as `FRAME_NAME` numbers them, from 0.
    output : pathlib.Path
        See `check_output`. Written whole or not at all.
    rate : float
        Frames a second, of a film.

    Returns
    -------
    list of pathlib.Path
        What was written.

    Raises
    ------
    SetupError
        Where the encoder fails.
    """
    frames = sorted(folder.glob("frame_*.png"))
    if output.suffix != ".png":
        part = output.with_name(f".{output.stem}.part{output.suffix}")
        try:
            _encode(folder, part, rate)
            part.replace(output)
        finally:
            part.unlink(missing_ok=True)
        return [output]
    written = []
    for number, frame in enumerate(frames):
        name = _HASHES.sub(lambda found, n=number: str(n).zfill(len(found.group())), output.name, count=1)  # type: ignore[misc]
        part = output.with_name(f".{name}.part")
        shutil.copyfile(frame, part)
        part.replace(output.with_name(name))
        written.append(output.with_name(name))
    return written


def _encode(folder: Path, part: Path, rate: float) -> None:
    codec = ["-c:v", "libx264", "-crf", "18"] if part.suffix == ".mp4" else ["-c:v", "mjpeg", "-q:v", "2"]
    pixels = "yuv420p" if part.suffix == ".mp4" else "yuvj420p"
    # Most players want even sizes and this pixel format.
    shape = ["-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2", "-pix_fmt", pixels]
    source = ["-framerate", f"{rate:g}", "-i", str(folder / FRAME_NAME.replace("{:06d}", "%06d"))]
    command = [_encoder(), "-nostdin", "-loglevel", "error", "-y", *source, *codec, *shape, str(part)]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode or not part.is_file():
        lines = done.stderr.strip().splitlines()
        raise SetupError(f"ffmpeg could not make the film: {lines[-1] if lines else done.returncode}.")


def _encoder() -> str:
    found = shutil.which(os.environ.get("PVDASK_FFMPEG", "ffmpeg"))
    if found is None:
        raise SetupError(
            "There is no ffmpeg to make a film with: install it (Debian: ffmpeg), name it in PVDASK_FFMPEG, or have a picture a "
            "frame written, by a name such as out_####.png."
        )
    return found
