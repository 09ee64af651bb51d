"""recsae.record: activations of a recommender that serves, taken along."""

import contextlib
import logging
import os
import socket
import threading
import uuid
from types import TracebackType
from typing import Any, Iterator, Optional, Sequence, Type

import grpc
import numpy as np

from recsae.recording.rows import Counts, RowQueue, Rows
from recsae.recording.sender import Sender
from recsae.wire import check_secrets, open_channel, probe_address

log = logging.getLogger("recsae.record")


class Recorder:
    """Takes activations and sends them to a capture from a thread of its own; made by recsae.record.

    Nothing that goes wrong after the start is raised into the caller: it is logged, and the rows are in
    counts.dropped. Thread-safe.
    """

    def __init__(self, sender: Sender, queue: RowQueue, counts: Counts, sample: float, flush_seconds: float,
                 channel: Optional[grpc.Channel], seed: Optional[int]) -> None:
        self.counts = counts
        """Rows offered, recorded, sampled_out, dropped."""
        self._sender, self._queue, self._channel = sender, queue, channel
        self._sample, self._flush_seconds = sample, flush_seconds
        self._random = np.random.default_rng(seed)
        self._lock = threading.Lock()
        self._context = threading.local()
        self._complained: "set[str]" = set()
        self.hook: Any = None  # of a torch module, to be removed at the end

    @property
    def recorded(self) -> int:
        """Rows that the probe has stored."""
        return self.counts.recorded

    @property
    def sampled_out(self) -> int:
        """Rows that were not drawn."""
        return self.counts.sampled_out

    @property
    def dropped(self) -> int:
        """Rows that are lost: the queue was full, the server away for too long, or they were refused."""
        return self.counts.dropped

    def add(self, activations: Any, users: Optional[Sequence[Any]] = None,
            histories: Optional[Sequence[Sequence[Any]]] = None) -> None:
        """Takes rows [n, d] along, with whose they are and what was read (item ids, oldest first). They are copied; it
        returns at once, and raises nothing."""
        count = 1
        try:
            array = np.atleast_2d(np.asarray(activations))
            count = len(array)
            check_lengths(count, users, histories)
            drawn = self.draw(len(array))
            if len(drawn):
                rows = array[drawn].astype(np.float32)  # a copy
                self.offer(len(drawn), lambda: rows, drawn, users, histories)
        except Exception as error:  # never into the caller
            self.complain(error, count)

    @contextlib.contextmanager
    def batch(self, users: Optional[Sequence[Any]] = None,
              histories: Optional[Sequence[Sequence[Any]]] = None) -> Iterator[None]:
        """Says of which users and histories the forward passes of this thread in the block are."""
        self._context.batch = (users, histories)
        try:
            yield
        finally:
            self._context.batch = None

    def current_batch(self) -> Any:
        """(users, histories) of this thread's block; (None, None) outside of one."""
        return getattr(self._context, "batch", None) or (None, None)

    def draw(self, count: int) -> "np.ndarray[Any, Any]":
        """Which of `count` rows are taken; the others are counted."""
        self.counts.add("offered", count)
        if self._sample >= 1:
            return np.arange(count)
        with self._lock:
            drawn = np.flatnonzero(self._random.random(count) < self._sample)
        self.counts.add("sampled_out", count - len(drawn))
        return drawn

    def offer(self, count: int, values: Any, drawn: "np.ndarray[Any, Any]", users: Optional[Sequence[Any]],
              histories: Optional[Sequence[Sequence[Any]]]) -> None:
        """Puts drawn rows into the queue; they are dropped where it is full."""
        try:
            rows = Rows(count, values, None if users is None else [str(users[row]) for row in drawn],
                        None if histories is None else [[str(item) for item in histories[row]] for row in drawn])
        except Exception as error:  # of the caller's own sequences
            self.counts.add("dropped", count)
            self._say_once(type(error).__name__, f"rows cannot be recorded and are dropped: {type(error).__name__}: {error}")
            return
        if not self._queue.offer(rows):
            self.counts.add("dropped", count)
            self._say_once("full", "the queue is full: rows are dropped until the server takes some (Recorder.counts)")

    def complain(self, error: Exception, rows: int) -> None:
        """Counts rows that were not drawn yet, and says what went wrong, once for each kind."""
        self.counts.add("offered", rows)
        self.counts.add("dropped", rows)
        self._say_once(f"{type(error).__name__}: {error}", f"rows cannot be recorded and are dropped: "
                                                           f"{type(error).__name__}: {error}")

    def _say_once(self, key: str, text: str) -> None:
        if key not in self._complained and len(self._complained) < 100:
            self._complained.add(key)
            log.warning("%s", text)

    def close(self) -> None:
        """Takes the hook away and sends what is left, for `flush_seconds` at most."""
        if self.hook is not None:
            self.hook.remove()
            self.hook = None
        self._sender.close(self._flush_seconds)
        if self._channel is not None:
            self._channel.close()
        log.info("%r", self.counts)

    def __enter__(self) -> "Recorder":
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        self.close()


def check_lengths(count: int, users: Optional[Sequence[Any]], histories: Optional[Sequence[Any]]) -> None:
    """ValueError for users or histories of another number of rows."""
    for what, given in (("users", users), ("histories", histories)):
        if given is not None and len(given) != count:
            raise ValueError(f"{len(given)} {what} for {count} rows")


def record(module: Any = None, *, capture: str, site: Optional[str] = None, padding: Optional[str] = None,
           sample: float = 1.0, seed: Optional[int] = None, catalog: Any = None, address: Optional[str] = None,
           producer: Optional[str] = None, queue_rows: int = 65_536, flush_seconds: float = 10.0,
           channel: Optional[grpc.Channel] = None, credentials: Optional[grpc.ChannelCredentials] = None,
           token: Optional[str] = None) -> Recorder:
    """A Recorder into `capture`, "recommenders/{recommender}/captures/{capture}"; it begins at once.

    module, site: a torch.nn.Module and the path of a submodule whose output [B, d] or [B, L, d] is recorded at each
        forward pass, "" for the module's own; without a module, call Recorder.add.
    padding: "left" or "right": of [B, L, d], the last item's row is recorded, whose place on the right padding's side
        is known from the histories of Recorder.batch.
    sample: the share of rows that is taken, drawn at random (by `seed`).
    catalog: makes the recommender, KIND_EXTERNAL, with these items where it is missing (see
        recsae.hosting.catalog.read_catalog). The capture is made where it is missing.
    producer: name of this source in the capture; by default host, process and a random part.
    address: of the probe; by default $RECSAE_PROBE, else 127.0.0.1:7401.
    queue_rows: rows that wait at most; what comes when so many do is dropped. flush_seconds: how long `close` sends.
    """
    parts = capture.split("/")
    if len(parts) != 4 or parts[0] != "recommenders" or parts[2] != "captures":
        raise ValueError(f'capture {capture!r}: "recommenders/{{recommender}}/captures/{{capture}}" is needed')
    if not 0 < sample <= 1:
        raise ValueError(f"sample {sample}: above 0, and 1 at most, is needed")
    if (module is None) != (site is None):
        raise ValueError("module and site= belong together: a submodule's path, or \"\" for the module's own output")
    check_secrets(credentials, token)
    own = None if channel is not None else open_channel(probe_address(address), credentials, token)
    queue, counts = RowQueue(queue_rows), Counts()
    name = producer or f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
    recorder = Recorder(Sender(channel or own, capture, name, queue, counts, catalog), queue, counts, sample,
                        flush_seconds, own, seed)
    if module is not None:
        from recsae.recording.torch_hook import attach

        try:
            recorder.hook = attach(recorder, module, site or "", padding)
        except Exception:
            recorder.close()
            raise
    return recorder
