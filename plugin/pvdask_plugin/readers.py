"""Dask CSV Reader and Dask Parquet Reader: the source, reading files in place of a published DataFrame."""

from __future__ import annotations

from pvdask_plugin.source import DaskDataFrameSource


class DaskFileReader(DaskDataFrameSource):
    """Points from CSV or Parquet files: read by the cluster where a scheduler is named, else by the ranks themselves."""

    def AddFileName(self, value: str | None) -> None:
        """Add a file, a folder or a glob; a series of files is one frame."""
        if value:
            self._set("FileNames", (*self._properties.get("FileNames", ()), value))

    def ClearFileNames(self) -> None:
        """Forget the files."""
        self._set("FileNames", ())
