"""A plan travels as bytes: what is written is read, and bytes that are anything else are an error of their own."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pvdask.plan import ColumnSpec, Part, Plan, PlanError

pytestmark = pytest.mark.unit

COUNT = st.integers(0, 2**62 - 1)
TEXT = st.text(max_size=20)
SPECS = st.builds(
    ColumnSpec,
    name=TEXT,
    kind=st.sampled_from(["number", "boolean", "datetime", "timedelta", "decimal", "label"]),
    dtype=st.sampled_from(["<f4", "<f8", "<i4", "<i8", "<u8", "|u1"]),
    labels=st.none() | st.lists(TEXT, max_size=4).map(tuple),
)
PARTS = st.builds(
    Part,
    key=TEXT,
    addresses=st.lists(TEXT, max_size=3).map(tuple),
    n_rows=COUNT,
    n_bytes=COUNT,
    partition=COUNT,
    start=COUNT,
)
PLANS = st.builds(
    Plan,
    positions=st.lists(TEXT, max_size=3).map(tuple),
    point_dtype=st.sampled_from(["<f4", "<f8"]),
    columns=st.lists(SPECS, max_size=3).map(tuple),
    total_rows=COUNT,
    dropped_rows=COUNT,
    ranks=st.lists(st.lists(PARTS, max_size=3).map(tuple), max_size=3).map(tuple),
)
EXAMPLE = Plan(
    scheduler="tcp://127.0.0.1:8786",
    frame="frame-1",
    dataset="stars",
    positions=("x[pc]", "y[pc]", "z[pc]"),
    has_points=True,
    is_whole=True,
    point_dtype="<f4",
    columns=(ColumnSpec("plx[mas]", "number", "<f8"), ColumnSpec("класс", "label", "<i4", ("a", "", "Ω\ud800"))),
    total_rows=2**61,
    dropped_rows=3,
    ranks=((Part("key", ("tcp://127.0.0.1:1", "tcp://127.0.0.1:2"), 5, 60, 0, 0),), ()),
)
quick = settings(deadline=None, max_examples=150)


@quick
@given(PLANS)
@example(EXAMPLE)
def test_what_is_written_is_read(plan: Plan) -> None:
    payload = plan.to_bytes()
    assert type(payload) is bytes
    assert Plan.from_bytes(payload) == plan
    assert hash(Plan.from_bytes(payload)) == hash(plan), "read back with the same, immutable, types"
    assert Plan.from_bytes(payload).to_bytes() == payload


HOSTILE = {
    "nothing": b"",
    "not JSON": b"plan",
    "not text": bytes(range(256)),
    "null": b"null",
    "a list": b"[]",
    "a number": b"1e999",
    "an empty object": b"{}",
    "a pickle": b"\x80\x04\x95\x1c\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94\x8c\x06system\x94\x93\x94.",
    "nested deep": b"[" * 200_000,
    "nested deep inside": EXAMPLE.to_bytes().replace(b'"ranks":[[', b'"ranks":[[' + b"[" * 200_000),
    "truncated": EXAMPLE.to_bytes()[:-5],
    "a number of many digits": EXAMPLE.to_bytes().replace(b'"n_rows":5', b'"n_rows":' + b"9" * 10_000),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_bytes_that_are_no_plan(what: str) -> None:
    with pytest.raises(PlanError, match="not a plan of a pull"):
        Plan.from_bytes(HOSTILE[what])


@quick
@given(st.binary(max_size=300))
def test_any_bytes_are_a_plan_error(payload: bytes) -> None:
    with pytest.raises(PlanError):
        Plan.from_bytes(payload)


def paths_of(content: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where every value of a JSON document is."""
    inside = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    return [path, *(found for key, value in inside for found in paths_of(value, (*path, key)))]


def changed(path: tuple[Any, ...], change: Callable[[Any, Any], None]) -> bytes:
    content = json.loads(EXAMPLE.to_bytes())
    inner = content
    for key in path[:-1]:
        inner = inner[key]
    change(inner, path[-1])
    return json.dumps(content).encode()


PLACES = [path for path in paths_of(json.loads(EXAMPLE.to_bytes())) if path]
VALUES: list[Any] = [None, True, 1, -1, 2**62, 1.5, float("nan"), float("inf"), "text", [], [1], ["a"], {}, {"a": 1}]


def is_well_typed(value: Any, declared: str = "") -> bool:
    """Whether every field has the type that its class declares, so that nothing downstream meets another."""
    if declared == "int":
        return type(value) is int and 0 <= value < 2**62
    if declared in ("str", "bool"):
        return type(value).__name__ == declared
    if is_dataclass(value):
        return all(is_well_typed(getattr(value, field.name), str(field.type)) for field in fields(value))
    if value is None:
        return declared.endswith("| None")
    inner = "str" if declared.startswith("tuple[str") else ""
    return type(value) is tuple and all(is_well_typed(entry, inner) for entry in value)


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_value_of_another_type_is_a_plan_error_or_harmless(value: Any) -> None:
    """Each place of a good plan in turn holds `value`."""
    refused = 0
    for path in PLACES:
        payload = changed(path, lambda inner, key: inner.__setitem__(key, value))
        try:
            plan = Plan.from_bytes(payload)
        except PlanError:
            refused += 1
        else:
            assert is_well_typed(plan), f"{value!r} at {path} is let through"
    assert refused > len(PLACES) / 3


@pytest.mark.parametrize("path", [path for path in PLACES if isinstance(path[-1], str)], ids=str)
def test_a_field_left_out_is_a_plan_error(path: tuple[Any, ...]) -> None:
    def drop(inner: Any, key: Any) -> None:
        del inner[key]

    with pytest.raises(PlanError):
        Plan.from_bytes(changed(path, drop))


@pytest.mark.parametrize("path", [(), ("columns", 0), ("ranks", 0, 0)], ids=str)
def test_a_field_too_many_is_a_plan_error(path: tuple[Any, ...]) -> None:
    def add(inner: Any, key: Any) -> None:
        inner[key] = 1

    with pytest.raises(PlanError):
        Plan.from_bytes(changed((*path, "extra"), add))


def test_must_fail_the_round_trip_sees_a_difference() -> None:
    other = json.loads(EXAMPLE.to_bytes())
    other["total_rows"] += 1
    assert Plan.from_bytes(json.dumps(other).encode()) != EXAMPLE


@pytest.mark.parametrize("name", [field.name for field in fields(Plan)])
def test_must_fail_the_type_check_sees_every_field(name: str) -> None:
    plan = Plan.from_bytes(EXAMPLE.to_bytes())
    assert is_well_typed(plan)
    assert not is_well_typed(replace(plan, **{name: 1.5}))


@pytest.mark.parametrize("wrong", [{"labels": (1,)}, {"labels": "text"}, {"kind": None}], ids=repr)
def test_must_fail_the_type_check_sees_columns(wrong: dict[str, Any]) -> None:
    assert not is_well_typed(replace(EXAMPLE, columns=(replace(EXAMPLE.columns[0], **wrong),)))
