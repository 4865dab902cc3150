"""See a Dask DataFrame in ParaView: every rank pulls its own partitions straight from the workers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pvdask.version import __version__

if TYPE_CHECKING:
    from pvdask.scene import Scene as Scene

__all__ = ["Scene", "__version__"]


def __getattr__(name: str) -> Any:
    """`Scene`, when it is first asked for: every rank imports this package, and none of them needs it."""
    if name == "Scene":
        from pvdask.scene import Scene

        return Scene
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
