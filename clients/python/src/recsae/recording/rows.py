"""Rows on their way to a capture: a bounded queue, and counts of what became of them."""

import collections
import dataclasses
import threading
import time
from typing import Any, Callable, Deque, List, Optional, Sequence


@dataclasses.dataclass
class Rows:
    """Activations of some requests, with whom they are of. values() gives float32 [n, d]; it may wait for a device, so
    only the sender calls it."""

    count: int
    values: Callable[[], Any]
    users: Optional[Sequence[str]] = None
    histories: Optional[Sequence[Sequence[str]]] = None

    @property
    def has_cases(self) -> bool:
        return self.users is not None or self.histories is not None


class Counts:
    """Rows, by what became of them. Read by any thread; offered = recorded + sampled_out + dropped + those on the way."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.offered = 0
        self.recorded = 0  # stored by the probe
        self.sampled_out = 0  # not drawn
        self.dropped = 0  # the queue was full, the server away for too long, or the rows were refused

    def add(self, name: str, rows: int) -> None:
        if rows:
            with self._lock:
                setattr(self, name, getattr(self, name) + rows)

    def __repr__(self) -> str:
        return (f"Counts(offered={self.offered}, recorded={self.recorded}, sampled_out={self.sampled_out}, "
                f"dropped={self.dropped})")


class RowQueue:
    """Holds at most `capacity` rows. `offer` never waits."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._rows: Deque[Rows] = collections.deque()
        self._size = 0
        self._changed = threading.Condition()
        self._closed = False

    def offer(self, rows: Rows) -> bool:
        """Whether there was room for them."""
        with self._changed:
            if self._closed or self._size + rows.count > self._capacity:
                return False
            self._rows.append(rows)
            self._size += rows.count
            if self._size == rows.count:
                self._changed.notify()
            return True

    def take(self, most: int, seconds: float) -> List[Rows]:
        """Up to about `most` rows, when there are so many, after `seconds`, or when the queue is closed: [] then, once it
        is empty."""
        deadline = time.monotonic() + seconds
        with self._changed:
            self._changed.wait_for(lambda: self._rows or self._closed)
            while self._size < most and not self._closed and time.monotonic() < deadline:
                self._changed.wait(min(0.05, seconds))
            taken: List[Rows] = []
            size = 0
            while self._rows and (not taken or size + self._rows[0].count <= most):
                taken.append(self._rows.popleft())
                size += taken[-1].count
            self._size -= size
            return taken

    def close(self) -> None:
        """No more rows are taken in; those that are there can still be taken out."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def clear(self) -> int:
        """Throws away what is left; how many rows that was."""
        with self._changed:
            left, self._size = self._size, 0
            self._rows.clear()
            return left
