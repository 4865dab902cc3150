"""A pull without a cluster: the ranks read their own parts of the files, each with Dask's own threads."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pvdask import columns as on_workers
from pvdask import sampling
from pvdask.cache import Array
from pvdask.files import open_files, unreadable
from pvdask.options import SourceOptions
from pvdask.parquet import push_down
from pvdask.plan import ColumnSpec, Part, Plan
from pvdask.ranks import RankGroup, agree, describe
from pvdask.selection import choose_columns, decide_types, request_for
from pvdask.tasks import project
from pvdask.transfer import Received


class EmbeddedPartitions:
    """A rank's run of partitions of a frame, in memory; the counterpart of `pvdask.cluster.Cluster` without a cluster.

    Parameters
    ----------
    frame : dask.dataframe.DataFrame
        Lazy; the same on every rank.
    ranks : RankGroup
        All ranks make one.
    """

    def __init__(self, frame: Any, ranks: RankGroup) -> None:
        self._frame = frame
        self._ranks = ranks
        n_partitions = int(frame.npartitions)
        first, last = (n_partitions * (ranks.rank + step) // ranks.size for step in (0, 1))
        self.indices = range(first, last)
        self._loaded: list[Any] | None = None

    @classmethod
    def of(cls, frame: Any, ranks: RankGroup, loaded: list[Any]) -> EmbeddedPartitions:
        """Make one of partitions that this rank has already.

        Parameters
        ----------
        frame : dask.dataframe.DataFrame
            Where they are from.
        ranks : RankGroup
            All ranks make one.
        loaded : list of pandas.DataFrame
            This rank's, of any number.

        Returns
        -------
        EmbeddedPartitions
            It reads nothing.
        """
        partitions = cls(frame, ranks)
        partitions._loaded = loaded
        return partitions

    def load(self) -> list[Any]:
        """Read this rank's partitions, the first time that they are asked for.

        Returns
        -------
        list of pandas.DataFrame
            One a partition.
        """
        import dask

        if self._loaded is None:
            parts = [self._frame.partitions[index] for index in self.indices]
            self._loaded = list(dask.compute(*parts, scheduler="threads"))
        return self._loaded

    def map_partitions(self, frame: Any, function: Callable[[Any], Any]) -> list[Any]:  # noqa: ARG002 - see `Partitions`
        """Call a function on every partition of the frame, each on the rank that has it.

        Parameters
        ----------
        frame : dask.dataframe.DataFrame
            Not looked at: it is the one that this was made of.
        function : callable
            Gives what JSON can hold.

        Returns
        -------
        list
            Shape (n_partitions,), the same on every rank.
        """
        results, error = [], None
        try:
            results = [function(part) for part in self.load()]
        except Exception as caught:  # whatever it is, no rank may be left waiting
            error = describe(caught)
        return [result for report in agree(self._ranks, error, {"results": results}) for result in report["results"]]


def pull_embedded(options: SourceOptions, ranks: RankGroup) -> tuple[Plan, Received, list[dict[str, Any]]]:
    """Read files on the ranks themselves.

    Parameters
    ----------
    options : SourceOptions
        With ``files``, the same on every rank.
    ranks : RankGroup
        All ranks call this together.

    Returns
    -------
    tuple
        A plan that tells which rows each rank has, this rank's arrays, and all ranks' reports.

    Raises
    ------
    AgreedError
        On every rank, with the same message, where anything failed on any of them.
    """
    started = time.monotonic()
    frame: Any = None
    error = None
    try:
        frame = open_files(options.files)
    except Exception as caught:  # whatever it is, no rank may be left waiting
        error = describe(caught)
    agree(ranks, error)
    # What follows is the same on all ranks, as all decide on the same metadata; what needs the rows is agreed on inside.
    identity = str(frame._name)
    chosen = choose_columns(frame, options)
    if chosen.expression and not options.numbers_rows:
        frame = push_down(frame, chosen.expression.tree)
    partitions = EmbeddedPartitions(project(frame, chosen.read()), ranks)
    specs = decide_types(partitions, frame, chosen)
    request = request_for(options, chosen, specs, send_points=True)
    blocks = _convert(partitions, ranks, request, options)
    received = _join(blocks, request, specs)
    counts = [on_workers.describe(block) for block in blocks]
    report = {
        "layout": [(index, rows) for index, (rows, *_) in zip(partitions.indices, counts, strict=True)],
        "total": sum(frame_rows for _, frame_rows, *_ in counts),
        "dropped": sum(dropped for *_, dropped, _ in counts),
        "seconds": round(time.monotonic() - started, 4),
    }
    reports = agree(ranks, None, report)
    return _plan(identity, options, request, specs, reports), received, reports


def _convert(
    partitions: EmbeddedPartitions, ranks: RankGroup, request: dict[str, Any], options: SourceOptions
) -> list[on_workers.Block]:
    """Blocks of this rank; what a sample needs to know of the whole frame goes round the ranks."""
    frames, lengths, error = [], [], None
    try:
        frames = partitions.load()
        lengths = [len(part) for part in frames]
    except Exception as caught:  # whatever it is, no rank may be left waiting
        error = describe(_told(options, caught))
    reports = agree(ranks, error, {"lengths": lengths})
    offsets = sampling.offsets_of([length for report in reports for length in report["lengths"]])
    threshold = _threshold(partitions, frames, ranks, request, offsets) if request["maximum"] else None
    blocks = []
    try:
        for index, part in zip(partitions.indices, frames, strict=True):
            blocks.append(on_workers.convert(part, index, offsets, threshold, request=request))
    except Exception as caught:  # as above
        error = describe(_told(options, caught))
    agree(ranks, error)
    return blocks


def _told(options: SourceOptions, error: Exception) -> Exception:
    """Errors of pandas and pyarrow in words; ours as they are."""
    from pvdask.errors import InputError, PvdaskError

    return error if isinstance(error, PvdaskError) else InputError(unreadable(list(options.files), error))


def _threshold(
    partitions: EmbeddedPartitions, frames: Sequence[Any], ranks: RankGroup, request: dict[str, Any], offsets: list[int]
) -> int:
    counted, error = [], None
    try:
        for index, part in zip(partitions.indices, frames, strict=True):
            counted.append([array.tolist() for array in on_workers.count_bins(part, index, offsets, request=request)])
    except Exception as caught:  # whatever it is, no rank may be left waiting
        error = describe(caught)
    reports = agree(ranks, error, {"bins": counted})
    everywhere = [
        (np.array(bins, "u4"), np.array(counts, "i8")) for report in reports for bins, counts in report["bins"]
    ]
    return sampling.threshold_bin(sampling.add_bins(everywhere), maximum=request["maximum"])


def _join(blocks: Sequence[on_workers.Block], request: dict[str, Any], specs: Sequence[ColumnSpec]) -> Received:
    dtypes = [np.dtype(request["point_dtype"]), *(np.dtype(spec.dtype) for spec in specs)]
    shapes = [(0, 3), *[(0,)] * len(specs)]
    arrays: list[Array] = []
    copied = 0
    for number, (dtype, shape) in enumerate(zip(dtypes, shapes, strict=True)):
        pieces = [block[number + 1] for block in blocks]
        joined = pieces[0] if len(pieces) == 1 else np.concatenate([np.empty(shape, dtype), *pieces])
        if not (joined.flags.writeable and joined.flags.c_contiguous) or len(pieces) > 1:
            joined = np.ascontiguousarray(joined) if len(pieces) > 1 else joined.copy()
            copied += joined.nbytes
        arrays.append(joined)
    return Received(arrays, 0, copied, len(blocks), 0)


def _plan(
    identity: str,
    options: SourceOptions,
    request: dict[str, Any],
    specs: tuple[ColumnSpec, ...],
    reports: Sequence[dict[str, Any]],
) -> Plan:
    ranks = tuple(
        tuple(Part("", (), rows, 0, index, 0) for index, rows in report["layout"] if rows) for report in reports
    )
    return Plan(
        scheduler="",
        frame=identity,
        dataset="",
        positions=tuple(request["positions"]),
        has_points=not options.is_table,
        is_whole=True,
        point_dtype=request["point_dtype"],
        columns=specs,
        total_rows=sum(report["total"] for report in reports),
        dropped_rows=sum(report["dropped"] for report in reports),
        ranks=ranks,
    )
