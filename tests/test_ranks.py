"""How ranks agree on one outcome, over ranks that run at the same time and really wait for one another."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from thread_ranks import Outcome, ThreadRanks, on_ranks

from pvdask.errors import InputError, printable
from pvdask.ranks import AgreedError, RankGroup, SerialRanks, agree, describe, share

pytestmark = pytest.mark.unit

SIZES = [1, 2, 3, 8]
MESSAGE = "The scheduler file s.json is empty; expected JSON."


def check_same_message(outcomes: list[Outcome]) -> str:
    """All ranks raised the error that was agreed on, with one and the same message, after as many collective calls."""
    assert all(isinstance(outcome.error, AgreedError) for outcome in outcomes), outcomes
    messages = {str(outcome.error) for outcome in outcomes}
    assert len(messages) == 1, messages
    assert len({tuple(outcome.calls) for outcome in outcomes}) == 1
    return messages.pop()


def failing_on(failed: set[int], error: Callable[[int], BaseException]) -> Callable[[ThreadRanks], Any]:
    def work(ranks: ThreadRanks) -> Any:
        return agree(ranks, error(ranks.rank) if ranks.rank in failed else None, {"rank": ranks.rank})

    return work


@pytest.mark.parametrize("size", SIZES)
def test_reports_of_all_ranks_in_order(size: int) -> None:
    outcomes = on_ranks(size, failing_on(set(), InputError))
    for outcome in outcomes:
        assert outcome.error is None
        assert outcome.value == [{"rank": rank} for rank in range(size)]


def test_a_rank_may_have_nothing_to_report() -> None:
    assert on_ranks(2, lambda ranks: agree(ranks, None))[1].value == [{}, {}]


@pytest.mark.parametrize("failed", [0, 1, 2])
def test_one_rank_s_error_is_every_rank_s(failed: int) -> None:
    message = check_same_message(on_ranks(3, failing_on({failed}, lambda _: InputError(MESSAGE))))
    assert message == f"{MESSAGE} (on rank {failed} of 3)"


def test_an_error_that_all_ranks_have_is_told_once() -> None:
    for size in SIZES:
        assert (
            check_same_message(on_ranks(size, failing_on(set(range(size)), lambda _: InputError(MESSAGE)))) == MESSAGE
        )


def test_an_error_of_some_ranks_is_told_once_with_their_numbers() -> None:
    message = check_same_message(on_ranks(4, failing_on({1, 3}, lambda _: InputError(MESSAGE))))
    assert message == f"{MESSAGE} (on ranks 1, 3 of 4)"


def test_different_errors_are_all_told() -> None:
    message = check_same_message(on_ranks(3, failing_on({0, 2}, lambda rank: InputError(f"fault {rank}"))))
    assert message == "fault 0 (on rank 0 of 3)\nfault 2 (on rank 2 of 3)"


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 6).flatmap(lambda n: st.tuples(st.just(n), st.dictionaries(st.integers(0, n - 1), st.text()))))
def test_any_texts_of_any_ranks_reach_all(case: tuple[int, dict[int, str]]) -> None:
    size, texts = case
    outcomes = on_ranks(size, failing_on(set(texts), lambda rank: InputError(texts[rank])))
    if not texts:
        assert [outcome.error for outcome in outcomes] == [None] * size
        return
    message = check_same_message(outcomes)
    assert all(printable(text) in message for text in texts.values())


FOREIGN = [ValueError("no"), KeyError("key"), RuntimeError(), MemoryError(), KeyboardInterrupt(), OSError(5, "I/O")]


@pytest.mark.parametrize("error", FOREIGN, ids=lambda error: type(error).__name__)
def test_an_error_of_another_library_is_told_with_its_type(error: BaseException) -> None:
    message = check_same_message(on_ranks(2, failing_on({1}, lambda _: error)))
    assert type(error).__name__ in message
    assert describe(error) in message


def test_an_error_of_ours_is_told_as_it_is() -> None:
    assert describe(InputError(MESSAGE)) == MESSAGE
    assert describe(ValueError("no")) == "ValueError: no"


@pytest.mark.parametrize("payload", [b"", b"plan", bytes(range(256)), b"!not an error", b"=", b"x" * 1_000_000])
@pytest.mark.parametrize("size", SIZES)
def test_what_rank_0_shares_reaches_all_unchanged(size: int, payload: bytes) -> None:
    outcomes = on_ranks(size, lambda ranks: share(ranks, payload if ranks.rank == 0 else None, None))
    assert [outcome.value for outcome in outcomes] == [payload] * size


def test_what_others_hand_to_share_is_not_looked_at() -> None:
    outcomes = on_ranks(3, lambda ranks: share(ranks, b"%d" % ranks.rank, ValueError("x") if ranks.rank else None))
    assert [outcome.value for outcome in outcomes] == [b"0"] * 3


@pytest.mark.parametrize("size", SIZES)
def test_rank_0_s_error_is_every_rank_s(size: int) -> None:
    def work(ranks: ThreadRanks) -> Any:
        return share(ranks, None, None if ranks.rank else InputError(MESSAGE))

    assert check_same_message(on_ranks(size, work)) == MESSAGE


TEXTS = ["", "!", "=", "größer als Ω", "a\udcffb, as a file's name of undecodable bytes", "two\nlines", "x" * 100_000]


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: ascii(text)[:20])
@pytest.mark.parametrize("call", ["share", "agree"])
def test_any_message_of_rank_0_reaches_all(call: str, text: str) -> None:
    """Were the message not sent, the other ranks would wait for it for ever."""

    def work(ranks: ThreadRanks) -> Any:
        error = None if ranks.rank else InputError(text)
        return share(ranks, None, error) if call == "share" else agree(ranks, error)

    message = check_same_message(on_ranks(3, work))
    assert text.encode(errors="backslashreplace") in message.encode(errors="backslashreplace")


def test_the_serial_rank_is_a_group_of_one() -> None:
    alone: RankGroup = SerialRanks()
    assert (alone.rank, alone.size) == (0, 1)
    assert alone.broadcast(b"a") == b"a"
    assert alone.broadcast(None) == b""
    assert alone.all_gather(b"a") == [b"a"]
    assert agree(alone, None, {"rows": 3}) == [{"rows": 3}]
    assert share(alone, b"plan", None) == b"plan"
    with pytest.raises(AgreedError, match=r"^text$"):
        agree(alone, InputError("text"))


def test_the_group_s_own_collectives() -> None:
    """The ranks of these tests do what those of MPI do."""
    outcomes = on_ranks(4, lambda r: (r.broadcast(b"%d" % r.rank), r.all_gather(b"%d" % r.rank), r.broadcast(b"end")))
    assert [outcome.value for outcome in outcomes] == [(b"0", [b"0", b"1", b"2", b"3"], b"end")] * 4


def test_must_fail_a_rank_that_does_not_agree_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("thread_ranks.WAIT_S", 0.2)

    def without_agreement(ranks: ThreadRanks) -> Any:
        if ranks.rank == 1:
            raise InputError(MESSAGE)
        return agree(ranks, None)

    outcomes = on_ranks(3, without_agreement)
    with pytest.raises(AssertionError):
        check_same_message(outcomes)


def test_must_fail_different_messages_are_seen() -> None:
    def each_its_own(ranks: ThreadRanks) -> None:
        ranks.all_gather(json.dumps({}).encode())
        raise AgreedError(f"on rank {ranks.rank}")

    with pytest.raises(AssertionError):
        check_same_message(on_ranks(2, each_its_own))
