"""One message to the user, once."""

from __future__ import annotations

from vtkmodules.vtkCommonCore import vtkOutputWindow


def show_error(message: str, rank: int) -> None:
    """Show an error in ParaView's message window, from rank 0 alone, since it is the same on all.

    Parameters
    ----------
    message : str
        For a person.
    rank : int
        Index of this rank.
    """
    if rank == 0:
        vtkOutputWindow.GetInstance().DisplayErrorText(f"Dask: {message}\n")
