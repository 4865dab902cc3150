"""What one rank does in the notebook's way."""

from __future__ import annotations

import sys

_kept = {}


def table(output, job, columns, _number):
    """Fill `output`, a vtkTable, with this rank's partition."""
    from vtkmodules.vtkParallelCore import vtkMultiProcessController

    rank = vtkMultiProcessController.GetGlobalController().GetLocalProcessId()
    if not _kept:
        _start(job)
    frame = _kept["frame"] if columns is None else _kept["frame"][columns]
    data = frame.get_partition(rank).compute()
    output.ShallowCopy(_kept["to_table"](data))


def _start(job):
    from distributed import Client

    sys.path.append(job["pvgeo"])
    _kept["to_table"] = _import_pvgeo()
    _kept["client"] = Client(scheduler_file=job["scheduler_file"])
    _kept["frame"] = _kept["client"].get_dataset(job["dataset"])


def _import_pvgeo():
    """PVGeo's function. pyvista sends VTK's messages to `logging`, whose stream ParaView sends to VTK: without end."""
    from vtkmodules.vtkCommonCore import vtkOutputWindow

    window, streams = vtkOutputWindow.GetInstance(), (sys.stdout, sys.stderr)
    sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__
    try:
        from PVGeo.interface import data_frame_to_table
    finally:
        sys.stdout, sys.stderr = streams
        vtkOutputWindow.SetInstance(window)
    return data_frame_to_table
