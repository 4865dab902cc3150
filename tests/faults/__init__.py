"""What can go wrong with a cluster, as data: one entry here is tested at every rank count, and is a line of docs/faults.md.

An entry is made by a generator: it breaks something of a real cluster, yields what the next Apply is, and mends it. The modules
stand in the table's order, each a part of it: `scheduler`, `workers`, `dataset`, `rank`, `hosts`.
"""

from faults import scheduler, workers, dataset, rank, hosts  # noqa: F401, I001  # each enters its faults, in this order
from faults.model import FAULTS, TICKED, TIMEOUT_S, XYZ, Apply, Fault

__all__ = ["FAULTS", "TICKED", "TIMEOUT_S", "XYZ", "Apply", "Fault"]
