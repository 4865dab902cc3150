"""The tasks of a density grid: a chain of additions a worker thread, then boxes of the chains' grids, added up.

A grid of 256 bins a side takes 134 MB an array, so none is made for each partition. A *lane* is a chain of tasks, pinned to a
worker, each of which adds one partition in place to the lane's grid; what makes a partition, where nobody else needs it, is
done within the same task. So each thread holds one grid and one partition at a time, however many partitions there are.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from pvdask.pickling import by_value
from pvdask.tasks import Graph, add_headers, calls

FAN_IN = 2
"""Boxes that one task adds up: more would bring more of them to one worker at a time."""


def share_out(
    n_partitions: int, lanes: Mapping[str, int], holders: Sequence[Sequence[str]]
) -> dict[str, list[list[int]]]:
    """Share partitions out to lanes.

    Parameters
    ----------
    n_partitions : int
        How many there are.
    lanes : mapping of str to int
        Lanes of each worker.
    holders : sequence of sequence of str
        For each partition the workers that hold it; none where it is made by the tasks.

    Returns
    -------
    dict
        For each worker that has something to do its lanes, each with the indices of its partitions, in order.
    """
    turns = [worker for turn in range(max(lanes.values(), default=0)) for worker in lanes if turn < lanes[worker]]
    mine: dict[str, list[int]] = {worker: [] for worker in lanes}
    n_free = 0
    for index in range(n_partitions):
        known = [worker for worker in holders[index] if worker in lanes]
        if known:
            worker = min(known, key=lambda name: len(mine[name]) / lanes[name])
        else:
            worker, n_free = turns[n_free % len(turns)], n_free + 1
        mine[worker].append(index)
    return {
        worker: [indices[lane :: lanes[worker]] for lane in range(min(lanes[worker], len(indices)))]
        for worker, indices in mine.items()
        if indices
    }


def lane_graph(
    graph: Graph, parts: Sequence[Any], lanes: Sequence[Sequence[int]], request: dict[str, Any]
) -> tuple[Graph, str]:
    """Plan what one worker does.

    Parameters
    ----------
    graph : dict
        The tasks of the frame.
    parts : sequence
        Keys of its partitions.
    lanes : sequence of sequence of int
        The partitions of each of the worker's lanes.
    request : dict
        See `pvdask.binning`.

    Returns
    -------
    tuple
        The tasks, with those of the frame that they need, and the key of the worker's grid.
    """
    import cloudpickle
    from toolz.functoolz import apply

    from pvdask import binning

    token = uuid.uuid4().hex
    adder = f"pvdask-binner-{token}"
    tasks: Graph = {adder: (cloudpickle.loads, by_value(partial(binning.accumulate, request=request)))}
    shared = _dependencies(graph)
    ends = []
    for number, indices in enumerate(lanes):
        grid: str | None = None
        for step, index in enumerate(indices):
            key = f"pvdask-lane-{token}-{number}-{step}"
            task = graph[parts[index]]
            is_made_here = parts[index] not in shared and not hasattr(task, "client")  # a future
            tasks[key] = (apply, adder, grid, task if is_made_here else parts[index])
            grid = key
        ends.append(grid)
    whole = f"pvdask-lanes-{token}"
    together = f"{whole}-list"
    tasks[together] = (list, ends)
    tasks |= calls(f"pvdask-merger-{token}", partial(binning.merge, request=request), [whole], [together])
    return _needed(graph, tasks) | tasks, whole


def box_graph(
    grids: Mapping[str, Any], boxes: Sequence[Sequence[int]], request: dict[str, Any]
) -> tuple[Graph, list[str], str]:
    """Plan the ranks' boxes of the sum of the workers' grids.

    Each box is added up by itself, so that no worker takes in whole grids of others.

    Parameters
    ----------
    grids : mapping
        Key and future of each worker's grid.
    boxes : sequence of sequence of int
        First and last bin along x, y and z of each.
    request : dict
        See `pvdask.binning`.

    Returns
    -------
    tuple
        The tasks, the keys of the boxes, and the key of a list of their headers.
    """
    from pvdask import binning

    token = uuid.uuid4().hex
    tasks: Graph = dict(grids)
    ends = []
    for number, box in enumerate(boxes):
        keys = [f"pvdask-box-{token}-{number}-{index}" for index in range(len(grids))]
        arguments = [(list(box),) for _ in keys]
        cut = partial(binning.cut, request=request)
        tasks |= calls(f"pvdask-cutter-{token}-{number}", cut, keys, list(grids), arguments)
        ends.append(_added(tasks, keys, request, f"{token}-{number}"))
    blocks = [f"pvdask-block-{token}-{number}" for number in range(len(boxes))]
    tasks |= calls(f"pvdask-finisher-{token}", partial(binning.finish, request=request), blocks, ends)
    return tasks, blocks, add_headers(tasks, blocks, token)


def _added(tasks: Graph, keys: Sequence[str], request: dict[str, Any], token: str) -> str:
    """Add a tree that adds up the same box of all grids; gives its root."""
    from pvdask import binning

    merge = partial(binning.merge, request=request)
    level = 0
    while len(keys) > 1:
        groups = [list(keys[first : first + FAN_IN]) for first in range(0, len(keys), FAN_IN)]
        lists = [f"pvdask-group-{token}-{level}-{index}" for index in range(len(groups))]
        sums = [f"pvdask-sum-{token}-{level}-{index}" for index in range(len(groups))]
        tasks |= {name: (list, group) for name, group in zip(lists, groups, strict=True)}
        tasks |= calls(f"pvdask-adder-{token}-{level}", merge, sums, lists)
        keys, level = sums, level + 1
    return keys[0]


def _dependencies(graph: Graph) -> set[Any]:
    """Keys that any task of a graph needs."""
    from dask.core import get_dependencies

    return {key for task in graph for key in get_dependencies(graph, task)}


def _needed(graph: Graph, tasks: Graph) -> Graph:
    """The tasks of a frame that some tasks need, directly or not."""
    from dask.core import get_dependencies

    everything = graph | tasks
    waiting, found = list(tasks), set(tasks)
    while waiting:
        for key in get_dependencies(everything, waiting.pop()):
            if key not in found:
                found.add(key)
                waiting.append(key)
    return {key: graph[key] for key in found if key in graph}
