"""A cluster that is named by its scheduler's address, where there is no file: by every command, and by a scene."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from clusters import cut_evenly, publish_pieces, unpublish
from commandline import SOURCE, run_command

from pvdask.arguments import add_scheduler, scheduler_of
from pvdask.connection import Connection
from pvdask.errors import OptionError
from pvdask.launch import ClusterHandle
from pvdask.launch.layout import project_layout

pytestmark = pytest.mark.cluster

NAME = "by-address"
STATE = project_layout().examples / "gaia" / "gaia.pvsm"
NOBODY = "tcp://127.0.0.1:9"


@pytest.fixture(scope="module")
def published(cluster: ClusterHandle, gaia_csv: Path) -> Iterator[ClusterHandle]:
    publish_pieces(cluster, NAME, cut_evenly(pd.read_csv(gaia_csv), 2))
    yield cluster
    unpublish(cluster, NAME)


def parsed(*words: str) -> Connection:
    parser = argparse.ArgumentParser()
    add_scheduler(parser, "of the cluster")
    return scheduler_of(parser.parse_args(words))


def test_what_is_named_goes_before_what_a_state_or_the_environment_names() -> None:
    by_address = parsed("--scheduler-address", NOBODY)
    assert by_address.scheduler_properties() == {"SchedulerFile": "", "SchedulerAddress": NOBODY}
    assert by_address.scheduler_environment() == {"PVDASK_SCHEDULER_FILE": "", "PVDASK_SCHEDULER_ADDRESS": NOBODY}
    by_file = parsed("--scheduler-file", "s.json").scheduler_properties()
    assert by_file == {"SchedulerFile": str(Path("s.json").absolute()), "SchedulerAddress": ""}
    assert parsed().scheduler_properties() == parsed().scheduler_environment() == {}


@pytest.mark.parametrize(
    ("address", "said"), [("host", "expected one such as tcp://host:8786"), ("inproc://10.0.0.1/7/1", "LocalCluster")]
)
def test_what_is_no_address_is_refused(address: str, said: str) -> None:
    with pytest.raises(OptionError, match=said):
        parsed("--scheduler-address", address)


def test_file_and_address_are_one_too_many(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parsed("--scheduler-file", "s.json", "--scheduler-address", NOBODY)
    assert "not allowed with" in capsys.readouterr().err


def test_publish_and_doctor_take_an_address(published: ClusterHandle, gaia_csv: Path) -> None:
    words = ("--scheduler-address", published.address)
    environment = {"PVDASK_SCHEDULER_FILE": "/nowhere.json"}
    done = run_command("publish", f"{NAME}-2", str(gaia_csv), *words, **environment)
    assert done.returncode == 0, done.stderr
    unpublish(published, f"{NAME}-2")
    done = run_command("doctor", *words, **environment)
    assert done.returncode == 0, done.stdout
    assert f"scheduler: {published.address} with 2 worker(s)" in done.stdout


def test_render_takes_an_address_over_the_environment(published: ClusterHandle, tmp_path: Path) -> None:
    picture = tmp_path / "stars.png"
    words = ["render", str(STATE), "-n", "2", "-o", str(picture), "--dataset", NAME, "--size", "120x80"]
    words += ["--scheduler-address", published.address]
    done = run_command(*words, PVDASK_SCHEDULER_FILE="/nowhere.json")
    assert done.returncode == 0, done.stderr
    assert "on 2 rank(s)" in done.stdout
    done = run_command(*words[:-1], NOBODY)
    assert done.returncode == 1
    assert f"No scheduler answers at {NOBODY}" in done.stderr


SCENES = """
import dask.dataframe as dd
import pandas as pd
from distributed import Client, LocalCluster

import pvdask

if __name__ == "__main__":  # Dask's workers are made of this program
    frame = pd.DataFrame({"x": range(300), "y": 1.0, "z": 2.0, "heat": range(300)}, dtype="f8")
    options = {"n_workers": 2, "threads_per_worker": 1, "host": "127.0.0.1", "dashboard_address": None}
    with LocalCluster(**options) as local, Client(local) as client:
        stars = dd.from_pandas(frame, npartitions=3).persist()
        client.publish_dataset(stars, name="local")
        with pvdask.Scene("local", scheduler_address=local.scheduler_address) as scene:
            assert scene.describe()["figures"]["PulledRows"] == len(frame)
        with pvdask.Scene(stars, color="heat") as scene:
            print(scene.render(60, 40).max())
"""


def test_a_scene_takes_an_address_and_a_local_cluster_is_one(tmp_path: Path) -> None:
    program = tmp_path / "scenes.py"
    program.write_text(SCENES)
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    done = subprocess.run([sys.executable, program], env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[-1]) > 100
