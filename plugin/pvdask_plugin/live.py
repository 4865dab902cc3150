"""Live updates: ParaView's GUI asks a source on rank 0 whether it needs an update; the answer has to be one of all ranks."""

from __future__ import annotations

import time
from typing import Any

from pvdask.errors import PvdaskError
from pvdask.options import SourceOptions

MINIMUM_INTERVAL_S = 1.0
"""Seconds between two questions to the scheduler, however often ParaView asks."""

MAXIMUM_PROXY_ID = 1_000_000


class Watch:
    """Notices that the dataset was published again; on rank 0 alone."""

    def __init__(self) -> None:
        self._seen: tuple[str, str] | None = None
        self._asked = 0.0

    def forget(self) -> None:
        """Take what is published now as known at the next question."""
        self._seen = None

    def has_news(self, options: SourceOptions) -> bool:
        """Ask the scheduler, unless it was asked just now.

        Parameters
        ----------
        options : SourceOptions
            What is pulled.

        Returns
        -------
        bool
            Whether another DataFrame is published under the name than at the question before. False where none is, or where
            the scheduler does not answer: what is shown stays.
        """
        from pvdask.watching import publication

        if not options.live or options.files or time.monotonic() - self._asked < MINIMUM_INTERVAL_S:
            return False
        self._asked = time.monotonic()
        try:
            mark = publication(options.connection, options.dataset)
        except PvdaskError:
            return False
        seen, self._seen = self._seen, (options.dataset, mark)
        return bool(mark) and seen is not None and seen != self._seen


def call_on_all_ranks(algorithm: Any, method: str) -> None:
    """Call a method of an algorithm on all ranks of this server, from rank 0, while the others wait for its messages.

    ParaView lets a client do that, by setting a property; here it is the server's rank 0 that knows. So it does what
    vtkPVSessionServer does with a client's message, with ParaView's own calls. (The one place of the plugin that imports ParaView.)

    Parameters
    ----------
    algorithm : vtkAlgorithm
        Made by ParaView for a proxy.
    method : str
        Without arguments.

    Raises
    ------
    LookupError
        Where ParaView does not know the algorithm.
    """
    from paraview.modules.vtkRemotingClientServerStream import vtkClientServerStream
    from paraview.modules.vtkRemotingCore import vtkProcessModule

    module = vtkProcessModule.GetProcessModule()
    if module.GetNumberOfLocalPartitions() == 1:
        getattr(algorithm, method)()
        return
    core = (module.GetActiveSession() or module.GetSession(1)).GetSessionCore()
    stream = vtkClientServerStream()
    # As vtkSMProxy.cxx writes VTKOBJECT: object 1 is the session's helper, which knows a proxy's object by the proxy's id.
    found = f'stream_value(Invoke id_value(1) "GetVTKObject" uint32_value({_proxy_id(core, algorithm)}))'
    stream.StreamFromString(f'Invoke {found} "{method}"')
    core.ExecuteStream(vtkProcessModule.DATA_SERVER, stream, False)


def _proxy_id(core: Any, algorithm: Any) -> int:
    """The id of the proxy that an algorithm belongs to; ids count up from 1 in a session."""
    for identity in range(1, MAXIMUM_PROXY_ID):
        proxy = core.GetSIObject(identity)
        if proxy is not None and proxy.IsA("vtkSIProxy") and proxy.GetVTKObject() is algorithm:
            return identity
    raise LookupError("ParaView has no proxy of this source")
