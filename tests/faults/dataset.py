"""What can go wrong with what is published."""

from __future__ import annotations

from collections.abc import Iterator

from clusters import unpublish
from faulty_cluster import SLOW, STARS, FaultyCluster, publish_lazy
from sessions import Session

from faults.model import TICKED, WHOLE, Apply, fault
from faults.workers import go_out


@fault(
    "The dataset is not published",
    r"No dataset 'nowhere' is published on the scheduler at \S+; published there: 'big', 'middling', 'slow', 'stars'\. .*",
    "Choose one that is, or publish it.",
)
def dataset_missing(cluster: FaultyCluster, session: Session) -> Iterator[Apply]:
    yield Apply({"Dataset": "nowhere"})


@fault(
    "The dataset that is shown was unpublished",
    r"No dataset 'stars' is published on the scheduler at \S+; published there: 'big', 'middling', 'slow'\. .*",
    "Publish it again, then Refresh.",
)
def unpublished(cluster: FaultyCluster, session: Session) -> Iterator[Apply]:
    unpublish(cluster, STARS)
    yield Apply()
    cluster.publish()


@fault(
    "The dataset was published again, without a position column",
    r"XColumn: .*'x'.*",
    "Choose another column, or publish it with that one.",
)
def other_columns(cluster: FaultyCluster, session: Session) -> Iterator[Apply]:
    cluster.publish(cluster.frame.rename(columns={"x": "right ascension"}))
    yield Apply()
    cluster.publish()


@fault(
    "The dataset was published again, without a ticked column",
    r"ColumnArrays: .*'f4'.*",
    "Untick that column, or publish the dataset with it.",
)
def column_gone(cluster: FaultyCluster, session: Session) -> Iterator[Apply]:
    cluster.publish(cluster.frame.drop(columns="f4"))
    yield Apply(columns=TICKED)
    cluster.publish()


@fault("The dataset is published again during a pull, as another", WHOLE, "Refresh for the new one.", survives=True)
def republished_midway(cluster: FaultyCluster, session: Session) -> Iterator[Apply]:
    """Between one rank's read and another's, if that had a meaning: all ranks have the rows that rank 0 looked up."""

    cluster.wait_until_quiet()

    def publish() -> None:
        cluster.wait_until_begun()
        publish_lazy(cluster, SLOW, go_out, range(3))

    yield Apply({"Dataset": SLOW, "Timeout": 20.0}, meanwhile=publish)
    cluster.publish()
