"""The rows of a scene: which DataFrame, columns and filter; a change that fails leaves them as they were."""

import re
from dataclasses import dataclass
from typing import Any

from paraview import servermanager, simple

from pvdask.errors import SceneError
from pvdask.scene.frames import is_private
from pvdask.scripts.coloring import listed

ROWS = {
    "scheduler_file": "SchedulerFile",
    "scheduler_address": "SchedulerAddress",
    "dataset": "Dataset",
    "x": "XColumn",
    "y": "YColumn",
    "z": "ZColumn",
    "coordinates": "Coordinates",
    "filter": "Filter",
    "sample": "SampleFraction",
    "timeout": "Timeout",
}
"""What decides which rows are shown and where, and the source's properties for it."""

PLACE = ("dataset", "x", "y", "z", "coordinates")
CONNECTION = ("scheduler_file", "scheduler_address", "timeout")
ID_LIKE = re.compile(r"(^|[^a-z])(id|index)s?($|[^a-z])", re.IGNORECASE)
FIGURES = ("TotalRows", "PulledRows", "DroppedRows", "BytesReceived", "BytesCopied")


@dataclass
class Changed:
    """A source with other rows, pulled already; what it was given; the column that it brings; whether it is elsewhere."""

    source: Any
    wanted: dict[str, Any]
    color: str
    is_elsewhere: bool


class SourceOfRows:
    """Owns the source that is shown, and another that is asked what there is and is never pulled."""

    def __init__(self):
        self.wanted = {"dataset": "", "filter": "", "sample": 1.0}
        self.source = None
        self.known = {"datasets": [], "columns": [], "axes": [[], [], []]}
        self._probe = None

    def look(self, wanted=None):
        """Ask the cluster what there is; SceneError where it does not answer. Where no dataset is named, the first is taken."""
        wanted = dict(self.wanted if wanted is None else wanted)
        if self._probe is None:
            self._probe = servermanager._getPyProxy(
                servermanager.ProxyManager().NewProxy("sources", "DaskDataFrameSource")
            )
        probe = self._probe
        for name in (*CONNECTION, "dataset"):
            put(probe, name, wanted.get(name))
        self._ask(probe)
        everything = listed(probe.GetPropertyValue("DatasetInfo"))
        datasets = [name for name in everything if not is_private(name) or name == wanted.get("dataset")]
        if datasets and not wanted.get("dataset"):
            wanted["dataset"] = datasets[0]
            put(probe, "dataset", datasets[0])
            self._ask(probe)
        self.known["datasets"] = datasets
        if not datasets:
            raise SceneError(
                "The cluster answers, but nothing is published on it: publish a DataFrame (`pvdask publish NAME FILE...`, or "
                "client.publish_dataset), then press Refresh."
            )
        if wanted["dataset"] not in datasets:
            names = ", ".join(map(repr, datasets))
            raise SceneError(f"No dataset {wanted['dataset']!r} is published; published there: {names}.")
        return wanted, {
            "datasets": datasets,
            "columns": listed(probe.GetPropertyValue("OfferedColumns")),
            "axes": [listed(probe.GetPropertyValue(f"{axis}ColumnInfo")) for axis in "XYZ"],
        }

    def _ask(self, probe):
        probe.SMProxy.InvokeCommand("Refresh")
        probe.UpdatePipelineInformation()
        probe.UpdatePropertyInformation()
        status = str(probe.GetPropertyValue("Status"))
        if status.startswith("Error: "):
            self._probe = None  # it keeps the error, also when it was answered the next time
            raise SceneError(status.removeprefix("Error: "))

    def changed(self, changes, color):
        """Make a second source with some things changed, and pull it; the first goes on being shown if that fails."""
        for name in changes:
            if name not in ROWS:
                raise SceneError(f"A scene has no {name!r}; it has {', '.join(ROWS)}.")
        # Where the cluster is stays known, whatever else cannot be used.
        self.wanted.update({name: changes[name] for name in CONNECTION if name in changes})
        wanted, known = self.look({**self.wanted, **changes})
        if wanted["dataset"] != self.wanted["dataset"] or self.source is None:
            for axis, choices in zip("xyz", known["axes"], strict=True):
                if not changes.get(axis):
                    wanted[axis] = choices[0] if choices else ""
        if color not in known["columns"]:
            color = default_color(known, wanted)
        source = simple.DaskDataFrameSource(registrationName=wanted["dataset"])
        try:
            for name, value in wanted.items():
                put(source, name, value)
            source.UpdatePipelineInformation()
            tick(source, known["columns"], color)
            pull(source)
        except BaseException:
            simple.Delete(source)
            raise
        self.known = known
        is_elsewhere = any(wanted.get(name) != self.wanted.get(name) for name in PLACE)
        return Changed(source, wanted, color, is_elsewhere)

    def adopt(self, changed):
        """Let the changed source take the place of the one before."""
        before, self.source, self.wanted = self.source, changed.source, changed.wanted
        if before is not None:
            for consumer in consumers(before):
                consumer.Input = self.source
            simple.Delete(before)

    def take_loaded(self, source):
        """Take over a source that a loaded state brought."""
        wanted = {name: source.GetProperty(property_).GetData() for name, property_ in ROWS.items()}
        for name in (*CONNECTION, "dataset"):
            if not wanted[name] and self.wanted.get(name):
                wanted[name] = self.wanted[name]
                put(source, name, wanted[name])
        wanted, known = self.look(wanted)
        source.UpdatePipelineInformation()
        pull(source)
        self.known = known
        return Changed(source, wanted, "", True)

    def bring(self, column):
        """Have the source bring one column along and no other; of what it has already, nothing is fetched again."""
        if column:
            _, self.known = (
                self.look()
            )  # a pull that fails would leave it empty, so ask first whether somebody is there
            if column not in self.known["columns"]:
                names = ", ".join(map(repr, self.known["columns"]))
                raise SceneError(f"The dataset has no column {column!r} to colour by; it has {names}.")
        before = list(self.source.ColumnArrays)
        tick(self.source, self.known["columns"], column)
        try:
            pull(self.source)
        except SceneError:
            tick(self.source, self.known["columns"], before[0] if before else "")
            self.source.UpdatePipeline()
            raise

    def bounds(self):
        """Lowest and highest x, y and z."""
        return list(self.source.GetDataInformation().GetBounds())

    def describe(self):
        """What there is to choose from, what is chosen, and what the last pull did."""
        told = {**self.known, **{name: self.wanted.get(name, "") for name in ROWS}}
        if self.source is not None:
            self.source.UpdatePropertyInformation()
            told["figures"] = {name: int(self.source.GetPropertyValue(name)) for name in FIGURES}
            told["status"] = str(self.source.GetPropertyValue("Status"))
            told["bounds"] = self.bounds()
        return told

    def close(self):
        """Delete both sources."""
        if self.source is not None:
            simple.Delete(self.source)
        self.source = self._probe = None


def consumers(source):
    """Filters and representations that have a source as their input."""
    found = [source.SMProxy.GetConsumerProxy(index) for index in range(source.SMProxy.GetNumberOfConsumers())]
    proxies = [servermanager._getPyProxy(proxy) for proxy in found if proxy is not None and proxy.GetProperty("Input")]
    return [proxy for proxy in proxies if getattr(proxy.Input, "SMProxy", None) is source.SMProxy]


def put(source, name, value):
    """Set one of `ROWS`; None leaves it."""
    if value is not None:
        try:
            setattr(source, ROWS[name], value)
        except (TypeError, ValueError):
            raise SceneError(f"{name}: {value!r} cannot be used here.") from None


def tick(source, columns, column):
    """Bring along `column` alone, out of the `columns` that there are."""
    selection = source.SMProxy.GetProperty("ColumnArrays")
    selection.SetNumberOfElements(2 * len(columns))
    for index, name in enumerate(columns):
        selection.SetElement(2 * index, name)
        selection.SetElement(2 * index + 1, "1" if name == column else "0")
    source.SMProxy.UpdateVTKObjects()


def pull(source):
    """Update, and raise what went wrong."""
    source.UpdatePipeline()
    source.UpdatePropertyInformation()
    if source.GetPropertyValue("Failed"):
        raise SceneError(str(source.GetPropertyValue("Status")).removeprefix("Error: "))


def default_color(known, wanted):
    """A column to colour by at first: one of numbers that is neither a position nor, by its name, an id."""
    numeric = {name for choices in known["axes"] for name in choices}
    positions = {wanted.get(axis) for axis in "xyz"}
    usable = [name for name in known["columns"] if name in numeric and name not in positions]
    return next((name for name in usable if not ID_LIKE.search(name)), usable[0] if usable else "")
