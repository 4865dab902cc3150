"""A row filter pushed into the Parquet reader of a lazy frame, so that row groups without a row to keep are not read."""

from __future__ import annotations

from typing import Any

from pvdask.expressions import to_dask_filters


def push_down(frame: Any, tree: tuple[Any, ...]) -> Any:
    """Give the frame's Parquet reader what it can understand of a filter.

    Parameters
    ----------
    frame : dask.dataframe.DataFrame
        Lazy.
    tree : tuple
        A checked filter, see `pvdask.expressions`.

    Returns
    -------
    dask.dataframe.DataFrame
        A frame with at least the rows that the filter keeps: it still has to be applied. `frame` itself where it is anything
        but columns of Parquet files read without filters, or where nothing can be said in the reader's terms.
    """
    reader = _only_reader(frame)
    if reader is None or reader.operand("filters"):
        return frame
    filters = to_dask_filters(tree, _types(reader))
    if not filters:
        return frame
    from dask.dataframe.dask_expr import new_collection

    # What the reader remembers of the files is without filters; carried along, it would read them whole.
    forgotten = {name: None for name in ("_dataset_info_cache", "_pq_length_stats") if name in reader._parameters}
    filtered = reader.substitute_parameters({"filters": filters, **forgotten})
    return new_collection(frame.expr.substitute(reader, filtered))


def _only_reader(frame: Any) -> Any:
    """The Parquet reader of a frame that is nothing but columns of one."""
    try:
        from dask.dataframe.dask_expr._expr import Projection
        from dask.dataframe.dask_expr.io.parquet import ReadParquet
    except ImportError:  # another layout of dask's internals: the filter is then applied after reading
        return None
    operations = list(frame.expr.walk())
    readers = [operation for operation in operations if isinstance(operation, ReadParquet)]
    others = [operation for operation in operations if not isinstance(operation, ReadParquet | Projection)]
    return readers[0] if len(readers) == 1 and not others else None


def _types(reader: Any) -> Any:
    """The files' own schema, which is exact, or the frame's dtypes."""
    information = getattr(reader, "_dataset_info", None)
    schema = information.get("schema") if isinstance(information, dict) else None
    return schema if schema is not None else dict(reader._meta.dtypes)
