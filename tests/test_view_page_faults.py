"""`pvdask view` in a real Chromium when something goes wrong: told in words, with a way on, and outlived."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browsers import Visit, browser, served
from clusters import cut_evenly, publish_pieces
from commandline import run_command
from leftovers import SESSION_MARKER, environment_marker
from ports import held_port
from scene_frames import PAGE_STARS as STARS
from scene_frames import published_for_pages, stars

from pvdask.launch import ClusterHandle, Stack, find_paraview
from pvdask.launch.markers import marked_processes

pytestmark = pytest.mark.clientserver


@pytest.fixture(scope="module")
def published(cluster: ClusterHandle) -> Iterator[ClusterHandle]:
    with published_for_pages(cluster):
        yield cluster


@pytest.fixture(scope="module")
def chrome() -> Iterator[Any]:
    with environment_marker(SESSION_MARKER), browser() as opened:
        yield opened


def test_the_page_outlives_its_pvserver(chrome: Any, published: ClusterHandle, no_leftovers: str) -> None:
    with served("--scheduler-file", str(published.scheduler_file), "--dataset", STARS) as command:
        visit = Visit(chrome, command.url())
        with visit.new_picture():
            visit.page.select_option("#color", "depth")
        with visit.new_picture():
            visit.page.click("[data-look='+y']")
        before = visit.picture()
        servers = [
            pid for pid in marked_processes(no_leftovers) if Path(f"/proc/{pid}/comm").read_text().strip() == "pvserver"
        ]
        assert servers
        for pid in servers:
            os.kill(pid, signal.SIGKILL)
        visit.page.focus("#view")
        visit.page.keyboard.press("ArrowLeft")
        assert "ParaView server ended" in visit.message()
        with visit.new_picture():
            visit.page.click("#message-again")
        assert visit.page.is_hidden("#message")
        assert visit.value("color") == "depth"
        with visit.new_picture():
            visit.page.click("[data-look='+y']")
        assert np.array_equal(before, visit.picture())
        visit.context.close()


def cluster_with_stars(stack: Stack, scheduler_file: Path) -> ClusterHandle:
    cluster = stack.start_cluster(1, scheduler_file=scheduler_file)
    publish_pieces(cluster, STARS, cut_evenly(stars(), 1))
    return cluster


def test_the_page_outlives_its_cluster(chrome: Any, stack: Stack, tmp_path: Path) -> None:
    scheduler_file = tmp_path / "scheduler.json"
    # In another thread: playwright has an event loop in this one, and Dask wants one of its own.
    with ThreadPoolExecutor() as elsewhere:
        first = elsewhere.submit(cluster_with_stars, stack, scheduler_file).result()
    with served("--scheduler-file", str(scheduler_file)) as command:
        visit = Visit(chrome, command.url())
        before = visit.picture()
        first.process.stop()
        visit.page.select_option("#color", "depth")
        assert "scheduler" in visit.message()
        with visit.new_picture():
            visit.drag(60, 0)  # the picture is still that of the rows
        assert not np.array_equal(before, visit.picture())
        assert visit.value("color") == "heat"
        with ThreadPoolExecutor() as elsewhere:
            elsewhere.submit(cluster_with_stars, stack, scheduler_file).result()
        with visit.new_picture():
            visit.page.click("#message-again")
        assert visit.page.is_hidden("#message"), visit.text("message-text")
        with visit.new_picture():
            visit.page.select_option("#color", "depth")
        assert visit.page.is_hidden("#message"), visit.text("message-text")
        visit.context.close()


def test_the_page_waits_for_the_command_and_goes_on(chrome: Any, published: ClusterHandle) -> None:
    with held_port() as port:
        words = ("--scheduler-file", str(published.scheduler_file), "--dataset", STARS, "--port", str(port))
        with served(*words) as command:
            visit = Visit(chrome, command.url())
        visit.page.wait_for_selector("#gone", timeout=10_000)
        assert "pvdask view" in visit.text("gone")
        with served(*words) as command:
            command.url()
            visit.page.wait_for_selector("#gone", state="detached", timeout=30_000)
            visit.settle(0)
            visit.context.close()


def test_a_pvserver_that_runs_already_is_reached(chrome: Any, published: ClusterHandle, stack: Stack) -> None:
    server = stack.start_server(find_paraview(), 1)
    words = (
        "--scheduler-file",
        str(published.scheduler_file),
        "--dataset",
        STARS,
        "--connect",
        f"127.0.0.1:{server.port}",
    )
    with served(*words) as command:
        visit = Visit(chrome, command.url())
        assert "1 rank" in visit.text("received")
        server.process.stop()
        visit.page.focus("#view")
        visit.page.keyboard.press("ArrowLeft")
        assert "was lost" in visit.message()
        visit.page.click("#message-again")
        visit.page.wait_for_function(
            "document.getElementById('message-text').textContent.includes('start one')", timeout=60_000
        )
        visit.context.close()


def test_no_such_dataset_is_told_with_those_there_are(chrome: Any, published: ClusterHandle) -> None:
    with served("--scheduler-file", str(published.scheduler_file), "--dataset", "nope") as command:
        visit = Visit(chrome, command.url(), waits=False)
        assert f"'{STARS}'" in visit.message()
        with visit.new_picture():
            visit.page.select_option("#dataset", STARS)
        assert visit.page.is_hidden("#message")
        visit.context.close()


def test_strangers_are_kept_out(chrome: Any, published: ClusterHandle) -> None:
    environment = {"PVDASK_VIEW_TOKEN": "a-token-of-the-test"}
    with served("--scheduler-file", str(published.scheduler_file), "--dataset", STARS, **environment) as command:
        url = command.url()
        assert url.endswith("?token=a-token-of-the-test")
        stranger = Visit(chrome, url.partition("?")[0], waits=False)
        assert "needs the token" in stranger.page.inner_text("body")
        stranger.page.fill("input[name=token]", "wrong")
        stranger.page.click("button")
        assert "needs the token" in stranger.page.inner_text("body")
        stranger.page.fill("input[name=token]", environment["PVDASK_VIEW_TOKEN"])
        stranger.page.click("button")
        stranger.settle(0)
        assert "token" not in stranger.page.url
        stranger.context.close()


def test_bad_words_on_the_command_line_end_it_at_once(published: ClusterHandle, tmp_path: Path) -> None:
    (tmp_path / "x.pvsm").touch()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        cases = (
            (("--port", str(taken.getsockname()[1]), "--scheduler-file", "f"), "address already in use"),
            (("--port", "0"), "--scheduler-file"),
            (("--port", "0", "--scheduler-file", "f", "--connect", "nowhere"), "HOST:PORT"),
            (("--port", "0", "--scheduler-file", "f", "--state", str(tmp_path / "y.pvsm")), "cannot be read"),
        )
        for words, told in cases:
            done = run_command("view", *words)
            assert done.returncode == 1
            assert told in done.stderr
