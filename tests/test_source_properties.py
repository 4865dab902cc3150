"""The properties in the XML, the methods behind them, and their defaults, held against one another and as ParaView reads them."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from dataclasses import fields
from pathlib import Path

import pytest
from proxy_xml import (
    SOURCE,
    XML,
    XML_FILES,
    Proxy,
    another,
    call_setter,
    default_of,
    every_filter,
    every_proxy,
    every_setting,
    every_source,
    read_proxies,
)

from pvdask.errors import PvdaskError
from pvdask.launch import ParaViewInstall, Stack
from pvdask.options import OVERRIDES_VARIABLE, SourceOptions

pytestmark = pytest.mark.vtk


def undocumented(proxy: Proxy) -> list[str]:
    texts = {name: (p.findtext("Documentation") or "").strip() for name, p in proxy.properties.items()}
    return [name for name, text in texts.items() if len(text) < 10 or not text.endswith(".")]


def without_method(proxy: Proxy) -> list[str]:
    made = proxy.made()
    commands = [p.get(key) for p in proxy.properties.values() for key in ("command", "clean_command")]
    return [command for command in commands if command and not callable(getattr(made, command, None))]


def unknown_names(proxy: Proxy) -> list[str]:
    """Names in groups and domains that no property has."""
    named = [child.attrib["name"] for group in proxy.element.iter("PropertyGroup") for child in group]
    for element in proxy.properties.values():
        named += [required.attrib["name"] for required in element.iter("Property") if required is not element]
        named += [element.attrib["information_property"]] if "information_property" in element.attrib else []
    return [name for name in named if name not in proxy.properties]


def off_defaults(proxy: Proxy) -> list[str]:
    """Properties whose default in the XML means something else than not setting them at all does."""
    unset = SourceOptions.from_properties({}, (), {})
    settable = proxy.settable().items()
    return [name for name, p in settable if SourceOptions.from_properties({name: default_of(p)}, (), {}) != unset]


@every_proxy
def test_every_property_has_a_tooltip(proxy: Proxy) -> None:
    assert undocumented(proxy) == []
    assert (proxy.element.findtext("Documentation") or "").strip()


@every_proxy
def test_every_command_is_a_method(proxy: Proxy) -> None:
    assert without_method(proxy) == []


@every_proxy
def test_groups_and_domains_name_properties_that_there_are(proxy: Proxy) -> None:
    assert unknown_names(proxy) == []


@every_filter
def test_a_filter_has_the_default_of_the_xml(proxy: Proxy) -> None:
    made = proxy.made()
    settable = proxy.settable()
    assert {name: made._value(name) for name in settable} == {name: default_of(p) for name, p in settable.items()}
    assert set(made.DEFAULTS) == set(settable), "none that the XML does not know"


@every_filter
def test_a_filter_is_modified_by_another_value_alone(proxy: Proxy) -> None:
    for name, element in proxy.settable().items():
        made, value = proxy.made(), another(element)
        before = made.GetMTime()
        call_setter(made, element, value)
        assert made._value(name) == value
        after = made.GetMTime()
        assert after > before
        call_setter(made, element, value)
        assert made.GetMTime() == after


@every_source
def test_a_default_means_what_not_setting_it_means(proxy: Proxy) -> None:
    """By the options that come of it: `from_properties` with the default alone, and with nothing."""
    assert off_defaults(proxy) == []
    together = {name: default_of(p) for name, p in proxy.settable().items()}
    assert SourceOptions.from_properties(together, (), {}) == SourceOptions()


@every_setting
def test_every_property_makes_a_difference(name: str) -> None:
    """Another value gives other options, or an error that names the property: none is read past."""
    value = another(SOURCE.settable()[name])
    try:
        assert SourceOptions.from_properties({name: value}, (), {}) != SourceOptions()
    except PvdaskError as error:
        assert name in str(error)  # noqa: PT017 - either is right


@every_setting
def test_every_property_can_be_set_on_the_command_line(name: str) -> None:
    value = default_of(SOURCE.settable()[name])
    environment = {OVERRIDES_VARIABLE: json.dumps({name: value})}
    other = {name: another(SOURCE.settable()[name])}
    assert SourceOptions.from_properties(other, (), environment) == SourceOptions()


def test_the_proxy_s_own_words() -> None:
    assert SOURCE.element.attrib["label"] == "Dask DataFrame Source"
    assert SOURCE.element.attrib["si_class"] == "vtkSIPythonSourceProxy"
    assert [hint.attrib["category"] for hint in SOURCE.element.iter("ShowInMenu")] == ["Dask"]
    groups = [group.attrib["name"] for group in ElementTree.parse(XML).getroot().findall("ProxyGroup")]
    assert groups == ["sources", "representations"]


def test_the_properties_that_users_and_scripts_know_are_there() -> None:
    settings = {"SchedulerFile", "SchedulerAddress", "Dataset", "XColumn", "YColumn", "ZColumn", "Timeout"}
    assert settings <= set(SOURCE.settable())
    assert {"ColumnArrays", "Refresh"} <= set(SOURCE.properties)
    figures = {"Status", "TotalRows", "PulledRows", "BytesReceived", "BytesCopied", "TransferPath"}
    assert figures <= set(SOURCE.information())
    # ParaView's plain button looks at what is published, and waits for Apply; a "command_button" would pull, and look at nothing.
    assert "panel_widget" not in SOURCE.properties["Refresh"].attrib


@every_proxy
def test_a_property_is_information_or_has_a_default(proxy: Proxy) -> None:
    for name, element in proxy.properties.items():
        is_list = element.get("repeat_command") == "1"
        kinds = [
            name in proxy.settable(),
            name in proxy.information(),
            is_list,
            element.tag in ("Property", "InputProperty"),
            element.find("TimeStepsInformationHelper") is not None,
        ]
        assert sum(kinds) == 1, name


@every_proxy
def test_no_property_is_in_two_groups(proxy: Proxy) -> None:
    named = [child.attrib["name"] for group in proxy.element.iter("PropertyGroup") for child in group]
    assert len(named) == len(set(named))


def test_what_users_set_is_in_a_group() -> None:
    grouped = {child.attrib["name"] for group in SOURCE.element.iter("PropertyGroup") for child in group}
    assert grouped == {*SOURCE.settable(), "ColumnArrays", "Refresh"}


def test_drop_downs_are_filled_from_information() -> None:
    for name in ("Dataset", "XColumn", "YColumn", "ZColumn"):
        required = [p.attrib for p in SOURCE.properties[name].iter("Property")]
        assert required == [{"name": f"{name}Info", "function": "StringInfo"}]
        assert f"{name}Info" in SOURCE.information()


@pytest.mark.parametrize(
    "name", [name for name, p in SOURCE.settable().items() if p.find("EnumerationDomain") is not None]
)
def test_entries_of_a_drop_down_mean_what_they_say(name: str) -> None:
    """The index that ParaView sets stands for the text that the user sees; a command line may give the text itself."""
    for entry in SOURCE.properties[name].iter("Entry"):
        by_index = SourceOptions.from_properties({name: int(entry.attrib["value"])}, (), {})
        by_text = SourceOptions.from_properties({name: entry.attrib["text"]}, (), {})
        assert by_index == by_text
        assert entry.attrib["text"] in [getattr(by_index, field.name) for field in fields(by_index)]


# ---- as ParaView itself reads the XML

IN_PARAVIEW = """
import json, sys
from paraview import servermanager, simple
group, name, *paths = sys.argv[1:]
for path in paths:
    simple.LoadPlugin(path, remote=False)
proxy = servermanager.ProxyManager().NewProxy(group, name)
proxy.UpdatePropertyInformation()
said = {"label": proxy.GetXMLLabel(), "values": {}}
properties = proxy.NewPropertyIterator()
while not properties.IsAtEnd():
    prop = properties.GetProperty()
    if hasattr(prop, "GetNumberOfElements"):
        said["values"][properties.GetKey()] = [prop.GetElement(i) for i in range(prop.GetNumberOfElements())]
    else:
        said["values"][properties.GetKey()] = None
    properties.Next()
print("SAID" + json.dumps(said))
"""


@every_proxy
def test_paraview_reads_the_same(proxy: Proxy, install: ParaViewInstall, stack: Stack, tmp_path: Path) -> None:
    script = tmp_path / "properties.py"
    script.write_text(IN_PARAVIEW)
    done = stack.run_client(install, script, [proxy.group, proxy.name, *map(str, XML_FILES)], timeout_s=120.0)
    assert done.returncode == 0, done.stderr
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("SAID"))
    said = json.loads(line.removeprefix("SAID"))
    assert said["label"] == proxy.element.attrib["label"]
    assert set(said["values"]) == set(proxy.properties)
    for name, element in proxy.settable().items():
        default = default_of(element)
        assert said["values"][name] == (list(default) if isinstance(default, tuple) else [default]), name
    if "Status" in proxy.properties:
        assert said["values"]["Status"] == ["Nothing pulled yet"], "asked of the object itself"


# ---- the harness itself

BAD_XML = """
<ServerManagerConfiguration><ProxyGroup name="sources">
  <SourceProxy name="Bad" class="pvdask_plugin.source.DaskDataFrameSource">
    <StringVectorProperty name="Silent" command="SetDataset" default_values=""/>
    <StringVectorProperty name="Lost" command="SetNothing" default_values=""><Documentation>A long text.</Documentation>
      <StringListDomain name="list"><RequiredProperties><Property name="Nowhere" function="StringInfo"/></RequiredProperties>
      </StringListDomain></StringVectorProperty>
    <DoubleVectorProperty name="Timeout" command="SetTimeout" default_values="61">
      <Documentation>A long text.</Documentation></DoubleVectorProperty>
    <PropertyGroup label="Group"><Property name="Elsewhere"/></PropertyGroup>
  </SourceProxy>
</ProxyGroup></ServerManagerConfiguration>
"""


def test_must_fail_faults_of_an_xml_are_seen() -> None:
    bad = read_proxies(BAD_XML)["Bad"]
    assert undocumented(bad) == ["Silent"]
    assert without_method(bad) == ["SetNothing"]
    assert unknown_names(bad) == ["Elsewhere", "Nowhere"]
    assert off_defaults(bad) == ["Timeout"]
