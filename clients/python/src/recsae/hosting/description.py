"""A model as it is told to a probe: description, items, users, fingerprint; checked before anything is sent."""

import hashlib
import re
from typing import Any, Iterator, List, Optional, Sequence

import numpy as np

from recsae.hosts.v1 import hosts_pb2
from recsae.hosting.catalog import CatalogItem
from recsae.hosting.model import USER_SITE, Model
from recsae.probe.v1 import probe_pb2
from recsae.wire import to_tensor

CHUNK_BYTES = 1 << 20  # of item and user messages, as the contract asks
RECOMMENDER_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")


def recommender_id(text: str) -> str:
    """A name as the suite allows it, from any text: "SASRec (ml-1m)" -> "sasrec-ml-1m"."""
    name = re.sub(r"[^a-z0-9._-]+", "-", text.lower()).strip("-._")[:63]
    return name or "model"


def check_model(model: Model) -> None:
    """Raises ValueError naming what a probe would refuse, as far as it can be seen from here."""
    _check_ids("item", model.item_ids, at_least=1)
    _check_ids("user", model.user_ids, at_least=0 if model.history_length else 1)
    vectors = np.asarray(model.item_vectors)
    if vectors.ndim != 2 or len(vectors) != len(model.item_ids) or not 1 <= vectors.shape[1] <= 65_536:
        raise ValueError(f"item_vectors of shape {vectors.shape}: [{len(model.item_ids)} items, 1 to 65,536] is needed")
    if not np.isfinite(vectors).all():
        raise ValueError(f"item_vectors have NaN or infinite values, first of item "
                         f"{model.item_ids[int(np.argmin(np.isfinite(vectors).all(axis=1)))]!r}")
    if model.item_biases is not None:
        biases = np.asarray(model.item_biases)
        if biases.shape != (len(model.item_ids),) or not np.isfinite(biases).all():
            raise ValueError(f"item_biases of shape {biases.shape}: [{len(model.item_ids)}] finite values are needed")
    wrong = [number for number in model.withheld if not 0 <= number < len(model.item_ids)]
    if wrong:
        raise ValueError(f"withheld item number {wrong[0]}: the model has {len(model.item_ids)} items")
    if not 0 <= model.history_length <= 512:
        raise ValueError(f"history_length {model.history_length}: 0 to 512 items can be read")
    names = [site.name for site in model.sites]
    if USER_SITE in names or len(set(names)) != len(names) or len(names) > 64:
        raise ValueError(f"sites {names}: at most 64, none twice, and none named {USER_SITE!r}, which is there anyway")


def _check_ids(kind: str, ids: Sequence[str], at_least: int) -> None:
    if len(ids) < at_least:
        raise ValueError(f"{len(ids)} {kind}_ids: at least {at_least} is needed")
    seen = set()
    for name in ids:
        if not isinstance(name, str) or not 1 <= len(name.encode()) <= 256:
            raise ValueError(f"{kind} id {name!r}: a string of 1 to 256 bytes is needed")
        if name in seen:
            raise ValueError(f"{kind} id {name!r} is there twice")
        seen.add(name)


def fingerprint(model: Model) -> str:
    """sha256 over weights, item vectors, biases, ids of items and users, and what is served of it (sites, length of
    history). The same model has the same one in every process; titles do not count."""
    digest = hashlib.sha256(b"recsae host 1\n")

    def add(name: str, values: Any) -> None:
        array = np.ascontiguousarray(values)
        digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(array.tobytes())

    add("item_vectors", np.asarray(model.item_vectors, dtype="<f4"))
    if model.item_biases is not None:
        add("item_biases", np.asarray(model.item_biases, dtype="<f4"))
    for name, values in model.state():
        add("state " + name, values)
    add("withheld", np.array(sorted(model.withheld), dtype="<i8"))
    for kind, ids in (("items", model.item_ids), ("users", model.user_ids)):
        digest.update(f"{kind} {len(ids)}\n".encode())
        for name in ids:
            digest.update(name.encode() + b"\0")
    digest.update(repr((model.history_length, [(s.name, s.dim, s.per_position) for s in model.sites])).encode())
    return "sha256:" + digest.hexdigest()


def describe(model: Model, name: str, mark: str, max_queries: int, concurrent_calls: int) -> Any:
    """The Description of a model under a name, with its fingerprint `mark`."""
    return hosts_pb2.Description(
        recommender_id=name, fingerprint=mark, activation_dim=np.asarray(model.item_vectors).shape[1],
        history_length=model.history_length,
        probe_sites=[probe_pb2.ProbeSite(name=s.name, dim=s.dim, per_position=s.per_position) for s in model.sites],
        item_count=len(model.item_ids), user_count=len(model.user_ids),
        has_interactions=model.interactions(0) is not None, scores=model.scores,
        max_queries=max_queries, concurrent_calls=concurrent_calls,
        display_name=model.display_name or type(model).__name__)


def item_messages(model: Model, catalog: Sequence[CatalogItem]) -> Iterator[Any]:
    """HostRecommenderRequests with all items, about 1 MiB each."""
    vectors = np.asarray(model.item_vectors, dtype="<f4")
    biases: "Optional[np.ndarray[Any, Any]]" = None
    if model.item_biases is not None:
        biases = np.asarray(model.item_biases, dtype="<f4")
    withheld = set(model.withheld)
    items: List[Any] = []
    size = first = 0

    def message() -> Any:
        end = first + len(items)
        return hosts_pb2.HostRecommenderRequest(items=hosts_pb2.ItemRows(
            items=items, vectors=to_tensor(vectors[first:end]),
            biases=None if biases is None else to_tensor(biases[first:end]),
            withheld=[place for place in range(len(items)) if first + place in withheld]))

    for name, known in zip(model.item_ids, catalog):
        item = probe_pb2.Item(id=name, title=known.title, attributes=[
            probe_pb2.Attribute(key=key, value=value) for key, value in known.attributes])
        bytes_of_item = item.ByteSize() + 4 * (vectors.shape[1] + 1)
        if items and size + bytes_of_item > CHUNK_BYTES:
            yield message()
            first, items, size = first + len(items), [], 0
        items.append(item)
        size += bytes_of_item
    if items:
        yield message()


def user_messages(user_ids: Sequence[str]) -> Iterator[Any]:
    """HostRecommenderRequests with all users, about 1 MiB each."""
    chunk: List[str] = []
    size = 0
    for name in user_ids:
        if chunk and size + len(name.encode()) + 4 > CHUNK_BYTES:
            yield hosts_pb2.HostRecommenderRequest(users=hosts_pb2.UserRows(user_ids=chunk))
            chunk, size = [], 0
        chunk.append(name)
        size += len(name.encode()) + 4
    if chunk:
        yield hosts_pb2.HostRecommenderRequest(users=hosts_pb2.UserRows(user_ids=chunk))
