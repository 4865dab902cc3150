"""Task graphs for the workers: one block of arrays a partition, and what a sample needs to know of the whole frame first."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from typing import Any

from pvdask.pickling import by_value

FAN_IN = 32
"""Results that one task of a tree reduction takes."""

Graph = dict[Any, Any]


@dataclass(frozen=True)
class BlockGraph:
    """Tasks that make the arrays of a frame.

    Parameters
    ----------
    graph : dict
        The tasks, with those of the frame.
    blocks : tuple of str
        Keys of the blocks, one a partition.
    summary : str
        Key of a list of their headers.
    """

    graph: Graph
    blocks: tuple[str, ...]
    summary: str


def block_graph(frame: Any, request: dict[str, Any]) -> BlockGraph:
    """Plan the tasks that make the arrays of every partition.

    Parameters
    ----------
    frame : dask.dataframe.DataFrame
        Persisted or lazy.
    request : dict
        See `pvdask.columns`; besides, ``read``, the columns that it needs, and ``maximum`` rows to keep, 0 for all.

    Returns
    -------
    BlockGraph
        To be given to a client.
    """
    from pvdask import columns

    graph, parts = frame_graph(frame, request["read"])
    token = uuid.uuid4().hex
    blocks = [f"pvdask-block-{token}-{index}" for index in range(len(parts))]
    extra: list[tuple[Any, ...]] = [() for _ in parts]
    if request["fraction"] < 1.0 or request["maximum"]:
        extra = _sample(graph, parts, request, token)
    elif any(kind == columns.PARTITION_ID for _, kind, *_ in request["columns"]):
        extra = [(index,) for index in range(len(parts))]
    graph |= calls(f"pvdask-convert-{token}", partial(columns.convert, request=request), blocks, parts, extra)
    return BlockGraph(graph, tuple(blocks), add_headers(graph, blocks, token))


def map_graph(frame: Any, function: Callable[[Any], Any]) -> tuple[Graph, str]:
    """Plan a call of a function on every partition.

    Parameters
    ----------
    frame : dask.dataframe.DataFrame
        Persisted or lazy.
    function : callable
        Of this package; its result should be small.

    Returns
    -------
    tuple
        The tasks, and the key of the list of results.
    """
    graph, parts = frame_graph(frame, None)
    token = uuid.uuid4().hex
    keys = [f"pvdask-map-{token}-{index}" for index in range(len(parts))]
    graph |= calls(f"pvdask-function-{token}", function, keys, parts)
    summary = f"pvdask-mapped-{token}"
    graph[summary] = (list, keys)
    return graph, summary


def picked(frame: Any, picks: Sequence[tuple[int, Any]], as_text: Sequence[str]) -> Any:
    """Plan a frame of some rows of another.

    Parameters
    ----------
    frame : dask.dataframe.DataFrame
        Persisted or lazy; of a lazy one, the partitions of these rows alone are computed.
    picks : sequence of tuple
        Index of a partition, and the places of rows in it; one partition of the result each.
    as_text : sequence of str
        Columns (by display name) whose values become texts.

    Returns
    -------
    dask.dataframe.DataFrame
        Lazy, columns by display name.
    """
    from dask.dataframe.dask_expr import from_graph

    from pvdask import partitions

    indices = sorted({index for index, _ in picks})
    graph, parts = frame_graph(frame.partitions[indices], None) if indices else ({}, [])
    key_of = dict(zip(indices, parts, strict=True))
    name = f"pvdask-picked-{uuid.uuid4().hex}"
    keys = [(name, number) for number in range(len(picks))]
    arguments = [(rows, list(as_text)) for _, rows in picks]
    graph |= calls(f"{name}-function", partitions.pick, keys, [key_of[index] for index, _ in picks], arguments)
    meta = partitions.pick(frame._meta, range(0), list(as_text))
    return from_graph(graph, meta, (None,) * (len(picks) + 1), keys, name)


def calls(
    name: str,
    function: Callable[..., Any],
    keys: Sequence[Any],
    on: Sequence[Any],
    extra: Sequence[tuple[Any, ...]] | None = None,
) -> Graph:
    """Plan ``keys[i] = function(on[i], *extra[i])``.

    Parameters
    ----------
    name : str
        Key of the function itself, which is the result of a task of its own: so it is sent once and not once a partition,
        and unpickled on a worker. Dask's own pickling would send its name alone, which a worker need not know.
    function : callable
        Of this package.
    keys : sequence
        Keys of the tasks.
    on : sequence
        Keys of what they work on.
    extra : sequence of tuple, optional
        Further arguments; keys among them are replaced by results.

    Returns
    -------
    dict
        The tasks.
    """
    import cloudpickle
    from toolz.functoolz import apply

    arguments = extra or [() for _ in keys]
    tasks = {key: (apply, name, part, *rest) for key, part, rest in zip(keys, on, arguments, strict=True)}
    return {name: (cloudpickle.loads, by_value(function)), **tasks}


def add_headers(graph: Graph, blocks: Sequence[str], token: str) -> str:
    """Plan a list of the headers of blocks, which are the first of each; no block moves for it.

    Parameters
    ----------
    graph : dict
        Tasks; those that are needed are added.
    blocks : sequence of str
        Keys of the blocks.
    token : str
        For the keys.

    Returns
    -------
    str
        Key of the list.
    """
    headers = [f"pvdask-header-{token}-{index}" for index in range(len(blocks))]
    graph |= {header: (itemgetter(0), block) for header, block in zip(headers, blocks, strict=True)}
    summary = f"pvdask-summary-{token}"
    graph[summary] = (list, headers)
    return summary


def frame_graph(frame: Any, needed: Sequence[str] | None) -> tuple[Graph, list[Any]]:
    """Get a frame's tasks.

    Parameters
    ----------
    frame : dask.dataframe.DataFrame
        Persisted or lazy.
    needed : sequence of str or None
        Of a lazy frame, the only columns (by display name) to read; None for all.

    Returns
    -------
    tuple
        Its tasks, and the keys of its partitions in order.
    """
    from dask.core import flatten

    if not is_persisted(frame):
        frame = (frame if needed is None else project(frame, needed)).optimize()
    return dict(frame.__dask_graph__()), list(flatten(frame.__dask_keys__()))


def project(frame: Any, names: Sequence[str]) -> Any:
    """Take some columns of a frame.

    Parameters
    ----------
    frame : dask.dataframe.DataFrame
        The frame.
    names : sequence of str
        Display names.

    Returns
    -------
    dask.dataframe.DataFrame
        With the first column where none is named, since without any column a partition has no rows to count either.
    """
    by_display = {str(column): column for column in frame.columns}
    return frame[[by_display[name] for name in names] or list(frame.columns[:1])]


def is_persisted(frame: Any) -> bool:
    """Tell whether a frame's partitions are in the workers' memory, or on their way.

    Parameters
    ----------
    frame : dask.dataframe.DataFrame
        The frame.

    Returns
    -------
    bool
        False where at least one would have to be computed.
    """
    from distributed import futures_of

    return len(futures_of(frame)) >= int(frame.npartitions)


def _sample(graph: Graph, parts: Sequence[Any], request: dict[str, Any], token: str) -> list[tuple[Any, ...]]:
    """Add the tasks that number the rows of the whole frame and, for a maximum, find the threshold of the hashes."""
    from pvdask import columns, sampling

    lengths = [f"pvdask-length-{token}-{index}" for index in range(len(parts))]
    graph |= {key: (len, part) for key, part in zip(lengths, parts, strict=True)}
    offsets, threshold = f"pvdask-offsets-{token}", f"pvdask-threshold-{token}"
    graph[f"pvdask-lengths-{token}"] = (list, lengths)
    graph |= calls(f"pvdask-offsetter-{token}", sampling.offsets_of, [offsets], [f"pvdask-lengths-{token}"])
    if not request["maximum"]:
        return [(index, offsets) for index in range(len(parts))]
    counted = [f"pvdask-bins-{token}-{index}" for index in range(len(parts))]
    numbered = [(index, offsets) for index in range(len(parts))]
    count_bins = partial(columns.count_bins, request=request)
    graph |= calls(f"pvdask-binner-{token}", count_bins, counted, parts, numbered)
    total = _reduce(graph, counted, token)
    find = partial(sampling.threshold_bin, maximum=request["maximum"])
    graph |= calls(f"pvdask-finder-{token}", find, [threshold], [total])
    return [(index, offsets, threshold) for index in range(len(parts))]


def _reduce(graph: Graph, keys: Sequence[str], token: str) -> str:
    """Add a tree that adds up counts of hashes; gives its root."""
    from pvdask import sampling

    level = 0
    while len(keys) > 1 or level == 0:
        groups = [list(keys[first : first + FAN_IN]) for first in range(0, len(keys), FAN_IN)]
        lists = [f"pvdask-group-{token}-{level}-{index}" for index in range(len(groups))]
        sums = [f"pvdask-sum-{token}-{level}-{index}" for index in range(len(groups))]
        graph |= {name: (list, group) for name, group in zip(lists, groups, strict=True)}
        graph |= calls(f"pvdask-adder-{token}-{level}", sampling.add_bins, sums, lists)
        keys, level = sums, level + 1
    return keys[0]
