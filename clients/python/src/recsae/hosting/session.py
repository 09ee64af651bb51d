"""One stream to the probe: from the description to its end."""

import concurrent.futures
import logging
import queue
import threading
from typing import Any, Callable, Dict, Iterable, Iterator, Optional, Sequence

import grpc

from recsae.errors import from_rpc
from recsae.hosts.v1 import hosts_pb2, hosts_pb2_grpc
from recsae.hosting.answers import answer, cancelled
from recsae.hosting.catalog import CatalogItem
from recsae.hosting.description import item_messages, user_messages
from recsae.hosting.model import Model

log = logging.getLogger("recsae.host")


class Counts:
    """What a host did, over all its streams. Read by any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.answered = 0  # calls with a result
        self.failed = 0  # calls answered with an error
        self.cancelled = 0  # calls that nobody waited for any more, left out
        self.streams = 0  # streams that were accepted

    def add(self, name: str) -> None:
        with self._lock:
            setattr(self, name, getattr(self, name) + 1)


class Session:
    """Runs one stream; `run` may be called once. `close` may be called by any thread."""

    def __init__(self, channel: grpc.Channel, model: Model, description: Any, catalog: Sequence[CatalogItem],
                 workers: int, counts: Counts, on_accepted: Callable[[Any], None]) -> None:
        self._model = model
        self._catalog = catalog
        self._description = description
        self._workers = workers
        self._counts = counts
        self._on_accepted = on_accepted
        self._stub = hosts_pb2_grpc.ModelHostsStub(channel)
        self._outbox: "queue.SimpleQueue[Optional[Iterable[Any]]]" = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._waiting: Dict[int, "concurrent.futures.Future[None]"] = {}
        self._call: Any = None
        self._closed = False
        self.accepted = False

    def run(self) -> None:
        """Until the stream ends. Raises recsae.Error with its status, unless that is OK or `close` was called."""
        self._outbox.put([hosts_pb2.HostRecommenderRequest(description=self._description)])
        pool = concurrent.futures.ThreadPoolExecutor(self._workers, thread_name_prefix="recsae-host")
        try:
            with self._lock:
                if self._closed:
                    return
                self._call = self._stub.HostRecommender(self._requests())
            for response in self._call:
                self._take(response, pool)
        except grpc.RpcError as error:
            if not self._closed:
                raise from_rpc(error) from None
        finally:
            self._outbox.put(None)
            if self._call is not None:
                self._call.cancel()
            pool.shutdown(wait=True, cancel_futures=True)

    def close(self) -> None:
        """Ends the stream."""
        with self._lock:
            self._closed = True
            if self._call is not None:
                self._call.cancel()

    def _requests(self) -> Iterator[Any]:
        while True:
            messages = self._outbox.get()
            if messages is None:
                return
            yield from messages

    def _take(self, response: Any, pool: concurrent.futures.Executor) -> None:
        part = response.WhichOneof("part")
        if part == "call":
            with self._lock:
                self._waiting[response.call.id] = pool.submit(self._answer, response.call)
        elif part == "cancelled_call_id":
            with self._lock:
                waiting = self._waiting.pop(response.cancelled_call_id, None)
            if waiting is not None and waiting.cancel():
                self._counts.add("cancelled")
                self._outbox.put([hosts_pb2.HostRecommenderRequest(answer=cancelled(response.cancelled_call_id))])
                log.debug("call %d was cancelled before it began", response.cancelled_call_id)
        elif part == "welcome":
            if response.welcome.send_items:
                log.info("sending %d items and %d users", len(self._model.item_ids), len(self._model.user_ids))
                self._outbox.put(item_messages(self._model, self._catalog))
                self._outbox.put(user_messages(self._model.user_ids))
        elif part == "accepted":
            self.accepted = True
            self._counts.add("streams")
            self._on_accepted(response.accepted)
        else:
            log.warning("the probe sent something that this version of the client does not know; it is ignored")

    def _answer(self, call: Any) -> None:
        result = answer(self._model, call)
        with self._lock:
            self._waiting.pop(call.id, None)
        self._counts.add("failed" if result.HasField("error") else "answered")
        self._outbox.put([hosts_pb2.HostRecommenderRequest(answer=result)])
