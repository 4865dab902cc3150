"""A connection to a Dask scheduler whose deadline holds."""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, TypeVar

from pvdask.connection import Connection
from pvdask.diagnosis import Identity, Watch
from pvdask.errors import ClusterError, DeadlineError, PvdaskError
from pvdask.loop import Deadline, LoopThread
from pvdask.tls import explain

CLOSE_S = 2.0
"""Seconds that a client may take to say goodbye."""

LATE_CLOSE_S = 0.2
"""Those that it may take where the deadline has passed already."""

Self = TypeVar("Self", bound="SchedulerClient")


class SchedulerClient:
    """A client of the scheduler for one pull; a fresh one each time, closed at the end.

    A client kept open in pvserver sleeps with it, since pvserver holds the GIL while it waits for its own client, and the
    scheduler drops a client that does not read. A fresh one costs about 20 ms.

    Parameters
    ----------
    connection : Connection
        Where the scheduler is.
    deadline : Deadline, optional
        By when all must be done; by default the connection's timeout from now.

    Notes
    -----
    Use it as a context: ``with Cluster(connection) as cluster: …``. On leaving it, the workers free every result.
    """

    def __init__(self, connection: Connection, deadline: Deadline | None = None) -> None:
        self.connection = connection
        self.deadline = deadline or Deadline(connection.timeout_s)
        self.address = ""
        self.on_tick: Callable[[], None] | None = None
        self._held: list[Any] = []
        self._client: Any = None
        self._loop: LoopThread | None = None
        self._watch = Watch(self.deadline, self._ask_identity)

    def __enter__(self: Self) -> Self:
        self.address = self.connection.address()
        self.connection.tls.check()
        self._loop = LoopThread().__enter__()
        try:
            self._run(self._connect, f"connecting to the scheduler at {self.address}")
        except BaseException:
            self._leave()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave()

    def _run(self, work: Callable[[], Any], step: str) -> Any:
        if self._loop is None:
            raise ClusterError(
                f"There is no connection to a scheduler while {step}; enter the Cluster's context first."
            )
        try:
            return self._loop.run(work, self.deadline, step, self._tick)
        except DeadlineError as error:
            raise DeadlineError(error.step, error.timeout_s, self._watch.reason(self.address)) from None
        except PvdaskError:
            raise
        except (OSError, asyncio.TimeoutError, asyncio.CancelledError, concurrent.futures.CancelledError) as error:
            raise ClusterError(
                f"The scheduler at {self.address} was lost while {step} ({error or type(error).__name__}); see that the "
                "cluster is up, then Refresh."
            ) from error

    def _tick(self) -> None:
        self._watch.look()
        if self.on_tick is not None:
            self.on_tick()

    def _ask_identity(self) -> concurrent.futures.Future[Identity]:
        assert self._loop is not None
        return self._loop.start(self._identity)

    async def _identity(self) -> Identity:
        if self._client is None:
            raise ClusterError("There is no connection yet.")
        answer: Identity = await self._client.scheduler.identity()
        return answer

    async def _connect(self) -> None:
        from distributed import Client

        await self._probe()
        try:
            client = Client(
                self.address,
                asynchronous=True,
                set_as_default=False,
                # What it gathers is small, and need not wait where a firewall keeps a worker out of this host's reach.
                direct_to_workers=False,
                timeout=self.deadline.remaining_s(),
                security=self.connection.tls.security(),
                name="pvdask",
            )
            self._client = client
            await client
            send_at_once(client)
        except Exception as error:
            raise self._refusal(error) from None

    def _refusal(self, error: Exception) -> PvdaskError:
        """What distributed's client raised, in words that lead on."""
        said = first_line(error)
        if isinstance(error, (TypeError, RuntimeError)):  # for an address that its configuration refuses
            return ClusterError(
                f"No connection to the scheduler at {self.address}: {said}. An address with tls:// needs TLSCAFile, "
                "TLSCertificate and TLSKey (or PVDASK_TLS, or dask's own configuration)."
            )
        if not isinstance(error, (OSError, ValueError)):
            # Of a web server's answer, it reads the first bytes as a length.
            return ClusterError(
                f"What answers at {self.address} is no Dask scheduler of a version that fits ({type(error).__name__}: "
                f"{said}); correct SchedulerFile or SchedulerAddress."
            )
        if self.deadline.remaining_s() <= 0:
            return DeadlineError(f"connecting to the scheduler at {self.address}", self.deadline.timeout_s)
        if self.connection.tls and "SSL" in str(error):  # TLS 1.3 tells a client so after its handshake
            return ClusterError(
                f"The scheduler at {self.address} refused our certificate ({said.rpartition('] ')[2]}); "
                f"{self.connection.tls.certificate} is of another authority than the cluster trusts, or has expired."
            )
        return self._unanswered(said)

    def _unanswered(self, said: str) -> ClusterError:
        return ClusterError(
            f"No scheduler answers at {self.address} ({said}); start one with `pvdask cluster`, or correct SchedulerFile or "
            "SchedulerAddress."
        )

    async def _probe(self) -> None:
        """Where nothing listens, say so now: distributed's own client tries again until the time is up."""
        tls = self.connection.tls
        is_encrypted = self.address.startswith("tls://")
        if tls and not is_encrypted:
            raise ClusterError(
                f"TLS files are named, and the scheduler at {self.address} is not encrypted; nothing is sent to it. Name one "
                "whose address starts with tls://, or leave the files out."
            )
        host, _, port = self.address.partition("://")[2].rpartition(":")
        if not (self.address.startswith(("tcp://", "tls://")) and port.isdigit()):
            return
        try:
            context = tls.context() if tls and is_encrypted else None
            _, writer = await asyncio.open_connection(host.strip("[]"), int(port), ssl=context)
        except (OSError, OverflowError) as error:  # the latter for a port that there cannot be
            if (reason := explain(error)) is not None:
                raise ClusterError(f"No connection to the scheduler at {self.address}: {reason}.") from None
            errno = getattr(error, "errno", None)
            said = os.strerror(errno) if errno else str(error)  # asyncio's own words name the call
            raise self._unanswered(said) from None
        writer.close()

    def _leave(self) -> None:
        self._held.clear()
        loop, self._loop = self._loop, None
        if loop is None:
            return
        if self._client is not None:
            # A scheduler that does not answer any more frees what was ours by itself, once it misses this client.
            allowed_s = min(CLOSE_S, max(LATE_CLOSE_S, self.deadline.remaining_s()))
            with suppress(DeadlineError, OSError, asyncio.CancelledError, concurrent.futures.CancelledError):
                loop.run(self._close, Deadline(allowed_s), "closing")
        loop.__exit__(None, None, None)

    async def _close(self) -> None:
        await self._client.close(timeout=CLOSE_S / 2)


def send_at_once(client: Any) -> None:
    """Have a client send each message when it is there, not ten milliseconds after the one before.

    distributed (batched.py, 2026.8) gathers messages for that long, which is for clients that submit thousands of tasks one by
    one. One that lives for a pull sends five, and would wait for most of them: to submit, to let go, to say goodbye.

    Parameters
    ----------
    client : distributed.Client
        Connected.
    """
    batches: Any = getattr(client, "scheduler_comm", None)  # no documented name, and gone where a connection is lost
    if hasattr(batches, "interval"):
        batches.interval = 0.0


def first_line(error: BaseException) -> str:
    """Tell an error's message without a remote traceback.

    Parameters
    ----------
    error : BaseException
        Any.

    Returns
    -------
    str
        At most 500 characters, without a full stop.
    """
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__)[:500].rstrip(".")
