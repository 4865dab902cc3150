"""One message to the user, once."""

from __future__ import annotations

from vtkmodules.vtkCommonCore import vtkOutputWindow


def show_error(message: str, rank: int, about: str = "Dask") -> None:
    """Show an error in ParaView's message window, from rank 0 alone, since it is the same on all.

    Parameters
    ----------
    message : str
        For a person.
    rank : int
        Index of this rank.
    about : str, optional
        What it is about, put before it.
    """
    if rank == 0:
        vtkOutputWindow.GetInstance().DisplayErrorText(f"{about}: {message}\n")
