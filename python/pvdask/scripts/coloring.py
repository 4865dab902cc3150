"""Colours, legends and stars of a scene: what the picture of a state file and the interactive scene have in common."""

import json
import math

from paraview import servermanager, simple

from pvdask.errors import printable

GAUSSIAN = "Point Gaussian"
OPAQUE_GAUSSIAN = "Opaque Gaussian"
OPAQUE_NAMES = {
    "GaussianRadius": "OpaqueGaussianRadius",
    "ShaderPreset": "OpaqueShaderPreset",
    "CustomTriangleScale": "OpaqueCustomTriangleScale",
    "CustomShader": "OpaqueCustomShader",
    "Emissive": "OpaqueEmissive",
    "ScaleByArray": "OpaqueScaleByArray",
    "SetScaleArray": "OpaqueScaleArray",
    "ScaleArrayComponent": "OpaqueScaleArrayComponent",
    "UseScaleFunction": "OpaqueUseScaleFunction",
    "OpacityByArray": "OpaqueOpacityByArray",
    "OpacityArray": "OpaqueOpacityArray",
    "OpacityArrayComponent": "OpaqueOpacityArrayComponent",
}
"""Properties of Point Gaussian, and what Opaque Gaussian calls them."""


MAXIMUM_ANNOTATIONS = 256
LABELS_SUFFIX = ":labels"
PALETTE = (
    (0.12, 0.47, 0.71),
    (1.0, 0.5, 0.05),
    (0.17, 0.63, 0.17),
    (0.84, 0.15, 0.16),
    (0.58, 0.4, 0.74),
    (0.55, 0.34, 0.29),
    (0.89, 0.47, 0.76),
    (0.74, 0.74, 0.13),
    (0.09, 0.75, 0.81),
    (0.5, 0.5, 0.5),
)
"""Colours of categories: matplotlib's tab10."""


class RenderError(Exception):
    """What cannot be drawn; one sentence for a person."""


def shown(view):
    """Representations that are drawn in the view and can be coloured."""
    found = []
    for representation in view.Representations:
        proxy = servermanager._getPyProxy(representation.SMProxy)
        if proxy.GetProperty("ColorArrayName") is not None and proxy.GetProperty("Visibility").GetData():
            found.append(proxy)
    return found


def prefer_opaque_gaussian(view):
    """Draw opaque Point Gaussians without moving points between ranks, where the compiled representation is loaded."""
    for representation in shown(view):
        offered = representation.GetProperty("Representation")
        if offered is None or representation.Representation != GAUSSIAN or representation.Opacity < 1:
            continue
        if OPAQUE_GAUSSIAN in list(offered.GetAvailable()):
            for name, opaque_name in OPAQUE_NAMES.items():
                copy_property(representation, name, representation, opaque_name)
            representation.UpdateVTKObjects()
            representation.SetRepresentationType(OPAQUE_GAUSSIAN)


def copy_property(source, name, target, target_name):
    """Give a property the other's value, where both are there."""
    from_property, to_property = source.SMProxy.GetProperty(name), target.SMProxy.GetProperty(target_name)
    if from_property is not None and to_property is not None:
        to_property.Copy(from_property)


def color_by(view, column, keep_range):
    """Colour everything that has the column, with a legend."""
    colored = 0
    for representation in shown(view):
        if column == "rank":
            colored += color_by_rank(representation, view)
        elif column in representation.Input.PointData.keys():
            color_representation(representation, view, column, keep_range)
            colored += 1
    if not colored:
        have = sorted({name for representation in shown(view) for name in columns_of(representation.Input)})
        raise RenderError(
            f"--color-by: nothing that is shown has a column {column!r}; there are: {', '.join(map(repr, have))}."
        )


def color_representation(representation, view, column, keep_range):
    """Colour one representation by a column that its data have, with a legend."""
    hide_legends(view)
    # Not simple.ColorBy, which rescales the colour map, also one whose range the state or --color-map fixes.
    representation.SetScalarColoring(column, servermanager.GetAssociationFromString("POINTS"))
    lut = simple.GetColorTransferFunction(column, representation)
    labels = labels_of(representation.Input, column)
    if labels:
        color_by_labels(lut, labels)
    elif not keep_range and not is_preset(lut):
        representation.RescaleTransferFunctionToDataRange(False, True)
    show_legend(lut, view, column)


def columns_of(source):
    """Columns that a source could bring along, ticked or not; of another, its point arrays."""
    if source.GetProperty("OfferedColumns") is None:
        return list(source.PointData.keys())
    source.UpdatePropertyInformation()
    return listed(source.GetPropertyValue("OfferedColumns"))


def listed(values):
    """Value of a property of several texts, which ParaView gives as one text where there is one."""
    return [values] if isinstance(values, str) else list(values or [])


def label_tables(source):
    """What the codes of a source's columns stand for, by column; empty for one that has none."""
    if source.GetProperty("LabelTables") is None:
        return {}
    source.UpdatePropertyInformation()
    values = source.GetPropertyValue("LabelTables")
    return json.loads(values if isinstance(values, str) else values[0]) if values else {}


def labels_of(source, column):
    """What the codes of a column stand for, up to MAXIMUM_ANNOTATIONS of them; none where they are numbers."""
    if source.FieldData.GetArray(column + LABELS_SUFFIX) is None:
        return []
    return label_tables(source).get(column, [])[:MAXIMUM_ANNOTATIONS]


def color_by_labels(lut, labels):
    """Show codes as categories, each with its label and a colour of its own."""
    lut.InterpretValuesAsCategories = 1
    lut.AnnotationsInitialized = 1
    # A control character in a label cannot be written to a state file, which is XML.
    lut.Annotations = [text for code, label in enumerate(labels) for text in (str(code), printable(label))]
    lut.IndexedColors = [channel for code in range(len(labels)) for channel in PALETTE[code % len(PALETTE)]]
    lut.IndexedOpacities = [1.0] * len(labels)


def is_preset(lut):
    """Whether the state brought a colour map of its own for this column."""
    return lut.GetProperty("ScalarRangeInitialized") is not None and bool(lut.ScalarRangeInitialized)


def color_by_rank(representation, view):
    """Colour each point by the rank that draws it."""
    # Called Process Id Scalars up to ParaView 5.11, Process Ids from 5.12 on, and their arrays differ as well.
    make_ids = getattr(simple, "ProcessIds", None) or simple.ProcessIdScalars
    ids = make_ids(Input=representation.Input)
    ids.UpdatePipeline()
    (array,) = set(ids.PointData.keys()) - set(representation.Input.PointData.keys())
    new = simple.Show(ids, view)
    for name in ("Representation", "Opacity", *OPAQUE_NAMES, *OPAQUE_NAMES.values()):
        copy_property(representation, name, new, name)
    new.UpdateVTKObjects()
    simple.Hide(representation.Input, view)
    hide_legends(view)
    simple.ColorBy(new, ("POINTS", array))
    lut = simple.GetColorTransferFunction(array)
    n_ranks = servermanager.vtkProcessModule.GetProcessModule().GetNumberOfLocalPartitions()
    color_by_labels(lut, [f"rank {rank}" for rank in range(n_ranks)])
    show_legend(lut, view, "rank")
    return 1


def hide_legends(view):
    """Legends of other columns would be wrong now."""
    for representation in list(view.Representations):
        if representation.GetXMLName() == "ScalarBarWidgetRepresentation":
            representation.Visibility = 0


def show_legend(lut, view, title):
    """The legend of one colour map."""
    bar = simple.GetScalarBar(lut, view)
    bar.Title = title
    bar.ComponentTitle = ""
    bar.TitleFontFamily = "Times"  # ParaView's own Arial draws square brackets as round ones
    if bar.RangeLabelFormat == "%-#6.1e":  # ParaView's own, which writes 20 as 2.0e+01
        bar.RangeLabelFormat = "%.4g"
    bar.Visibility = 1


def import_color_map(path, view, column):
    """Apply a colour map in ParaView's own preset format."""
    with open(path, encoding="utf-8") as file:
        presets = json.load(file)
    name = presets[0]["Name"]
    if not simple.ImportPresets(path):
        raise RenderError(
            f"--color-map: ParaView cannot read {path} as colour presets; save it from the Choose Preset dialog."
        )
    columns = (
        [column]
        if column and column != "rank"
        else [representation.ColorArrayName[1] for representation in shown(view) if representation.ColorArrayName[1]]
    )
    for each in columns:
        lut = simple.GetColorTransferFunction(each)
        lut.ApplyPreset(name, False)
        lut.ScalarRangeInitialized = 1


def fitted_radius(source):
    """The radius of a star: a tenth of the mean distance between stars, so that few hide each other."""
    bounds = source.GetDataInformation().GetBounds()
    extents = [max(high - low, 0.0) for low, high in zip(bounds[::2], bounds[1::2], strict=True)]
    largest = max(extents) or 1.0
    volume = math.prod(max(extent, largest * 1e-3) for extent in extents)
    radius = 0.1 * (volume / max(source.GetPropertyValue("PulledRows"), 1)) ** (1 / 3)
    return max(radius, largest * 1e-3)


def set_radius(representation, radius):
    """Give a representation a radius, under each of the names that it has for one."""
    for name in ("GaussianRadius", "OpaqueGaussianRadius"):
        if representation.GetProperty(name) is not None:
            setattr(representation, name, radius)
