"""Runs in pvpython for ``pvdask doctor``: says what is inside ParaView, as one line of JSON.

One argument: ``plugin`` (is the source there, which packages are imported) or ``opengl`` (what draws).
"""

import importlib.metadata
import json
import sys

from paraview import simple

PACKAGES = ("numpy", "pandas", "pyarrow", "dask", "distributed")


def look_at_plugin() -> dict[str, object]:
    """Make the source, and import what it imports."""
    import dask.dataframe
    import distributed
    import numpy
    import pandas
    import pyarrow

    imported = (numpy, pandas, pyarrow, dask, distributed)
    assert all(module.__file__ for module in imported)
    has_source = hasattr(simple, "DaskDataFrameSource")
    if has_source:
        simple.DaskDataFrameSource()
    return {"source": has_source, "packages": {name: importlib.metadata.version(name) for name in PACKAGES}}


def look_at_opengl() -> dict[str, object]:
    """Draw a frame, and ask what drew it."""
    view = simple.CreateView("RenderView")
    simple.Show(simple.Sphere(), view)
    simple.Render(view)
    information = simple.GetOpenGLInformation()
    return {"renderer": information.GetRenderer(), "version": information.GetVersion()}


QUESTIONS = {"plugin": look_at_plugin, "opengl": look_at_opengl}

if __name__ == "__main__":
    print("pvdask-doctor " + json.dumps(QUESTIONS[sys.argv[1]]()), flush=True)
