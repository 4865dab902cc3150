"""See a Dask DataFrame in ParaView: every rank pulls its own partitions straight from the workers."""

from pvdask.version import __version__

__all__ = ["__version__"]
