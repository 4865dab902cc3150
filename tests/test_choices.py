"""What an empty name means, and one that is left over from the dataset before; the list of columns of another dataset."""

from __future__ import annotations

from typing import Any

import pytest

from pvdask.catalogue import Catalogue
from pvdask.choices import Choices, match_columns

pytestmark = pytest.mark.unit

STARS = Catalogue(("gas", "stars"), "stars", (("x", "number"), ("y", "number"), ("z", "number"), ("mass", "number")))
GAS = Catalogue(("gas", "stars"), "gas", (("px", "number"), ("py", "number"), ("pz", "number"), ("mass", "number")))
AT_STARS: dict[str, Any] = {"Dataset": "stars", "XColumn": "x", "YColumn": "y", "ZColumn": "z", "Filter": "mass > 1"}


def looked(catalogue: Catalogue, properties: dict[str, Any], choices: Choices | None = None) -> Choices:
    choices = choices or Choices()
    choices.forget()
    choices.look(catalogue, catalogue.dataset, properties)
    return choices


def columns(settled: dict[str, Any]) -> list[str]:
    return [settled[name] for name in ("Dataset", "XColumn", "YColumn", "ZColumn")]


def test_empty_names_are_those_that_the_drop_downs_will_show() -> None:
    settled = looked(GAS, {}).settle({"Filter": "mass > 1"})
    assert columns(settled) == ["gas", "px", "py", "pz"]
    assert settled["Filter"] == "mass > 1"


def test_names_that_are_set_stay() -> None:
    named = {**AT_STARS, "XColumn": "mass", "YColumn": "no such column"}
    assert looked(STARS, named).settle(named) == named


def test_nothing_is_settled_before_a_look_or_after_one_in_vain() -> None:
    choices = Choices()
    assert choices.settle({"XColumn": ""}) == {"XColumn": ""}
    looked(STARS, {}, choices).forget()
    assert choices.settle({"XColumn": ""}) == {"XColumn": ""}


def test_columns_of_the_dataset_before_give_way() -> None:
    choices = looked(STARS, AT_STARS)
    at_gas = {**AT_STARS, "Dataset": "gas"}
    assert columns(looked(GAS, at_gas, choices).settle(at_gas)) == ["gas", "px", "py", "pz"]
    named = {**at_gas, "XColumn": "mass"}
    assert columns(choices.settle(named)) == ["gas", "mass", "py", "pz"]
    timed = {**AT_STARS, "TimeColumn": "z"}
    choices = looked(STARS, timed)
    assert looked(GAS, {**timed, "Dataset": "gas"}, choices).settle(timed)["TimeColumn"] == ""


def test_a_dataset_that_is_not_there_in_between_changes_nothing() -> None:
    choices = looked(STARS, AT_STARS)
    looked(Catalogue(("gas", "stars")), {**AT_STARS, "Dataset": "nowhere"}, choices)
    at_gas = {**AT_STARS, "Dataset": "gas"}
    assert columns(looked(GAS, at_gas, choices).settle(at_gas)) == ["gas", "px", "py", "pz"]


def test_a_column_that_went_away_in_the_same_dataset_is_kept_for_the_pull_to_tell() -> None:
    choices = looked(STARS, AT_STARS)
    without = Catalogue(STARS.datasets, "stars", STARS.columns[1:])
    assert looked(without, AT_STARS, choices).settle(AT_STARS)["XColumn"] == "x"


def test_spherical_columns_are_not_guessed_here() -> None:
    named = {"Coordinates": 1}
    assert "XColumn" not in looked(STARS, named).settle(named)


# ---- the list of columns

OFFERED = {"x": False, "mass": True, "kind": False}


def test_a_new_list_has_the_defaults() -> None:
    assert match_columns(OFFERED, {}, set()) == OFFERED


def test_what_was_chosen_stays_and_the_rest_is_off() -> None:
    assert match_columns(OFFERED, {"kind": True}, set()) == {"x": False, "mass": False, "kind": True}


def test_a_chosen_column_that_is_not_there_stays_for_the_pull_to_tell() -> None:
    assert match_columns(OFFERED, {"gone": True}, set())["gone"]
    whole = {**OFFERED, "gone": True}
    assert match_columns(OFFERED, whole, set()) == whole


def test_ticks_stay_where_the_dataset_changes_and_its_other_columns_go() -> None:
    ticked = {"x": False, "mass": False, "w": True}
    assert match_columns(OFFERED, ticked, {"x", "mass", "w"}) == {"x": False, "mass": False, "kind": False}


def test_a_list_that_was_made_for_another_dataset_is_none() -> None:
    """As ParaView's panel hands it over, and state files keep it: all columns of that dataset, those that are off as well."""
    assert match_columns(OFFERED, {"a": False, "b": False, "w": True}, set()) == OFFERED
    assert match_columns(OFFERED, {"a": False, "mass": False, "w": True}, set()) == {**OFFERED, "mass": False}
