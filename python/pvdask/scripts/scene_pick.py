"""The rows that a rectangle of the view holds: which partitions of the DataFrame, and which rows of these."""

import numpy as np
from paraview import servermanager, simple
from vtkmodules.util.numpy_support import vtk_to_numpy

from pvdask.errors import SceneError
from pvdask.options import PARTITION_ID_ARRAY, ROW_ID_ARRAY
from pvdask.scripts.scene_source import pull


def picked(scene, rectangle):
    """Rows whose points are drawn inside a rectangle, also those behind others.

    Parameters
    ----------
    scene : Scene
        The scene, drawn at least once.
    rectangle : sequence of float
        Left, top, right and bottom, as shares of the picture, 0 to 1 from its upper left corner.

    Returns
    -------
    dict
        ``dataset``, and ``rows``: pairs of partition and sorted places of rows in it.
    """
    left, top, right, bottom = (min(max(float(share), 0.0), 1.0) for share in rectangle)
    if scene.display is None or not (left < right and top < bottom):
        raise SceneError(
            f"The rectangle {list(rectangle)} holds nothing; expected left < right and top < bottom, 0 to 1."
        )
    source = scene.rows.source
    if not source.GenerateRowIds:
        source.GenerateRowIds = 1
        pull(source)
    ids = selected_ids(source, frustum(scene.view, left, 1 - bottom, right, 1 - top))
    partitions = np.unique(ids[:, 0])
    rows = [[int(each), np.sort(ids[ids[:, 0] == each, 1]).tolist()] for each in partitions]
    return {"dataset": scene.rows.wanted["dataset"], "rows": rows}


def frustum(view, left, bottom, right, top):
    """The eight corners, as 32 numbers, of what a rectangle of the view shows, as ParaView's frustum selection wants them."""
    width, height = view.ViewSize
    renderer = view.GetRenderer()
    corners = []
    for x, y in ((left, bottom), (left, top), (right, bottom), (right, top)):
        for depth in (0.0, 1.0):
            renderer.SetDisplayPoint(x * width, y * height, depth)
            renderer.DisplayToWorld()
            corners += renderer.GetWorldPoint()
    return corners


def selected_ids(source, corners):
    """Partition and place in it of each point inside a frustum: shape (n, 2)."""
    manager = servermanager.ProxyManager()
    selection = servermanager._getPyProxy(manager.NewProxy("sources", "FrustumSelectionSource"))
    selection.Frustum = corners
    selection.FieldType = "POINT"
    extract = simple.ExtractSelection(Input=source, Selection=selection)
    # Of an unstructured grid, which the selection gives, Fetch brings one rank's points alone (ParaView 5.11).
    surface = simple.ExtractSurface(Input=extract)
    try:
        surface.UpdatePipeline()
        data = servermanager.Fetch(surface)
        arrays = [data.GetPointData().GetArray(name) for name in (PARTITION_ID_ARRAY, ROW_ID_ARRAY)]
        if not data.GetNumberOfPoints() or None in arrays:
            return np.empty((0, 2), "i8")
        return np.stack([vtk_to_numpy(array).astype("i8") for array in arrays], axis=1)
    finally:
        for proxy in (surface, extract):
            simple.Delete(proxy)
