"""The use case: options, a cluster and ranks in; one block of arrays a rank out. All ranks call this together."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pvdask import log, memory
from pvdask.cache import Array, ColumnCache
from pvdask.cluster import Cluster
from pvdask.loop import Deadline
from pvdask.options import SourceOptions
from pvdask.origin import Origin, remember_scheduler
from pvdask.plan import ColumnSpec, Plan
from pvdask.ranks import RankGroup, agree, describe, share
from pvdask.tls import TLSFiles
from pvdask.transfer import BY_WAY_OF_SCHEDULER, Received, fetch

SHARE_OF_MAKING = 0.5
"""Of the progress that is shown: the workers make the arrays in it, and the ranks fetch them in the rest."""


@dataclass(frozen=True)
class Pulled:
    """One rank's share, and the sums over all ranks.

    Parameters
    ----------
    points : numpy.ndarray
        Shape (n, 3); (0, 3) for a table. Like the columns it belongs to the cache as well: not to be written to.
    columns : list of numpy.ndarray
        Shape (n,) each.
    specs : tuple of ColumnSpec
        What they are.
    total_rows, dropped_rows : int
        Rows of the frame, and those left out since their position is not finite.
    reports : tuple of dict
        Shape (n_ranks,): rows, bytes, path and partitions of each rank.
    origin : Origin
        Where the rows are from.
    """

    points: Array
    columns: list[Array]
    specs: tuple[ColumnSpec, ...]
    total_rows: int
    dropped_rows: int
    reports: tuple[dict[str, Any], ...]
    origin: Origin

    def total(self, name: str) -> int:
        """Add up one figure of the reports.

        Parameters
        ----------
        name : str
            ``rows``, ``bytes_received`` or ``bytes_copied``.

        Returns
        -------
        int
            Over all ranks.
        """
        return sum(int(report[name]) for report in self.reports)

    def figures(self) -> dict[str, int]:
        """What the information properties show.

        Returns
        -------
        dict of str to int
            Sums over all ranks.
        """
        sums = {name: self.total(name) for name in ("rows", "bytes_received", "bytes_copied")}
        return {"total_rows": self.total_rows, "dropped_rows": self.dropped_rows, **sums}

    def summary(self) -> str:
        """What the status shows.

        Returns
        -------
        str
            One sentence.
        """
        figures = self.figures()
        dropped = f", {figures['dropped_rows']:,} dropped (no finite position)" if figures["dropped_rows"] else ""
        detour = f"; {self.paths()}" if BY_WAY_OF_SCHEDULER in self.paths() else ""
        return (
            f"{figures['rows']:,} of {figures['total_rows']:,} rows on {len(self.reports)} rank(s){dropped}; "
            f"{figures['bytes_received'] / 1e6:,.1f} MB received{detour}"
        )

    def details(self) -> str:
        """What the Information panel shows.

        Returns
        -------
        str
            Rows, those left out, bytes and the way they took.
        """
        figures = self.figures()
        return (
            f"{figures['rows']:,} of {figures['total_rows']:,} rows on {len(self.reports)} rank(s), "
            f"{figures['dropped_rows']:,} dropped; {figures['bytes_received']:,} bytes received, "
            f"{figures['bytes_copied']:,} copied; {self.paths()}"
        )

    def paths(self) -> str:
        """The ways that the blocks took.

        Returns
        -------
        str
            Each once, over all ranks.
        """
        return "; ".join(dict.fromkeys(str(report["path"]) for report in self.reports))


def pull(
    options: SourceOptions,
    ranks: RankGroup,
    cache: ColumnCache | None = None,
    on_progress: Callable[[float], None] | None = None,
    deadline: Deadline | None = None,
) -> Pulled:
    """Bring each rank its share of the DataFrame.

    Parameters
    ----------
    options : SourceOptions
        The same on every rank.
    ranks : RankGroup
        All ranks call this together.
    cache : ColumnCache, optional
        What this rank has from earlier pulls; it is brought up to date.
    on_progress : callable, optional
        Called with the share, 0 to 1, of this rank's bytes that has come.
    deadline : Deadline, optional
        By when to be done; by default the options' timeout from now.

    Returns
    -------
    Pulled
        The arrays are shared with the cache.

    Raises
    ------
    AgreedError
        On every rank, with the same message, where anything failed on any of them; the caches are then empty.
    """
    cache = ColumnCache() if cache is None else cache
    try:
        return _pull(options, ranks, cache, on_progress, deadline or Deadline(options.connection.timeout_s))
    except BaseException:
        cache.clear()
        raise


def _pull(
    options: SourceOptions,
    ranks: RankGroup,
    cache: ColumnCache,
    on_progress: Callable[[float], None] | None,
    deadline: Deadline,
) -> Pulled:
    names = options.array_names
    states = agree(ranks, None, {"cache": cache.state()})
    if any(state != states[0] for state in states):
        cache.clear()
    key = options.rows_key()
    missing = cache.missing(key, names)
    if missing == []:
        reports = [_report(rank, Received([]), 0.0) for rank in cache.layout]
        return _pulled(cache, names, reports)
    if options.is_embedded:
        return _pull_embedded(options, ranks, cache, names)
    with _planner(options, ranks, deadline) as cluster:
        if cluster is not None and on_progress is not None:
            cluster.on_tick = lambda: on_progress(SHARE_OF_MAKING * cluster.share_made())
        plan = _share_plan(cluster, options, ranks, cache, missing)
        _check_memory(plan, ranks)
        if plan.is_whole:
            cache.begin(key, plan, _origin(options, plan))
        reports = _fetch_and_agree(plan, ranks, deadline, cache, on_progress, options.connection.tls)
    pulled = _pulled(cache, names, reports)
    cache.bound(options.cache_limit_bytes, names)
    return pulled


def _pull_embedded(options: SourceOptions, ranks: RankGroup, cache: ColumnCache, names: Sequence[str]) -> Pulled:
    from pvdask.embedded import pull_embedded

    cache.clear()
    plan, received, told = pull_embedded(options, ranks)
    cache.begin(options.rows_key(), plan, _origin(options, plan))
    cache.points = received.arrays[0]
    cache.store(plan.columns, received.arrays[1:])
    reports = agree(ranks, None, _report(cache.layout[ranks.rank], received, told[ranks.rank]["seconds"]))
    pulled = _pulled(cache, names, reports)
    cache.bound(options.cache_limit_bytes, names)
    return pulled


class _planner:  # noqa: N801 - a context manager, used like a function
    """On rank 0 a cluster that is entered by `_share_plan`, under its own error handling, and left here; else nothing."""

    def __init__(self, options: SourceOptions, ranks: RankGroup, deadline: Deadline) -> None:
        self._cluster = None if ranks.rank else Cluster(options.connection, deadline)

    def __enter__(self) -> Cluster | None:
        return self._cluster

    def __exit__(self, *_: object) -> None:
        if self._cluster is not None:
            self._cluster.__exit__(None, None, None)


def _share_plan(
    cluster: Cluster | None, options: SourceOptions, ranks: RankGroup, cache: ColumnCache, missing: Sequence[str] | None
) -> Plan:
    payload, error = None, None
    if cluster is not None:
        try:
            from pvdask.planning import make_plan  # imports pandas, which ranks other than 0 do without

            with log.step(0, "connect"):
                cluster.__enter__()
            with log.step(0, "plan, and arrays made on the workers") as sizes:
                payload = make_plan(cluster, options, ranks.size, cache, missing).to_bytes()
                sizes["bytes of plan"] = len(payload)
        except Exception as caught:  # whatever it is, the other ranks are waiting to hear of it
            error = describe(caught)
    return Plan.from_bytes(share(ranks, payload, error))


def _check_memory(plan: Plan, ranks: RankGroup) -> None:
    """Refuse, on all ranks, what does not fit on the host of one."""
    error, report = None, {}
    try:
        report = memory.report(plan, ranks.rank)
    except (OSError, ValueError, KeyError) as caught:  # a kernel that tells otherwise
        error = describe(caught)
    memory.check(agree(ranks, error, report))


def _fetch_and_agree(
    plan: Plan,
    ranks: RankGroup,
    deadline: Deadline,
    cache: ColumnCache,
    on_progress: Callable[[float], None] | None,
    tls: TLSFiles,
) -> list[dict[str, Any]]:
    error, report = None, {}
    started = time.monotonic()
    try:
        with log.step(ranks.rank, "fetch") as sizes:
            received = fetch(plan, ranks.rank, deadline, on_progress and _after_making(on_progress), tls)
            sizes |= {"bytes received": received.bytes_received, "bytes copied": received.bytes_copied}
        if plan.is_whole:
            cache.points = received.arrays[0]
        cache.store(plan.columns, received.arrays[1:])
        report = _report(cache.layout[ranks.rank], received, time.monotonic() - started)
    except Exception as caught:  # whatever it is, no rank may be left waiting
        error = describe(caught)
    return agree(ranks, error, report)


def _after_making(on_progress: Callable[[float], None]) -> Callable[[float], None]:
    return lambda share: on_progress(SHARE_OF_MAKING + (1 - SHARE_OF_MAKING) * share)


def _report(rows: Sequence[tuple[int, int, int]], received: Received, seconds: float) -> dict[str, Any]:
    return {
        "rows": sum(count for *_, count in rows),
        "bytes_received": received.bytes_received,
        "bytes_copied": received.bytes_copied,
        "path": received.path,
        "partitions": sorted({partition for partition, *_ in rows}),
        "seconds": round(seconds, 4),
    }


def _pulled(cache: ColumnCache, names: Sequence[str], reports: Sequence[dict[str, Any]]) -> Pulled:
    specs, arrays = cache.take(names)
    assert cache.points is not None
    return Pulled(cache.points, arrays, specs, *cache.counts, tuple(reports), cache.origin)


def _origin(options: SourceOptions, plan: Plan) -> Origin:
    remember_scheduler(plan.scheduler)
    return Origin(plan.scheduler, plan.dataset, options.files, plan.frame, plan.positions, options.coordinates)
