"""What a set of rows adds up to, whoever has which of them: here of all, and in ParaView's ranks of each one's share.

`ctest/faults_session.py` puts this file into a filter's script, so that it needs NumPy alone, and
no import that has to come first.
"""

import numpy as np


def checksum(points: np.ndarray, ids: np.ndarray) -> int:
    """A sum over rows in which each value and its row count, and the order does not."""
    with np.errstate(over="ignore"):
        mixed = ids.astype("u8") * np.uint64(0x9E3779B97F4A7C15)
        for axis in range(3):
            mixed ^= (mixed >> np.uint64(29)) + points[:, axis].astype("f4").view("u4") * np.uint64(0xBF58476D1CE4E5B9)
            mixed *= np.uint64(0x94D049BB133111EB)
        return int(mixed.sum(dtype="u8"))
