"""Partitions to ranks: each row once, in order, balanced to within a stated tolerance."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pvdask.assignment import TOLERANCE, Piece, assign
from pvdask.errors import OptionError

pytestmark = pytest.mark.unit

COUNTS = st.lists(st.one_of(st.just(0), st.integers(0, 20), st.integers(0, 10**6)), max_size=40)
RANKS = st.integers(1, 60)
quick = settings(deadline=None, max_examples=200)


def rows_of(pieces: Sequence[Piece]) -> int:
    return sum(piece.n_rows for piece in pieces)


def check_cover(shares: list[list[Piece]], rows: Sequence[int]) -> None:
    """Every row of every partition is on one rank, once, and in the frame's order."""
    expected = [(index, 0, count) for index, count in enumerate(rows) if count]
    joined: list[tuple[int, int, int]] = []
    for piece in (piece for share in shares for piece in share):
        assert piece.n_rows > 0, f"a piece without rows: {piece}"
        if joined and joined[-1][0] == piece.partition:
            index, start, stop = joined[-1]
            assert stop == piece.start, f"rows lost or doubled before {piece}"
            joined[-1] = (index, start, piece.stop)
        else:
            joined.append((piece.partition, piece.start, piece.stop))
    assert joined == expected


def check_balance(shares: list[list[Piece]], rows: Sequence[int]) -> None:
    """Each rank's load is a fair one, but for two borders that may be moved by `TOLERANCE` each, and for rounding."""
    fair = sum(rows) / len(shares)
    for rank, share in enumerate(shares):
        off = abs(rows_of(share) - fair)
        assert off <= 2 * TOLERANCE * fair + 1, f"rank {rank} has {rows_of(share)} rows, where {fair:.1f} are fair"


@quick
@given(COUNTS, RANKS)
def test_each_row_is_on_one_rank_once_and_in_order(rows: list[int], n_ranks: int) -> None:
    shares = assign(rows, n_ranks)
    assert len(shares) == n_ranks
    check_cover(shares, rows)


@quick
@given(COUNTS, RANKS)
def test_loads_are_fair_unless_there_is_a_partition_a_rank(rows: list[int], n_ranks: int) -> None:
    if len(rows) == n_ranks:
        rows = [*rows, 0]
    check_balance(assign(rows, n_ranks), rows)


@quick
@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=40))
def test_as_many_partitions_as_ranks_go_by_index_and_uncut(rows: list[int]) -> None:
    shares = assign(rows, len(rows))
    assert shares == [[Piece(rank, 0, count)] if count else [] for rank, count in enumerate(rows)]


@quick
@given(COUNTS, RANKS)
def test_the_same_on_every_rank(rows: list[int], n_ranks: int) -> None:
    assert assign(list(rows), n_ranks) == assign(tuple(rows), n_ranks)


@quick
@given(st.integers(1, 12), st.integers(1, 500))
def test_no_rank_is_idle_where_there_are_fewer_partitions_than_ranks(n_partitions: int, size: int) -> None:
    n_ranks = n_partitions + 3
    shares = assign([size + 3] * n_partitions, n_ranks)
    assert all(rows_of(share) for share in shares)


@pytest.mark.parametrize("n_ranks", [1, 2, 3, 7])
@pytest.mark.parametrize("rows", [[], [0], [0, 0, 0, 0]])
def test_a_frame_without_rows_gives_every_rank_nothing(rows: list[int], n_ranks: int) -> None:
    assert assign(rows, n_ranks) == [[]] * n_ranks


def test_more_ranks_than_rows() -> None:
    shares = assign([2, 1], 10)
    check_cover(shares, [2, 1])
    assert sorted(map(rows_of, shares)) == [0] * 7 + [1] * 3


def test_partitions_without_rows_are_left_out() -> None:
    rows = [0, 5, 0, 0, 5, 0]
    shares = assign(rows, 2)
    assert shares == [[Piece(1, 0, 5)], [Piece(4, 0, 5)]]


def test_one_partition_with_nine_tenths_of_the_rows_is_cut() -> None:
    rows = [25, 900, 25, 25, 25]
    shares = assign(rows, 4)
    check_cover(shares, rows)
    check_balance(shares, rows)
    assert sum(piece.partition == 1 for share in shares for piece in share) == 4


def test_equal_partitions_are_not_cut_where_ranks_divide_them() -> None:
    shares = assign([1000] * 12, 4)
    assert shares == [[Piece(3 * rank + i, 0, 1000) for i in range(3)] for rank in range(4)]


def test_a_border_near_a_partition_s_edge_is_moved_there() -> None:
    rows = [995, 505, 500]
    assert assign(rows, 2) == [[Piece(0, 0, 995)], [Piece(1, 0, 505), Piece(2, 0, 500)]]


def test_ten_thousand_partitions_on_a_thousand_ranks() -> None:
    dice = random.Random(7)
    rows = [dice.choice([0, 1, 1000, 50_000]) for _ in range(10_000)]
    shares = assign(rows, 1000)
    check_cover(shares, rows)
    check_balance(shares, rows)
    n_pieces = sum(map(len, shares))
    assert n_pieces <= sum(1 for count in rows if count) + 999, "no more cuts than borders"


def test_row_counts_beyond_32_bits() -> None:
    rows = [3 * 10**12, 10**12, 5]
    shares = assign(rows, 2)
    check_cover(shares, rows)
    check_balance(shares, rows)


@pytest.mark.parametrize("n_ranks", [0, -1])
def test_no_ranks_at_all(n_ranks: int) -> None:
    with pytest.raises(OptionError, match="expected at least 1"):
        assign([1], n_ranks)


WRONG = {
    "a row twice": [[Piece(0, 0, 6)], [Piece(0, 5, 10)]],
    "a row lost": [[Piece(0, 0, 5)], [Piece(0, 6, 10)]],
    "the last row lost": [[Piece(0, 0, 5)], [Piece(0, 5, 9)]],
    "out of order": [[Piece(0, 5, 10)], [Piece(0, 0, 5)]],
    "a piece without rows": [[Piece(0, 0, 5)], [Piece(0, 5, 5), Piece(0, 5, 10)]],
}


@pytest.mark.parametrize("fault", WRONG)
def test_must_fail_cover(fault: str) -> None:
    with pytest.raises(AssertionError):
        check_cover(WRONG[fault], [10])


def test_must_fail_balance() -> None:
    lopsided = [[Piece(0, 0, 90)], [Piece(0, 90, 100)]]
    check_cover(lopsided, [100])
    with pytest.raises(AssertionError, match="are fair"):
        check_balance(lopsided, [100])


def test_borders_never_run_backwards() -> None:
    """Many tiny partitions and ranks, where moved borders could pass one another."""
    dice = random.Random(3)
    for _ in range(300):
        rows = [dice.randrange(4) for _ in range(dice.randrange(1, 30))]
        shares = assign(rows, dice.randrange(1, 40))
        check_cover(shares, rows)
        flat = [(piece.partition, piece.start) for share in shares for piece in share]
        assert all(a < b for a, b in pairwise(flat))
