"""A look and the pull behind it keep one deadline; an error stands, untold, until something changes."""

from __future__ import annotations

import time

import pytest
from thread_ranks import ThreadRanks, on_ranks

from pvdask import updates
from pvdask.ranks import AgreedError, SerialRanks
from pvdask.updates import Update

pytestmark = pytest.mark.unit


def test_a_pull_after_a_look_has_what_that_left() -> None:
    update = Update()
    begun = update.begin(60.0)
    update.looked()
    assert update.go_on(5.0, SerialRanks()) is begun
    assert update.go_on(5.0, SerialRanks()).timeout_s == 5.0, "the next update has a deadline of its own"


def test_a_pull_long_after_a_look_has_a_deadline_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(updates, "SAME_UPDATE_S", 0.01)
    update = Update()
    begun = update.begin(60.0)
    update.looked()
    time.sleep(0.02)
    assert update.go_on(60.0, SerialRanks()) is not begun


def test_a_look_that_took_all_of_the_time_is_what_the_pull_says_on_every_rank() -> None:
    def work(ranks: ThreadRanks) -> None:
        update = Update()
        update.begin(0.01 if ranks.rank == 0 else 60.0)  # their clocks need not agree
        time.sleep(0.02)
        update.looked("the look took too long")
        update.go_on(60.0, ranks)

    outcomes = on_ranks(3, work)
    assert [type(outcome.error) for outcome in outcomes] == [AgreedError] * 3
    assert {str(outcome.error) for outcome in outcomes} == {"the look took too long"}


def test_a_look_that_failed_at_once_lets_the_pull_try() -> None:
    update = Update()
    update.begin(60.0)
    update.looked("nothing is published")
    assert update.go_on(60.0, SerialRanks()).remaining_s() > 0


def test_an_error_is_told_once_until_something_changes() -> None:
    update = Update()
    assert not update.is_told((1, None), SerialRanks())
    update.failed()
    assert update.is_told((1, None), SerialRanks())
    assert update.is_told((1, None), SerialRanks()), "and again"
    assert not update.is_told((2, None), SerialRanks()), "a property was set"
    assert not update.is_told((2, None), SerialRanks()), "which succeeded"


def test_ranks_of_which_one_alone_has_something_new_all_try() -> None:
    def work(ranks: ThreadRanks) -> bool:
        update = Update()
        update.is_told(1, ranks)
        update.failed()
        return update.is_told(2 if ranks.rank == 1 else 1, ranks)

    assert [outcome.value for outcome in on_ranks(3, work)] == [False] * 3
