"""The thread behind a recorder: sends rows to a capture, and makes it, and its recommender, where they are missing."""

import logging
import threading
import time
from typing import Any, Iterator, List, Optional, Sequence

import grpc
import numpy as np

from recsae.errors import Error, from_rpc
from recsae.hosting.catalog import catalog_ids, read_catalog
from recsae.hosting.host import waits
from recsae.probe.v1 import probe_pb2, probe_pb2_grpc
from recsae.recording.rows import Counts, RowQueue, Rows
from recsae.wire import to_tensor

log = logging.getLogger("recsae.record")

BATCH_ROWS = 1024
FLUSH_SECONDS = 1.0
CALL_SECONDS = 30.0
MESSAGE_BYTES = 3 << 20
RETRIED = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
MISSING = ("RECOMMENDER_NOT_FOUND", "CAPTURE_NOT_FOUND", "CATALOG_NOT_FOUND")


class Sender:
    """Empties a RowQueue into one capture. Used by its own thread, but for `close`."""

    def __init__(self, channel: grpc.Channel, capture: str, producer: str, queue: RowQueue, counts: Counts,
                 catalog: Any = None) -> None:
        self._probe = probe_pb2_grpc.ProbeStub(channel)
        self._capture, self._producer = capture, producer
        self._recommender = capture.split("/captures/")[0]
        self._catalog = catalog
        self._queue, self._counts = queue, counts
        self._sequence = 1
        self._deadline: Optional[float] = None  # of time.monotonic, once it is closed
        self._woken = threading.Event()
        self._thread = threading.Thread(target=self._run, name="recsae-record", daemon=True)
        self._thread.start()

    def close(self, seconds: float) -> None:
        """Sends what is in the queue, for `seconds` at most; the rest is dropped, and counted."""
        self._deadline = time.monotonic() + seconds
        self._queue.close()
        self._woken.set()
        self._thread.join(seconds + 1)
        left = self._queue.clear()
        if left:
            self._counts.add("dropped", left)
            log.warning("%s: %d rows could not be sent within %g s and are dropped", self._capture, left, seconds)

    def _run(self) -> None:
        while True:
            rows = self._queue.take(BATCH_ROWS, FLUSH_SECONDS)
            if not rows:
                return
            for batch in _alike(rows):
                try:
                    self._send(batch)
                except Exception as error:  # what nobody thought of must not end the thread unsaid
                    count = sum(part.count for part in batch)
                    self._counts.add("dropped", count)
                    log.exception("%s: %d rows are dropped: %s", self._capture, count, error)

    def _send(self, rows: List[Rows]) -> None:
        """Until it is stored, refused, or there is no more time for it."""
        count = sum(part.count for part in rows)
        seconds = waits()
        try:
            requests = self._requests(rows)
        except Exception as error:  # of the caller's tensors: nothing of that is raised into a server
            self._counts.add("dropped", count)
            log.error("%s: %d rows cannot be read and are dropped: %s: %s", self._capture, count, type(error).__name__, error)
            return
        count = sum(request.batch.activations.shape[0] for request in requests)
        while requests:
            try:
                self._counts.add("recorded", self._record(requests))
                return
            except grpc.RpcError as failure:
                refused = from_rpc(failure)
            left = None if self._deadline is None else self._deadline - time.monotonic()
            if refused.reason in MISSING and self._make(rows):
                continue
            if refused.code not in RETRIED or (left is not None and left <= 0):
                self._counts.add("dropped", count)
                log.error("%s: %d rows are dropped: %s", self._capture, count, refused)
                # Some of them may be stored under these sequences: what follows is another producer's.
                self._producer, self._sequence = f"{self._producer[:110]}+{self._sequence}", 1
                return
            wait = next(seconds)
            log.warning("%s: cannot be recorded to now (%s); trying again in %.1f s", self._capture, refused, wait)
            if left is None:
                self._woken.wait(wait)
            else:
                time.sleep(max(0.0, min(wait, left)))

    def _record(self, batches: List[Any]) -> int:
        """Sends batches; how many rows are stored now."""
        header = probe_pb2.RecordActivationsRequest(header=probe_pb2.RecordActivationsRequest.Header(
            capture=self._capture, producer=self._producer))
        answer = self._probe.RecordActivations(iter([header, *batches]), timeout=self._seconds())
        self._sequence += len(batches)
        if answer.skipped_item_count:
            log.warning("%s: %d items of histories and exclusions are not in the catalogue and were passed over: %s", self._capture,
                        answer.skipped_item_count, ", ".join(answer.unknown_item_ids[:5]))
        return int(answer.stored_row_count + answer.duplicate_row_count)

    def _seconds(self) -> float:
        return CALL_SECONDS if self._deadline is None else max(0.1, min(CALL_SECONDS, self._deadline - time.monotonic()))

    def _requests(self, rows: List[Rows]) -> List[Any]:
        """Batches that fit a message each."""
        values = np.concatenate([np.asarray(part.values(), dtype="<f4").reshape(part.count, -1) for part in rows])
        cases = [case for part in rows for case in _cases(part)] if rows[0].has_cases else []
        good = np.isfinite(values).all(axis=1)
        if not good.all():
            self._counts.add("dropped", int((~good).sum()))
            log.error("%s: %d of %d rows have NaN or infinite values and are dropped", self._capture, int((~good).sum()), len(good))
            values, cases = values[good], [case for case, fine in zip(cases, good) if fine]
        if not len(values):
            return []
        size = 4 * values.shape[1] + (max(case.ByteSize() for case in cases) if cases else 0) + 8
        step = max(1, min(BATCH_ROWS, MESSAGE_BYTES // size))
        return [probe_pb2.RecordActivationsRequest(batch=probe_pb2.RecordActivationsRequest.Batch(
            sequence=self._sequence + number, activations=to_tensor(values[first:first + step]),
            cases=cases[first:first + step])) for number, first in enumerate(range(0, len(values), step))]

    def _make(self, rows: List[Rows]) -> bool:
        """Makes the capture, with its recommender and catalogue where they are missing, too; whether that went well."""
        dim = int(np.asarray(rows[0].values()).reshape(rows[0].count, -1).shape[1])
        try:
            try:
                self._make_capture(rows[0].has_cases)
            except grpc.RpcError as failure:
                if from_rpc(failure).reason != "RECOMMENDER_NOT_FOUND":
                    raise
                if self._catalog is None:
                    log.error("%s is not there, and without catalog= it cannot be made", self._recommender)
                    return False
                self._make_recommender(dim)
                self._make_capture(rows[0].has_cases)
        except grpc.RpcError as failure:
            log.error("%s cannot be made: %s", self._capture, from_rpc(failure))
            return False
        log.info("made %s for activations of length %d", self._capture, dim)
        return True

    def _make_capture(self, has_cases: bool) -> None:
        _ignore_existing(lambda: self._probe.CreateCapture(probe_pb2.CreateCaptureRequest(
            parent=self._recommender, capture_id=self._capture.rsplit("/", 1)[1], has_cases=has_cases),
            timeout=self._seconds()))

    def _make_recommender(self, dim: int) -> None:
        name = self._recommender.split("/")[1]
        self._make_catalog(name)
        _ignore_existing(lambda: self._probe.CreateRecommender(probe_pb2.CreateRecommenderRequest(
            recommender_id=name, catalog=f"catalogs/{name}", activation_dim=dim), timeout=self._seconds()))

    def _make_catalog(self, name: str) -> None:
        ids = catalog_ids(self._catalog)
        items = [probe_pb2.Item(id=item, title=known.title, attributes=[
            probe_pb2.Attribute(key=key, value=value) for key, value in known.attributes])
            for item, known in zip(ids, read_catalog(self._catalog, ids))]
        if not _ignore_existing(lambda: self._probe.CreateCatalog(
                probe_pb2.CreateCatalogRequest(catalog_id=name), timeout=self._seconds())):
            return

        def requests() -> Iterator[Any]:
            yield probe_pb2.UploadItemsRequest(header=probe_pb2.UploadItemsRequest.Header(catalog=f"catalogs/{name}"))
            for first in range(0, len(items), 500):
                yield probe_pb2.UploadItemsRequest(batch=probe_pb2.UploadItemsRequest.Batch(items=items[first:first + 500]))

        self._probe.UploadItems(requests(), timeout=CALL_SECONDS)


def _ignore_existing(call: Any) -> bool:
    """Whether it was made now; another process may have been faster."""
    try:
        call()
        return True
    except grpc.RpcError as error:
        if error.code() != grpc.StatusCode.ALREADY_EXISTS:
            raise
        return False


def _alike(rows: Sequence[Rows]) -> List[List[Rows]]:
    """In order; those with cases and those without apart, for a capture has either."""
    groups: List[List[Rows]] = []
    for part in rows:
        if groups and groups[-1][0].has_cases == part.has_cases:
            groups[-1].append(part)
        else:
            groups.append([part])
    return groups


def _cases(rows: Rows) -> List[Any]:
    users: Sequence[str] = rows.users if rows.users is not None else [""] * rows.count
    histories: Sequence[Sequence[str]] = rows.histories if rows.histories is not None else [()] * rows.count
    return [probe_pb2.Case(user_id=user, history_item_ids=list(history)) for user, history in zip(users, histories)]
