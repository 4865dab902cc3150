"""Files that are made to do harm: each ends in one clear error, in bounded memory and time, and nothing in them is executed."""

from __future__ import annotations

import gzip
import json
import random
import resource
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from commandline import SOURCE, run_command

from pvdask.connection import Connection
from pvdask.errors import ColumnError, PvdaskError
from pvdask.launch.layout import project_layout
from pvdask.memory import available_bytes
from pvdask.publishing import connect

pytestmark = pytest.mark.unit

ADDRESS_SPACE = 4 << 30
LEAST_SPACE_FOR_PACKAGES = 1 << 30
READ = """
import sys
from pvdask.errors import PvdaskError
from pvdask.files import open_files
for path in sys.argv[1:]:
    try:
        frame = open_files([path])
    except PvdaskError as error:
        print("refused", str(error).replace("\\n", " "))
        continue
    try:
        print("read", len(frame.compute(scheduler="synchronous")))
    except Exception as error:
        print("failed", type(error).__name__)
"""


def read_all(*paths: Path) -> list[str]:
    """What becomes of files in a process that may not take more than `ADDRESS_SPACE`: a line each."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))

    command = [sys.executable, "-c", READ, *map(str, paths)]
    env = {"PYTHONPATH": str(SOURCE), "OPENBLAS_NUM_THREADS": "1", "PATH": ""}
    done = subprocess.run(command, env=env, capture_output=True, text=True, preexec_fn=limit, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def sparse(path: Path, start: str, size: int) -> Path:
    """A file that goes on with zero bytes, which take no room on the disk."""
    with path.open("wb") as opened:
        opened.write(start.encode())
        opened.truncate(size)
    return path


@pytest.fixture(scope="module")
def bombs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("bombs")
    (folder / "columns.csv").write_text(",".join(f"c{i}" for i in range(1_000_000)) + "\n" + "1," * 999_999 + "1\n")
    (folder / "bomb.csv.gz").write_bytes(gzip.compress(b"x,y,z\n") + 60 * gzip.compress(bytes(100 << 20), 9))
    (folder / "torn.csv.gz").write_bytes((folder / "bomb.csv.gz").read_bytes()[:-300_000] + bytes(5_000_000))
    return {
        "a million columns": folder / "columns.csv",
        "a header of 1 GB": sparse(folder / "header.csv", "x,y,z", 1 << 30),
        "a line of 1 GB": sparse(folder / "line.csv", "x,y,z\n1,2,3\n", 1 << 30),
        "6 GB in 6 MB": folder / "bomb.csv.gz",
    }


def test_csv_bombs_are_refused_before_they_take_memory(bombs: dict[str, Path]) -> None:
    said = dict(zip(bombs, read_all(*bombs.values()), strict=True))
    print(*said.values(), sep="\n")
    for name, words in {
        "a million columns": "over 100,000 columns",
        "a header of 1 GB": "first line is longer than 16 MB",
        "a line of 1 GB": "a line of more than 16 MB",
        "6 GB in 6 MB": "unpacks to more than",
    }.items():
        assert said[name].startswith("refused"), name
        assert words in said[name]


def test_must_fail_such_a_line_read_as_it_is_takes_more_than_there_is(bombs: dict[str, Path]) -> None:
    code = "import sys, pandas; pandas.read_csv(sys.argv[1])"

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE // 2, ADDRESS_SPACE // 2))

    env = {"OPENBLAS_NUM_THREADS": "1", "PATH": ""}
    command = [sys.executable, "-c", code, str(bombs["6 GB in 6 MB"])]
    done = subprocess.run(command, env=env, capture_output=True, text=True, preexec_fn=limit, timeout=120, check=False)
    assert done.returncode != 0


def test_the_limit_of_the_address_space_counts() -> None:
    code = f"import sys; sys.path.insert(0, {str(SOURCE)!r}); from pvdask.memory import available_bytes; print(available_bytes())"
    limit = 2 << 30
    done = subprocess.run(
        [sys.executable, "-c", code],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
        capture_output=True,
        text=True,
        check=True,
        env={"OPENBLAS_NUM_THREADS": "1"},
    )
    assert LEAST_SPACE_FOR_PACKAGES < int(done.stdout) < limit < available_bytes()


def test_parquet_whose_metadata_lies_neither_crashes_nor_takes_all_memory(tmp_path: Path) -> None:
    whole = tmp_path / "whole.parquet"
    frame = pd.DataFrame({"x": np.arange(1000.0), "id": np.arange(1000), "kind": ["a", "b"] * 500})
    frame.to_parquet(whole, row_group_size=100)
    content = whole.read_bytes()
    footer = int.from_bytes(content[-8:-4], "little")
    chosen = random.Random(7)
    paths = []
    for number in range(150):
        lying = bytearray(content)
        for _ in range(1 + number % 4):
            lying[chosen.randrange(len(content) - 8 - footer, len(content) - 4)] = chosen.randrange(256)
        paths.append(tmp_path / f"{number:03d}.parquet")
        paths[-1].write_bytes(lying)
    outcomes = [line.split()[0] for line in read_all(whole, *paths)]
    counts = {kind: outcomes.count(kind) for kind in ("refused", "read", "failed")}
    print(counts)
    assert outcomes[0] == "read"
    assert sum(counts.values()) == len(paths) + 1
    assert counts["refused"] > len(paths) / 3


@contextmanager
def listening(answer: bytes) -> Iterator[int]:
    """A port of somebody who takes every connection, says something, and waits."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        held = []

        def take() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                    connection.sendall(answer)
                except OSError:
                    return
                held.append(connection)

        threading.Thread(target=take, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        for connection in held:
            connection.close()


@pytest.mark.parametrize(
    "answer", [b"", b"HTTP/1.1 200 OK\r\n\r\n", bytes(64), b"\xff" * 64, b"\x01" + bytes(7) + b"\xff" * 8]
)
def test_a_scheduler_file_that_points_to_somebody_else_ends_in_time(tmp_path: Path, answer: bytes) -> None:
    with listening(answer) as port:
        file = tmp_path / "scheduler.json"
        file.write_text(f'{{"address": "tcp://127.0.0.1:{port}"}}')
        started = time.monotonic()
        with pytest.raises(PvdaskError) as caught:
            connect(Connection(str(file), timeout_s=2.0))
        seconds = time.monotonic() - started
    print(f"{seconds:.1f} s: {caught.value}")
    assert f"127.0.0.1:{port}" in str(caught.value)
    assert seconds < 2.0 + 2.0


@pytest.mark.parametrize(
    "address",
    [
        "file:///etc/passwd",
        "inproc://1/2/3",
        "tcp://127.0.0.1:99999",
        "tcp://[::1",
        "tcp://",
        "://",
        "ssh://root@127.0.0.1",
        "tcp://127.0.0.1:1\n",
    ],
)
def test_an_address_of_another_kind_is_one_error(tmp_path: Path, address: str) -> None:
    file = tmp_path / "scheduler.json"
    file.write_text(json.dumps({"address": address}))
    done = run_command(
        "publish", "mine", str(project_layout().examples / "gaia" / "gaia.pvsm"), "--scheduler-file", str(file)
    )
    print(done.stderr)
    assert done.returncode == 1
    assert done.stderr.startswith("pvdask: error: ")
    assert done.stderr.count("\n") == 1


ESCAPES = "\x1b[31mred\x1b]0;title\x07\u202emoc.live\x00\r"


def test_what_a_terminal_would_act_upon_is_shown_as_an_escape() -> None:
    message = str(ColumnError(f"there is no column {ESCAPES}; there is größe, 星 and ½"))
    assert message == r"there is no column \x1b[31mred\x1b]0;title\x07\u202emoc.live\x00\r; there is größe, 星 and ½"


HEAD, TAIL = (
    '<?xml version="1.0"?><!DOCTYPE a [{}]><ParaView><ServerManagerState version="5.11.0">',
    "</ServerManagerState></ParaView>",
)
BILLION_LAUGHS = HEAD + "&lol30;" + TAIL
ENTITY = HEAD + "&file;" + TAIL


@pytest.mark.parametrize("kind", ["a billion laughs", "a file of mine"])
def test_a_state_file_of_entities_is_one_error_and_tells_no_secret(tmp_path: Path, kind: str) -> None:
    secret, state = tmp_path / "secret", tmp_path / "state.pvsm"
    secret.write_text("hunter2")
    doubled = '<!ENTITY lol0 "lol">' + "".join(f'<!ENTITY lol{i + 1} "&lol{i};&lol{i};">' for i in range(30))
    outside = f'<!ENTITY file SYSTEM "file://{secret}">'
    state.write_text(BILLION_LAUGHS.format(doubled) if "laughs" in kind else ENTITY.format(outside))
    done = run_command("render", str(state), "-o", str(tmp_path / "out.png"))
    print(done.stderr)
    assert done.returncode == 1
    assert not (tmp_path / "out.png").exists()
    assert done.stderr.splitlines()[-1].startswith("pvdask: error: ")
    assert "hunter2" not in done.stdout + done.stderr
