"""A host: keeps one model on a probe, over as many streams as that takes."""

import logging
import random
import threading
import time
from types import TracebackType
from typing import Any, Iterator, Optional, Sequence, Tuple, Type

import grpc

from recsae.errors import Error, HostRefused
from recsae.hosting.catalog import CatalogItem
from recsae.hosting.description import describe
from recsae.hosting.model import Model
from recsae.hosting.session import Counts, Session
from recsae.wire import check_secrets, open_channel

log = logging.getLogger("recsae.host")

FIRST_WAIT_SECONDS = 0.1
LONGEST_WAIT_SECONDS = 1.5  # a probe that is there again is found within two


def waits() -> Iterator[float]:
    """Seconds before each try to dial again: 0.1, 0.2, 0.4, … up to 1.5, each less up to a quarter of it at random, so
    that replicas do not come all at once."""
    wait = FIRST_WAIT_SECONDS
    while True:
        yield wait * random.uniform(0.75, 1)
        wait = min(2 * wait, LONGEST_WAIT_SECONDS)


class Host:
    """Hosts one model on one probe; made by recsae.host.

    Either `serve()`, which returns only when the host is closed, or `with host:`, which hosts in a background thread
    from when the probe has accepted the model until the end of the block. A host runs once. Thread-safe.
    """

    def __init__(self, model: Model, *, name: str, fingerprint: str, catalog: Sequence[CatalogItem],
                 address: str, channel: Optional[grpc.Channel] = None,
                 credentials: Optional[grpc.ChannelCredentials] = None, token: Optional[str] = None,
                 max_queries: int = 256, concurrent_calls: int = 2, accept_seconds: float = 60) -> None:
        self.model = model
        self.name = name
        self.fingerprint = fingerprint
        self.counts = Counts()
        """Calls answered, failed and cancelled; streams accepted."""
        self.remarks: Tuple[str, ...] = ()
        """What the probe saw while it tried the model and is no fault."""
        self._catalog = catalog
        self._address = address
        check_secrets(credentials, token)
        self._given_channel = channel
        self._secrets = (credentials, token)
        self._description = describe(model, name, fingerprint, max_queries, concurrent_calls)
        self._workers = concurrent_calls
        self._accept_seconds = accept_seconds
        self._changed = threading.Condition()
        self._recommender: Any = None
        self._session: Optional[Session] = None
        self._closed = False
        self._over = False
        self._error: Optional[Exception] = None
        self._thread: Optional[threading.Thread] = None

    @property
    def recommender(self) -> Any:
        """The recsae.probe.v1.Recommender as it is registered. RuntimeError before the model was accepted."""
        if self._recommender is None:
            raise RuntimeError(f"recommenders/{self.name} is not accepted yet")
        return self._recommender

    @property
    def serving(self) -> bool:
        """Whether a stream stands on which the model was accepted."""
        with self._changed:
            return self._session is not None and self._session.accepted and not self._over

    def serve(self) -> None:
        """Hosts until `close` is called or the process is interrupted. Dials again, for as long as it takes, when the
        probe is away; raises HostRefused when it does not take the model."""
        try:
            self._run()
        finally:
            self.close()
        if self._error is not None:
            raise self._error

    def start(self) -> "Host":
        """Hosts in a background thread; returns when the model was accepted. HostRefused when it is not, TimeoutError
        when the probe does not say so within `accept_seconds`."""
        self._thread = threading.Thread(target=self._run, name=f"recsae-host-{self.name}", daemon=True)
        self._thread.start()
        with self._changed:
            self._changed.wait_for(lambda: self._recommender is not None or self._over, self._accept_seconds)
        if self._error is None and self._recommender is not None:
            return self
        error = self._error
        self.close()
        if error is not None:
            raise error
        raise TimeoutError(f"recommenders/{self.name}: the probe at {self._address} did not accept the model within "
                           f"{self._accept_seconds:g} s; is it there? (accept_seconds=)")

    def close(self) -> None:
        """Ends the stream; the recommender stays registered, away until a host comes back."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            session = self._session
        if session is not None:
            session.close()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def wait(self, seconds: Optional[float] = None) -> bool:
        """Waits until hosting is over; whether it is. Raises what ended it, if that was an error."""
        with self._changed:
            over = self._changed.wait_for(lambda: self._over, seconds)
        if self._error is not None:
            raise self._error
        return over

    def __enter__(self) -> "Host":
        return self.start()

    def __exit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        self.close()
        if kind is None and self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            self._serve_streams()
        except Exception as error:  # kept for whoever waits: this may be a thread of its own
            self._error = error
            log.error("recommenders/%s is not hosted any more: %s", self.name, error)
        finally:
            with self._changed:
                self._over = True
                self._changed.notify_all()

    def _serve_streams(self) -> None:
        seconds = waits()
        while not self._closed:
            began = time.monotonic()
            accepted, error = self._serve_stream()
            if self._closed:
                return
            if error is not None and not _worth_another_try(error, self._recommender is not None):
                raise HostRefused(error.code, error.reason, error.message, error.metadata)
            if accepted:
                seconds = waits()
            wait = next(seconds)
            log.log(logging.WARNING if accepted or wait > 1 else logging.INFO,
                    "recommenders/%s: the stream to %s %s after %.1f s; dialling again in %.1f s", self.name,
                    self._address, f"broke ({error})" if error else "was ended by the probe",
                    time.monotonic() - began, wait)
            with self._changed:
                self._changed.wait_for(lambda: self._closed, wait)

    def _serve_stream(self) -> "Tuple[bool, Optional[Error]]":
        """One stream, to its end: whether the model was accepted on it, and the error that ended it."""
        channel = self._given_channel or open_channel(self._address, *self._secrets)
        session = Session(channel, self.model, self._description, self._catalog, self._workers, self.counts,
                          self._take_accepted)
        with self._changed:
            if self._closed:
                session.close()
            self._session = session
        error: Optional[Error] = None
        try:
            session.run()
        except Error as found:
            error = found
        finally:
            with self._changed:
                self._session = None
            if self._given_channel is None:
                channel.close()
        return session.accepted, error

    def _take_accepted(self, accepted: Any) -> None:
        self.remarks = tuple(accepted.remarks)
        for remark in self.remarks:
            log.info("recommenders/%s: the probe remarks: %s", self.name, remark)
        log.info("recommenders/%s is hosted on %s (%s)", self.name, self._address, self.fingerprint[:19])
        with self._changed:
            self._recommender = accepted.recommender
            self._changed.notify_all()


def _worth_another_try(error: Error, accepted_before: bool) -> bool:
    """UNAVAILABLE always. What has no reason of the suite is the connection's (a proxy that resets it): for a model that
    was accepted before, that is worth another try as well."""
    transport = (grpc.StatusCode.CANCELLED, grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL)
    return error.code == grpc.StatusCode.UNAVAILABLE or (
        accepted_before and not error.reason and error.code in transport)
