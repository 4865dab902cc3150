"""The source as an object: what setters ask for, what getters give, what an error does, and that nothing of it stays."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import weakref
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from proxy_xml import NUMBERS, ROOT, SOURCE, Proxy, another, default_of, every_proxy, every_setting, every_source
from vtkmodules.vtkCommonCore import vtkDataArraySelection, vtkOutputWindow, vtkStringOutputWindow
from vtkmodules.vtkCommonDataModel import vtkPolyData, vtkTable

from pvdask.options import OVERRIDES_VARIABLE, SourceOptions
from pvdask_plugin.source import DaskDataFrameSource

pytestmark = pytest.mark.vtk

CONNECTION = {"PVDASK_SCHEDULER_FILE", "PVDASK_SCHEDULER_ADDRESS", OVERRIDES_VARIABLE}


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> Iterator[vtkStringOutputWindow]:
    """No scheduler is named by the environment, and VTK's messages are kept."""
    for variable in CONNECTION:
        monkeypatch.delenv(variable, raising=False)
    before, window = vtkOutputWindow.GetInstance(), vtkStringOutputWindow()
    vtkOutputWindow.SetInstance(window)
    yield window
    vtkOutputWindow.SetInstance(before)


def call(made: Any, element: ElementTree.Element, value: Any) -> None:
    getattr(made, element.attrib["command"])(value)


@every_setting
def test_setting_another_value_asks_for_an_update_and_the_same_does_not(name: str) -> None:
    made, element = SOURCE.made(), SOURCE.settable()[name]
    call(made, element, another(element))
    first = made.GetMTime()
    call(made, element, another(element))
    assert made.GetMTime() == first
    call(made, element, default_of(element))
    assert made.GetMTime() > first


@pytest.mark.parametrize("name", [name for name, p in SOURCE.settable().items() if p.tag == "StringVectorProperty"])
def test_an_empty_text_comes_as_none(name: str) -> None:
    """That is how ParaView hands it over; it means the same."""
    assert SourceOptions.from_properties({name: None}, (), {}) == SourceOptions()
    made, element = SOURCE.made(), SOURCE.settable()[name]
    before = made.GetMTime()
    call(made, element, None)
    assert made.GetMTime() == before, "an object starts out with it"


def updated(**properties: Any) -> DaskDataFrameSource:
    made = SOURCE.made()
    for name, value in properties.items():
        call(made, SOURCE.properties[name], value)
    made.Update()
    return made


def test_an_object_with_all_defaults_set_behaves_as_a_new_one() -> None:
    """By what an update says and gives."""
    new, told = updated(), updated(**{name: default_of(p) for name, p in SOURCE.settable().items()})
    for getter in (p.attrib["command"] for p in SOURCE.information().values() if p.get("si_class") is None):
        assert getattr(new, getter)() == getattr(told, getter)(), getter
    assert new.GetOutputDataObject(0).GetClassName() == told.GetOutputDataObject(0).GetClassName() == "vtkPolyData"


def check_information(made: Any) -> None:
    """Each getter gives what ParaView can put into a property of its kind: no other type comes through."""
    for name, element in SOURCE.information().items():
        value = getattr(made, element.attrib["command"])()
        if element.get("si_class") == "vtkSIDataArraySelectionProperty":
            assert isinstance(value, vtkDataArraySelection)
        elif element.tag in NUMBERS:
            assert type(value) is NUMBERS[element.tag], name
        else:
            assert type(value) is str or (type(value) is list and all(type(v) is str for v in value)), name


def test_information_before_any_update() -> None:
    made = SOURCE.made()
    check_information(made)
    assert made.GetStatus() == "Nothing pulled yet"
    assert made.GetDatasetInfo() == made.GetXColumnInfo() == made.GetRankReports() == []
    assert made.GetTotalRows() == made.GetPulledRows() == made.GetBytesReceived() == made.GetFailed() == 0
    assert made.GetColumnArraySelection().GetNumberOfArrays() == 0


@pytest.mark.parametrize(("output_type", "kind"), [(0, vtkPolyData), (1, vtkTable)])
def test_an_error_is_one_message_and_an_empty_output(
    quiet: vtkStringOutputWindow, output_type: int, kind: type
) -> None:
    made = updated(OutputType=output_type)
    check_information(made)
    assert made.GetFailed() == 1
    assert made.GetStatus().startswith("Error: SchedulerFile: no scheduler is named; give the scheduler file")
    output = made.GetOutputDataObject(0)
    assert type(output) is kind
    assert output.GetActualMemorySize() < 100
    assert quiet.GetOutput().count("no scheduler is named") == 1
    assert "Traceback" not in quiet.GetOutput()


BAD_PROPERTIES = {
    "SchedulerFile": ("/none/scheduler.json", "cannot be read"),
    "SchedulerAddress": ("head:8786", "expected one such as tcp://host:8786"),
    "Timeout": (-1.0, "expected a number of seconds above 0"),
    "SampleFraction": (0.0, "SampleFraction"),
    "MaximumRows": (-5, "MaximumRows"),
}


@pytest.mark.parametrize("name", BAD_PROPERTIES)
def test_a_value_that_cannot_be_used_is_told_and_can_be_corrected(name: str, quiet: vtkStringOutputWindow) -> None:
    value, message = BAD_PROPERTIES[name]
    made = updated(**{name: value})
    assert message in made.GetStatus()
    assert made.GetFailed() == 1
    assert "Traceback" not in quiet.GetOutput()
    call(made, SOURCE.properties[name], default_of(SOURCE.properties[name]))
    made.Update()
    assert "no scheduler is named" in made.GetStatus()


@pytest.mark.parametrize("text", ["{", '{"Timeout": "soon"}', "[" * 100_000])
def test_overrides_that_cannot_be_used_are_told(
    text: str, quiet: vtkStringOutputWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(OVERRIDES_VARIABLE, text)
    made = updated()
    assert made.GetFailed() == 1
    assert "Traceback" not in quiet.GetOutput()


def test_refresh_asks_for_an_update() -> None:
    made = updated()
    before = made.GetMTime()
    made.Refresh()
    assert made.GetMTime() > before


def test_ticking_a_column_asks_for_an_update() -> None:
    made = SOURCE.made()
    selection = made.GetColumnArraySelection()
    selection.AddArray("a")
    before = made.GetMTime()
    selection.DisableArray("a")
    assert made.GetMTime() > before
    unchanged = made.GetMTime()
    selection.DisableArray("a")
    assert made.GetMTime() == unchanged


@pytest.fixture
def without_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@every_proxy
def test_a_deleted_object_is_gone_at_once(proxy: Proxy, without_collector: None) -> None:
    """Freed by reference counts alone: a knot would keep the pulled arrays until Python next looks for knots."""
    reference = weakref.ref(proxy.made())
    assert reference() is None


@every_source
def test_a_column_selection_outlives_its_object(proxy: Proxy, without_collector: None) -> None:
    made = proxy.made()
    made.GetColumnArraySelection().AddArray("a")
    selection, reference = made.GetColumnArraySelection(), weakref.ref(made)
    del made
    assert reference() is None
    selection.DisableArray("a")


def test_an_object_is_gone_after_an_error_too() -> None:
    made = updated()
    reference = weakref.ref(made)
    del made
    gc.collect()
    assert reference() is None


def test_must_fail_a_knot_is_seen(without_collector: None) -> None:
    made = SOURCE.made()
    made.GetColumnArraySelection().AddObserver("ModifiedEvent", partial(print, made))
    reference = weakref.ref(made)
    del made
    assert reference() is not None
    gc.collect()


# ---- where Dask is not installed

WITHOUT_DASK = """
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("dask", "distributed"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Blocker())
from pvdask_plugin.source import DaskDataFrameSource
source = DaskDataFrameSource()
source.SetSchedulerAddress("tcp://127.0.0.1:1")
source.Update()
print(source.GetFailed(), source.GetStatus())
"""


def test_without_dask_the_panel_says_so() -> None:
    path = os.pathsep.join((str(ROOT / "python"), str(ROOT / "plugin")))
    command = [sys.executable, "-c", WITHOUT_DASK]
    environment = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment, timeout=120)
    assert done.stdout.startswith("1 Error: ")
    assert "'dask'" in done.stdout or "'distributed'" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


# ---- the harness itself


def test_must_fail_a_getter_of_another_type_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DaskDataFrameSource, "GetTotalRows", lambda _: 1.0)
    with pytest.raises(AssertionError, match="TotalRows"):
        check_information(SOURCE.made())
