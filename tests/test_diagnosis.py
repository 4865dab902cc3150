"""Why a deadline passed, told from two answers of a scheduler."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

import pytest

from pvdask import diagnosis
from pvdask.diagnosis import Watch
from pvdask.loop import Deadline

pytestmark = pytest.mark.unit

ADDRESS = "tcp://10.0.0.1:8786"


def workers(*last_seen: float, status: str = "running") -> dict[str, Any]:
    """What a scheduler says of itself."""
    return {"workers": {f"tcp://w{number}": {"last_seen": at, "status": status} for number, at in enumerate(last_seen)}}


def reason(monkeypatch: pytest.MonkeyPatch, *answers: dict[str, Any] | None, apart_s: float = 5.0) -> str:
    """What is told where these answers came; None for one that did not."""
    monkeypatch.setattr(diagnosis, "HEARTBEATS_S", 0.0 if apart_s > 1 else 10.0)
    waiting = list(answers)

    def ask() -> Future[Any]:
        answer: Future[Any] = Future()
        content = waiting.pop(0)
        if content is not None:
            answer.set_result(content)
        return answer

    watch = Watch(Deadline(1e-6), ask)
    for _ in range(4):
        watch.look()
    assert waiting == [], "asked twice, and no more"
    return watch.reason(ADDRESS)


def test_a_scheduler_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    assert f"The scheduler at {ADDRESS} does not answer" in reason(monkeypatch, workers(1.0), None)


def test_no_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "has no workers" in reason(monkeypatch, workers(1.0), workers())


def test_a_worker_that_was_not_heard_of(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "1 of 2 workers (the first is tcp://w1) does not answer" in reason(
        monkeypatch, workers(1.0, 1.0), workers(2.0, 1.0)
    )


def test_a_worker_that_joined_meanwhile_is_not_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    assert reason(monkeypatch, workers(1.0), workers(2.0, 1.0)).startswith("The workers answer")


def test_answers_too_close_to_each_other_tell_of_no_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    assert reason(monkeypatch, workers(1.0), workers(1.0), apart_s=0.1).startswith("The workers answer")


def test_paused_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    said = reason(monkeypatch, workers(1.0, 1.0), workers(2.0, 2.0, status="paused"))
    assert "2 of 2 workers (the first is tcp://w0) do not take work, paused" in said


def test_long_before_a_deadline_nobody_is_asked() -> None:
    def ask() -> Future[Any]:
        raise AssertionError("asked")

    watch = Watch(Deadline(60.0), ask)
    watch.look()
    assert watch.reason(ADDRESS) == ""
