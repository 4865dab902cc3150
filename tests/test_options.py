"""What properties, environment and scheduler files may hold, and the one sentence for each that cannot be used."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pvdask.connection import MAXIMUM_SCHEDULER_FILE_BYTES, Connection, read_scheduler_file
from pvdask.errors import InputError, OptionError, PvdaskError
from pvdask.options import OVERRIDES_VARIABLE, SourceOptions, overrides

pytestmark = pytest.mark.unit

ADDRESS = "tcp://127.0.0.1:8786"
GOOD = json.dumps({"type": "Scheduler", "address": ADDRESS, "workers": {}}).encode()

BAD_FILES = {
    "empty": (b"", "is empty"),
    "blank": (b" \n\t ", "is empty"),
    "truncated": (GOOD[:-10], "is not JSON"),
    "not JSON": (b"scheduler: tcp://host:8786", "is not JSON"),
    "binary": (bytes(range(256)), "is not JSON"),
    "wrong encoding": ('{"address": "tcp://caf\xe9:1"}'.encode("latin-1"), "is not JSON"),
    "two documents": (GOOD + GOOD, "is not JSON"),
    "a list": (b'["tcp://127.0.0.1:8786"]', "names no address"),
    "a string": (b'"tcp://127.0.0.1:8786"', "names no address"),
    "null": (b"null", "names no address"),
    "no address": (b'{"type": "Scheduler"}', "names no address"),
    "address is null": (b'{"address": null}', "names no address"),
    "address is a number": (b'{"address": 8786}', "names no address"),
    "address is a list": (b'{"address": ["tcp://127.0.0.1:8786"]}', "names no address"),
    "address has no protocol": (b'{"address": "127.0.0.1:8786"}', "names no address"),
    "huge": (GOOD + b" " * MAXIMUM_SCHEDULER_FILE_BYTES, "holds over"),
    "nested deep": (b"[" * 200_000, "is not JSON"),
    "nested deep and closed": (b'{"address":' * 50_000 + b"1" + b"}" * 50_000, "is not JSON"),
    "a number of many digits": (b'{"address": ' + b"9" * 100_000 + b"}", "is not JSON"),
}


@pytest.mark.parametrize("what", BAD_FILES)
def test_bad_scheduler_file(what: str, tmp_path: Path) -> None:
    content, found = BAD_FILES[what]
    path = tmp_path / "scheduler.json"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_scheduler_file(path)
    message = str(caught.value)
    assert found in message
    assert str(path) in message
    assert "expected" in message
    assert len(message) < 400 + len(str(path)), "the file's own content is not repeated"
    assert "\n" not in message


def test_good_scheduler_file(tmp_path: Path) -> None:
    path = tmp_path / "scheduler.json"
    path.write_bytes(GOOD)
    assert read_scheduler_file(path) == ADDRESS
    assert Connection(str(path)).address() == ADDRESS
    path.write_bytes(b"\xef\xbb\xbf" + GOOD)
    assert read_scheduler_file(path) == ADDRESS, "with a byte order mark"


def test_scheduler_file_of_the_largest_size(tmp_path: Path) -> None:
    path = tmp_path / "scheduler.json"
    path.write_bytes(GOOD.ljust(MAXIMUM_SCHEDULER_FILE_BYTES))
    assert read_scheduler_file(path) == ADDRESS


def test_missing_scheduler_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot be read \(No such file or directory\); start a cluster"):
        read_scheduler_file(tmp_path / "none.json")


def test_scheduler_file_is_a_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot be read \(Is a directory\)"):
        read_scheduler_file(tmp_path)


def test_scheduler_file_goes_through_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be read"):
        read_scheduler_file(tmp_path / "file" / "scheduler.json")


def test_scheduler_file_s_name_is_no_name() -> None:
    with pytest.raises(PvdaskError):
        read_scheduler_file(Path("a\0b"))


def test_scheduler_file_s_name_is_too_long(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_scheduler_file(tmp_path / ("n" * 5000))


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=200))
def test_any_bytes_are_an_address_or_an_input_error(content: bytes) -> None:
    read_end, write_end = os.pipe()
    try:
        os.write(write_end, content)
        os.close(write_end)
        with suppress(InputError):
            assert "://" in read_scheduler_file(Path(f"/proc/self/fd/{read_end}"))
    finally:
        os.close(read_end)


def test_address_goes_before_file(tmp_path: Path) -> None:
    assert Connection(str(tmp_path / "none.json"), "tls://head:1").address() == "tls://head:1"


@pytest.mark.parametrize("address", ["head", "head:8786", " "])
def test_address_without_protocol(address: str) -> None:
    with pytest.raises(OptionError, match=r"SchedulerAddress: found .*expected one such as tcp://host:8786") as caught:
        Connection(scheduler_address=address).address()
    assert caught.value.name == "SchedulerAddress"


def test_no_scheduler_named() -> None:
    with pytest.raises(OptionError, match="no scheduler is named") as caught:
        Connection().address()
    assert caught.value.name == "SchedulerFile"
    assert "PVDASK_SCHEDULER_FILE" in str(caught.value)


@pytest.mark.parametrize("timeout_s", [0.0, -1.0, float("nan"), float("inf"), float("-inf")])
def test_bad_timeout(timeout_s: float) -> None:
    with pytest.raises(OptionError, match="expected a number of seconds above 0"):
        Connection(timeout_s=timeout_s)


def test_environment_fills_in_an_empty_connection() -> None:
    environment = {"PVDASK_SCHEDULER_FILE": "/f.json", "PVDASK_SCHEDULER_ADDRESS": ADDRESS}
    filled = Connection(timeout_s=7.0).with_environment(environment)
    assert filled == Connection("/f.json", ADDRESS, 7.0)
    assert Connection().with_environment({}) == Connection()


@pytest.mark.parametrize("named", [Connection("/own.json"), Connection("", "tcp://own:1")])
def test_environment_leaves_a_named_connection_alone(named: Connection) -> None:
    environment = {"PVDASK_SCHEDULER_FILE": "/f.json", "PVDASK_SCHEDULER_ADDRESS": ADDRESS}
    assert named.with_environment(environment) == named


def test_the_process_s_own_environment_is_read_at_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PVDASK_SCHEDULER_ADDRESS", ADDRESS)
    monkeypatch.delenv("PVDASK_SCHEDULER_FILE", raising=False)
    assert SourceOptions.from_properties({}).connection.address() == ADDRESS


def test_options_from_properties() -> None:
    properties = {
        "SchedulerFile": "/s.json",
        "SchedulerAddress": None,
        "Dataset": "stars",
        "XColumn": "x[pc]",
        "YColumn": "y[pc]",
        "ZColumn": "(none)",
        "Timeout": 5,
    }
    options = SourceOptions.from_properties(properties, ["a", "b"], {})
    assert options.connection == Connection("/s.json", "", 5.0)
    assert options.dataset == "stars"
    assert options.positions == ("x[pc]", "y[pc]", "(none)")
    assert options.columns == ("a", "b")


def test_options_of_nothing_are_the_defaults() -> None:
    assert SourceOptions.from_properties({}, (), {}) == SourceOptions()


def test_options_are_frozen_and_comparable() -> None:
    first, second = SourceOptions.from_properties({}, ["a"], {}), SourceOptions.from_properties({}, ("a",), {})
    assert first == second
    assert hash(first) == hash(second)
    with pytest.raises(AttributeError):
        first.dataset = "other"  # type: ignore[misc]


def test_overrides_go_before_properties() -> None:
    environment = {OVERRIDES_VARIABLE: json.dumps({"Dataset": "theirs", "Timeout": 3})}
    options = SourceOptions.from_properties({"Dataset": "state's", "XColumn": "u", "Timeout": 60}, (), environment)
    assert options.dataset == "theirs"
    assert options.positions[0] == "u"
    assert options.connection.timeout_s == 3.0


@pytest.mark.parametrize("files", ["b.csv", ["b.csv"], ["b.csv", "c.csv"]])
def test_files_go_before_those_of_a_reader_and_make_no_reader_of_a_source(files: str | list[str]) -> None:
    environment = {OVERRIDES_VARIABLE: json.dumps({"FileNames": files})}
    expected = (files,) if isinstance(files, str) else tuple(files)
    assert SourceOptions.from_properties({"FileNames": ("a.csv",)}, (), environment).files == expected
    assert SourceOptions.from_properties({}, (), environment).files == ()


@pytest.mark.parametrize("text", ["", "{}"])
def test_no_overrides(text: str) -> None:
    assert overrides({OVERRIDES_VARIABLE: text}) == {}
    assert overrides({}) == {}


BAD_OVERRIDES: dict[str, str] = {
    "not JSON": "{",
    "a list": "[]",
    "a number": "5",
    "unknown property": '{"Colour": "red"}',
    "a dunder": '{"__class__": "x"}',
    "nested deep": "[" * 200_000,
    "timeout is text": '{"Timeout": "soon"}',
    "timeout is null": '{"Timeout": null}',
    "timeout is a list": '{"Timeout": [1]}',
    "timeout is negative": '{"Timeout": -1}',
    "timeout is not a number": '{"Timeout": NaN}',
    "no file": '{"FileNames": []}',
    "a file without a name": '{"FileNames": ["a.csv", ""]}',
    "a file that is a number": '{"FileNames": 5}',
}


@pytest.mark.parametrize("what", BAD_OVERRIDES)
def test_bad_overrides(what: str) -> None:
    with pytest.raises(OptionError) as caught:
        SourceOptions.from_properties({}, (), {OVERRIDES_VARIABLE: BAD_OVERRIDES[what]})
    assert "expected" in str(caught.value)
    assert "\n" not in str(caught.value)


@settings(deadline=None, max_examples=100)
@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(), lambda s: st.lists(s) | st.dictionaries(st.text(), s)
    )
)
def test_any_json_as_overrides_is_used_or_an_option_error(content: Any) -> None:
    environment = {OVERRIDES_VARIABLE: json.dumps(content)}
    if not content and content is not None and not isinstance(content, dict):
        return
    try:
        found = overrides(environment)
    except OptionError:
        return
    assert found == content
    assert isinstance(content, dict)


def test_must_fail_a_good_file_is_no_error(tmp_path: Path) -> None:
    path = tmp_path / "scheduler.json"
    path.write_bytes(GOOD)
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"), pytest.raises(InputError):
        read_scheduler_file(path)
