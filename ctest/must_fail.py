"""A test that fails, run by CTest as ``harness.must_fail``: if it passed, no result would mean anything."""


def test_that_must_fail() -> None:
    assert sum([1, 1]) == 3
