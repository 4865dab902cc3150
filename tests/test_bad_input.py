"""What a user gets wrong: one sentence that says what to do, a status that is not 0, no picture, nothing left over."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import pytest
from clusters import cut_evenly, publish_pieces, unpublish
from commandline import SOURCE, run_command
from ports import held_port

from pvdask.launch import ClusterHandle
from pvdask.launch.layout import project_layout

pytestmark = pytest.mark.cluster

GAIA = project_layout().examples / "gaia"
STARS, TEXT = "bad-input-stars", "bad-input-text"
USAGE_STATUS = 2  # argparse's
XYZ = "x[pc],y[pc],z[pc],plx[mas]"


@dataclass(frozen=True)
class Wrong:
    """A command line with ``{names}`` of what `places` has, what its one message says, and how long it may take."""

    words: str
    said: tuple[str, ...]
    status: int = 1
    environment: dict[str, str] = field(default_factory=dict)


@pytest.fixture(scope="module")
def places(cluster: ClusterHandle, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Files that are not what they should be, and a cluster with one dataset that is and one that is not."""
    folder = tmp_path_factory.mktemp("wrong")
    table = pd.DataFrame({name: [1.5, 2.5, 3.5] for name in XYZ.split(",")})
    publish_pieces(cluster, STARS, cut_evenly(table, 2))
    publish_pieces(cluster, TEXT, cut_evenly(table.assign(**{"y[pc]": ["a", "b", "c"]}), 2))
    (folder / "folder").mkdir()
    with held_port() as closed_port:
        for name, content in files(cluster.scheduler_file, closed_port).items():
            (folder / name).write_bytes(content)
        yield {
            "d": str(folder),
            "gaia": str(GAIA / "gaia.pvsm"),
            "sf": str(cluster.scheduler_file),
            "stars": STARS,
            "text": TEXT,
        }
    unpublish(cluster, STARS, TEXT, "bad-input-new")


def files(scheduler_file: Path, closed_port: int) -> dict[str, bytes]:
    """Contents by file name."""
    good = f"{XYZ}\n1,2,3,4\n5,6,7,8\n"
    state = (GAIA / "gaia.pvsm").read_text()
    unknown_column = re.sub(r'(<Property name="XColumn".*?value=)"[^"]*"', r'\1"radius"', state, count=1, flags=re.S)
    assert unknown_column != state
    unknown_dataset = re.sub(r'(<Property name="Dataset".*?value=)"[^"]*"', r'\1"nowhere"', state, count=1, flags=re.S)
    assert unknown_dataset != state
    dead = json.loads(scheduler_file.read_text()) | {"address": f"tcp://127.0.0.1:{closed_port}", "workers": {}}
    texts = {
        "good.csv": good,
        "empty.csv": "",
        "header.csv": f"{XYZ}\n",
        "ragged.csv": good + "1,2,3,4,5,6,7\n" + "9,9\n",
        "quote.csv": good + '1,"2,3,4\n',
        "text.csv": f"{XYZ}\neast,west,up,4\nnorth,south,down,8\n",
        "no position.csv": "a,b,c\n1,2,3\n4,5,6\n",
        "unknown column.pvsm": unknown_column,
        "unknown dataset.pvsm": unknown_dataset,
        "other.pvsm": "<svg><circle/></svg>",
        "not xml.pvsm": "the stars",
        "empty.pvsm": "",
        "cut.pvsm": state[: len(state) // 2],
        "no view.py": "from paraview import simple\nsimple.Sphere()\n",
        "raises.py": "from paraview import simple\nraise RuntimeError('on purpose')\n",
        "not python.py": "def (:\n",
        "not json.json": "tcp://127.0.0.1:8786",
        "cut.json": scheduler_file.read_text()[:25],
        "no address.json": "{}",
        "dead.json": json.dumps(dead),
        "camera.pvcc": "<svg/>",
        "colours.json": '{"red": 1}',
    }
    return {name: text.encode() for name, text in texts.items()} | {
        "binary.csv": bytes(range(256)) * 20,
        "binary.parquet": b"PAR1" + bytes(100),
    }


PUBLISH = {
    "missing": Wrong("publish bad-input-new {d}/none.csv --scheduler-file {sf}", ("{d}/none.csv", "no file")),
    "missing glob": Wrong("publish bad-input-new {d}/none*.csv --scheduler-file {sf}", ("{d}/none*.csv",)),
    "empty": Wrong("publish bad-input-new {d}/empty.csv --scheduler-file {sf}", ("{d}/empty.csv", "empty")),
    "header only": Wrong("publish bad-input-new {d}/header.csv --scheduler-file {sf}", ("{d}/header.csv", "row")),
    "ragged": Wrong("publish bad-input-new {d}/ragged.csv --scheduler-file {sf}", ("{d}/ragged.csv", "line 4")),
    "open quote": Wrong("publish bad-input-new {d}/quote.csv --scheduler-file {sf}", ("{d}/quote.csv",)),
    "binary": Wrong("publish bad-input-new {d}/binary.csv --scheduler-file {sf}", ("{d}/binary.csv",)),
    "not Parquet": Wrong("publish bad-input-new {d}/binary.parquet --scheduler-file {sf}", ("{d}/binary.parquet",)),
    "empty folder": Wrong("publish bad-input-new {d}/folder --scheduler-file {sf}", ("{d}/folder",)),
    "CSV and Parquet": Wrong(
        "publish bad-input-new {d}/good.csv {d}/binary.parquet --scheduler-file {sf}", ("together",)
    ),
    "name taken": Wrong("publish {stars} {d}/good.csv --scheduler-file {sf}", ("{stars}", "--replace")),
    "partitions 0": Wrong(
        "publish bad-input-new {d}/good.csv --partitions 0", ("--partitions", "1 or more"), USAGE_STATUS
    ),
    "no scheduler file": Wrong("publish bad-input-new {d}/good.csv --scheduler-file {d}/none.json", ("{d}/none.json",)),
    "scheduler file not JSON": Wrong(
        "publish bad-input-new {d}/good.csv --scheduler-file {d}/not__json.json", ("{d}/not__json.json", "not JSON")
    ),
    "scheduler file cut short": Wrong(
        "publish bad-input-new {d}/good.csv --scheduler-file {d}/cut.json", ("{d}/cut.json", "not JSON")
    ),
    "scheduler file without address": Wrong(
        "publish bad-input-new {d}/good.csv --scheduler-file {d}/no__address.json", ("{d}/no__address.json", "address")
    ),
    "dead cluster": Wrong(
        "publish bad-input-new {d}/good.csv --scheduler-file {d}/dead.json --timeout 3",
        ("No scheduler answers", "tcp://"),
    ),
}

BEFORE_PVBATCH = {
    "ranks 0": Wrong("render {gaia} -n 0 -o {out}", ("-n", "1 or more"), USAGE_STATUS),
    "ranks many": Wrong("render {gaia} -n many -o {out}", ("-n", "'many'"), USAGE_STATUS),
    "size": Wrong("render {gaia} -o {out} --size huge", ("--size", "'huge'", "1920x1080"), USAGE_STATUS),
    "no state": Wrong("render {d}/none.pvsm -o {out}", ("{d}/none.pvsm",)),
    "state of another kind": Wrong("render {d}/good.csv -o {out}", ("{d}/good.csv", ".pvsm")),
    "other XML": Wrong("render {d}/other.pvsm -o {out}", ("{d}/other.pvsm", "svg")),
    "not XML": Wrong("render {d}/not__xml.pvsm -o {out}", ("{d}/not__xml.pvsm", "not XML")),
    "empty state": Wrong("render {d}/empty.pvsm -o {out}", ("{d}/empty.pvsm",)),
    "cut state": Wrong("render {d}/cut.pvsm -o {out} --scheduler-file {sf} --dataset {stars}", ("{d}/cut.pvsm",)),
    "camera": Wrong("render {gaia} -o {out} --camera {d}/camera.pvcc", ("{d}/camera.pvcc", "camera")),
    "no camera": Wrong("render {gaia} -o {out} --camera {d}/none.pvcc", ("{d}/none.pvcc",)),
    "colour map": Wrong("render {gaia} -o {out} --color-map {d}/colours.json", ("{d}/colours.json", "colour map")),
    "no folder": Wrong("render {gaia} -o {d}/nowhere/out.png", ("{d}/nowhere",)),
    "no picture": Wrong("render {gaia} -o {d}/out.jpg", ("{d}/out.jpg", ".png")),
    "workers 0": Wrong("cluster -n 0", ("-n", "1 or more"), USAGE_STATUS),
    "workers many": Wrong("cluster -n many", ("-n", "'many'"), USAGE_STATUS),
    "demo without its file": Wrong("demo --input {d}/none.csv -o {d}/demo", ("{d}/none.csv",)),
}

IN_PVBATCH = {
    "unknown dataset": Wrong(
        "render {gaia} -n 2 -o {out} --scheduler-file {sf} --dataset nowhere", ("'nowhere'", "{stars}")
    ),
    "unknown dataset in the state": Wrong(
        "render {d}/unknown__dataset.pvsm -n 1 -o {out}", ("'nowhere'",), environment={"PVDASK_SCHEDULER_FILE": "{sf}"}
    ),
    "unknown column in the state": Wrong(
        "render {d}/unknown__column.pvsm -n 2 -o {out} --scheduler-file {sf} --dataset {stars}", ("'radius'", "XColumn")
    ),
    "unknown column": Wrong(
        "render {gaia} -n 1 -o {out} --scheduler-file {sf} --dataset {stars} --x radius", ("'radius'", "XColumn")
    ),
    "text as position": Wrong(
        "render {gaia} -n 1 -o {out} --scheduler-file {sf} --dataset {text}", ("'y[pc]'", "YColumn", "numbers")
    ),
    "unknown column to colour by": Wrong(
        "render {gaia} -n 1 -o {out} --scheduler-file {sf} --dataset {stars} --color-by mass", ("--color-by", "'mass'")
    ),
    "dead cluster": Wrong("render {gaia} -n 2 -o {out} --scheduler-file {d}/dead.json --dataset {stars}", ("tcp://",)),
    "state without a view": Wrong("render {d}/no__view.py -n 1 -o {out}", ("view",)),
    "state that raises": Wrong("render {d}/raises.py -n 2 -o {out}", ("{d}/raises.py", "on purpose", "line 2")),
    "state that is no Python": Wrong(
        "render {d}/not__python.py -n 1 -o {out}", ("{d}/not__python.py", "line 1", "syntax")
    ),
}

DEMO = {
    "text as position": Wrong("demo --input {d}/text.csv -o {d}/demo", ("--x", "--y", "--z", "plx[mas]")),
}


def run_wrong(wrong: Wrong, places: dict[str, str], picture: Path) -> subprocess.CompletedProcess[str]:
    """Run the command line; ``__`` in a word is a space of a file's name."""
    words = [word.replace("__", " ").format(**places, out=picture) for word in wrong.words.split()]
    environment = {name: value.format(**places) for name, value in wrong.environment.items()}
    return run_command(*words, timeout_s=150, **{"PVDASK_SCHEDULER_FILE": "", **environment})


def assert_told(wrong: Wrong, places: dict[str, str], picture: Path) -> None:
    """One message with all it has to say, the right status, no picture, and no traceback."""
    before = everything(Path(places["d"]))
    run = run_wrong(wrong, places, picture)
    said = run.stdout + run.stderr
    assert run.returncode == wrong.status, said
    assert "Traceback" not in said, said
    (message,) = re.findall(r"^pvdask(?: \w+)?: error: .*", run.stderr, re.M | re.S)
    for part in wrong.said:
        assert part.replace("__", " ").format(**places) in message, message
    assert len(message) < 700, message
    assert message.count("\n") <= 1, message  # its one sentence is all there is
    assert not list(picture.parent.iterdir())
    assert everything(Path(places["d"])) == before


def everything(folder: Path) -> set[Path]:
    """All that is in a folder; an empty folder for the pictures of a demo may come."""
    return {path for path in folder.rglob("*") if path.name != "demo"}


@pytest.mark.parametrize("wrong", PUBLISH.values(), ids=PUBLISH.keys())
def test_publish(wrong: Wrong, places: dict[str, str], tmp_path: Path) -> None:
    assert_told(wrong, places, tmp_path / "out.png")


@pytest.mark.parametrize("wrong", BEFORE_PVBATCH.values(), ids=BEFORE_PVBATCH.keys())
def test_before_anything_is_started(wrong: Wrong, places: dict[str, str], tmp_path: Path) -> None:
    assert_told(wrong, places, tmp_path / "out.png")


@pytest.mark.parametrize("wrong", IN_PVBATCH.values(), ids=IN_PVBATCH.keys())
def test_in_pvbatch(wrong: Wrong, places: dict[str, str], tmp_path: Path) -> None:
    assert_told(wrong, places, tmp_path / "out.png")


@pytest.mark.parametrize("wrong", DEMO.values(), ids=DEMO.keys())
def test_demo(wrong: Wrong, places: dict[str, str], tmp_path: Path) -> None:
    assert_told(wrong, places, tmp_path / "out.png")


def test_unreadable_file(places: dict[str, str], tmp_path: Path) -> None:
    folder = Path(places["d"]) / "private"
    folder.mkdir()
    (folder / "stars.csv").write_text(f"{XYZ}\n1,2,3,4\n")
    try:
        folder.chmod(0)
        command = [sys.executable, "-m", "pvdask", "publish", "bad-input-new", str(folder / "stars.csv")]
        # Root may read everything: then somebody else runs the command.
        as_somebody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.geteuid() == 0 else []
        environment = {**os.environ, "PYTHONPATH": str(SOURCE), "HOME": str(tmp_path)}
        run = subprocess.run([*as_somebody, *command], env=environment, capture_output=True, text=True, timeout=60)
    finally:
        folder.chmod(0o700)
        shutil.rmtree(folder)
    assert run.returncode == 1, run.stderr
    assert "Traceback" not in run.stderr
    assert str(folder / "stars.csv") in run.stderr
    assert run.stderr.count("\n") == 1
