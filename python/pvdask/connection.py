"""Where the scheduler is: its address, or the file that it wrote, read with distrust."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from pvdask.errors import InputError, OptionError
from pvdask.tls import TLSFiles

MAXIMUM_SCHEDULER_FILE_BYTES = 1 << 20


SCHEDULER_FILE_VARIABLE = "PVDASK_SCHEDULER_FILE"
SCHEDULER_ADDRESS_VARIABLE = "PVDASK_SCHEDULER_ADDRESS"
"""Names the scheduler file where no property does."""


@dataclass(frozen=True)
class Connection:
    """Where the scheduler is.

    Parameters
    ----------
    scheduler_file : str
        Path of the JSON file that dask-mpi writes; empty for none.
    scheduler_address : str
        Address such as ``tcp://127.0.0.1:8786``; wins over the file; empty for none.
    timeout_s : float
        Seconds that one pull may take as a whole, connecting included.
    tls : TLSFiles
        What this side shows and trusts; none for what dask's own configuration says.
    """

    scheduler_file: str = ""
    scheduler_address: str = ""
    timeout_s: float = 60.0
    tls: TLSFiles = field(default_factory=TLSFiles)

    def __post_init__(self) -> None:
        if not (math.isfinite(self.timeout_s) and self.timeout_s > 0):
            raise OptionError("Timeout", f"found {self.timeout_s}; expected a number of seconds above 0.")

    def with_environment(self, environment: Mapping[str, str] = os.environ) -> Connection:
        """Fill in a connection that names nothing from ``PVDASK_SCHEDULER_FILE`` or ``PVDASK_SCHEDULER_ADDRESS``.

        A state file so moves to another machine without a path burnt in. TLS files that are not named are those of ``PVDASK_TLS``.

        Parameters
        ----------
        environment : mapping of str to str, optional
            The environment to look into.

        Returns
        -------
        Connection
            `self` where it names a scheduler already.
        """
        tls = self.tls or TLSFiles.of_environment(environment)
        if self.names_scheduler:
            return replace(self, tls=tls)
        return replace(
            self,
            tls=tls,
            scheduler_file=environment.get(SCHEDULER_FILE_VARIABLE, ""),
            scheduler_address=environment.get(SCHEDULER_ADDRESS_VARIABLE, ""),
        )

    @property
    def names_scheduler(self) -> bool:
        """Whether there is a file or an address."""
        return bool(self.scheduler_file or self.scheduler_address)

    def scheduler_properties(self) -> dict[str, str]:
        """What makes a source connect there, and nowhere else.

        Returns
        -------
        dict of str to str
            By the properties' names in the XML; empty where no scheduler is named.
        """
        both = {"SchedulerFile": self.scheduler_file, "SchedulerAddress": self.scheduler_address}
        return both if self.names_scheduler else {}

    def scheduler_environment(self) -> dict[str, str]:
        """What makes the sources of a started program connect there, where they name no scheduler themselves.

        Returns
        -------
        dict of str to str
            Environment variables; none where no scheduler is named.
        """
        both = {SCHEDULER_FILE_VARIABLE: self.scheduler_file, SCHEDULER_ADDRESS_VARIABLE: self.scheduler_address}
        return both if self.names_scheduler else {}

    def address(self) -> str:
        """Find the scheduler's address.

        Returns
        -------
        str
            As distributed writes it, ``protocol://host:port``.

        Raises
        ------
        OptionError
            Where neither a file nor an address is given.
        InputError
            Where the file is missing, unreadable, or not what dask-mpi writes.
        """
        if self.scheduler_address:
            if not _is_address(self.scheduler_address):
                raise OptionError(
                    "SchedulerAddress", f"found {self.scheduler_address!r}; expected one such as tcp://host:8786."
                )
            if self.scheduler_address.startswith("inproc://"):
                raise OptionError(
                    "SchedulerAddress",
                    f"{self.scheduler_address} can be reached within one process alone, and ParaView's ranks are others; "
                    "start that cluster with processes, LocalCluster(processes=True) or `pvdask cluster`.",
                )
            return self.scheduler_address.strip()
        if not self.scheduler_file:
            raise OptionError(
                "SchedulerFile",
                "no scheduler is named; give the scheduler file that `pvdask cluster` or dask-mpi wrote "
                "(SchedulerFile), an address such as tcp://host:8786 (SchedulerAddress), or set "
                "PVDASK_SCHEDULER_FILE.",
            )
        return read_scheduler_file(Path(self.scheduler_file))


def read_scheduler_file(path: Path) -> str:
    """Read the address out of a scheduler file.

    Parameters
    ----------
    path : pathlib.Path
        The JSON file that a Dask scheduler writes at its start.

    Returns
    -------
    str
        The address, ``protocol://host:port``.

    Raises
    ------
    InputError
        Where the file is missing, unreadable, or not a scheduler file.
    """
    try:
        with path.open("rb") as file:
            text = file.read(MAXIMUM_SCHEDULER_FILE_BYTES + 1)
    except (OSError, ValueError) as error:  # the latter for a name with a zero byte
        raise InputError(
            f"The scheduler file {path} cannot be read ({getattr(error, 'strerror', error)}); start a cluster with "
            f"`pvdask cluster --scheduler-file {path}`, or name the file of a running one."
        ) from None
    expected = (
        "expected the JSON object that a Dask scheduler writes, with an `address`; is its cluster still starting?"
    )
    if len(text) > MAXIMUM_SCHEDULER_FILE_BYTES:
        raise InputError(f"The scheduler file {path} holds over {MAXIMUM_SCHEDULER_FILE_BYTES} bytes; {expected}")
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        found = "is empty" if not text.strip() else "is not JSON"
        raise InputError(f"The scheduler file {path} {found}; {expected}") from None
    address = content.get("address") if isinstance(content, dict) else None
    if not (isinstance(address, str) and _is_address(address)):
        raise InputError(f"The scheduler file {path} names no address; {expected}")
    return address.strip()


def _is_address(text: str) -> bool:
    """Whether it is one word with a protocol."""
    return "://" in text and len(text.split()) == 1 and text.strip().isprintable()
