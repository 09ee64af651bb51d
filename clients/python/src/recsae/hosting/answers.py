"""Answers to calls: from a Call of the probe to an Answer, whatever the model does."""

import logging
from typing import Any, List, Optional

import numpy as np
import grpc
from google.rpc import status_pb2

from recsae.hosting.description import CHUNK_BYTES
from recsae.hosting.model import USER_SITE, BadQuery, IntArray, Model, check_queries
from recsae.hosts.v1 import hosts_pb2
from recsae.wire import MAX_MESSAGE_BYTES, to_tensor

log = logging.getLogger("recsae.host")


class AnswerTooLarge(Exception):
    """More than a message holds."""


def answer(model: Model, call: Any) -> Any:
    """The Answer to a Call. Never raises: what the model raises is Answer.error, with its type and text."""
    method = call.WhichOneof("method")
    try:
        if method == "read_interactions":
            return hosts_pb2.Answer(id=call.id, interactions=_interactions(model, call.read_interactions.start_user))
        return hosts_pb2.Answer(id=call.id, values=_values(model, method, call))
    except BadQuery as error:
        return _failure(call.id, method, grpc.StatusCode.INVALID_ARGUMENT, str(error))
    except NotImplementedError as error:
        return _failure(call.id, method, grpc.StatusCode.UNIMPLEMENTED, str(error))
    except (AnswerTooLarge, MemoryError) as error:
        return _failure(call.id, method, grpc.StatusCode.RESOURCE_EXHAUSTED, f"{type(error).__name__}: {error}")
    except Exception as error:  # of the model, whatever it is
        log.exception("the model failed in %s (call %d)", method, call.id)
        return _failure(call.id, method, grpc.StatusCode.FAILED_PRECONDITION, f"{type(error).__name__}: {error}")


def cancelled(call_id: int) -> Any:
    """The Answer to a call that nobody waits for any more and that was not begun: the probe counts it until then."""
    return hosts_pb2.Answer(id=call_id, error=status_pb2.Status(code=grpc.StatusCode.CANCELLED.value[0],
                                                               message="cancelled before it began"))


def _failure(call_id: int, method: Optional[str], code: grpc.StatusCode, text: str) -> Any:
    log.warning("call %d, %s: answered with an error: %s", call_id, method, text)
    return hosts_pb2.Answer(id=call_id, error=status_pb2.Status(code=code.value[0], message=text[:1000]))


def _values(model: Model, method: Optional[str], call: Any) -> Any:
    if method not in ("compute_activations", "resume_from_site", "score"):
        raise NotImplementedError(f"call {call.id} has a method that this version of the client does not know")
    request = getattr(call, method)
    users, histories = _queries(model, request.queries)
    items = np.fromiter(request.items if method == "score" else (), dtype=np.int32)
    check_queries(model, users, histories, items)
    dim = np.asarray(model.item_vectors).shape[1]
    if method == "score":
        values, shape = model.score(users, histories, items), (len(users), len(items))
    elif method == "resume_from_site":
        site = _site(model, request.site, inner=True)
        given = np.frombuffer(request.activations.data, dtype="<f4").reshape(list(request.activations.shape))
        if given.shape != (len(users), site[1]):
            raise BadQuery(f"activations of shape {given.shape}: {(len(users), site[1])} is needed at {site[0]!r}")
        values, shape = model.resume(users, histories, site[0], given), (len(users), dim)
    else:
        name, width, per_position = _site(model, request.site, inner=False)
        if request.all_positions and not per_position:
            raise BadQuery(f"site {name!r} has one activation for a whole history, none for each position")
        values = model.activations(users, histories, name, request.all_positions)
        shape = (sum(map(len, histories)) if request.all_positions else len(users), width)
    values = np.asarray(values)
    if values.shape != shape:
        raise ValueError(f"{method} gave values of shape {values.shape}, not {shape}")
    if values.size * 4 > MAX_MESSAGE_BYTES - 64 * 1024:
        raise AnswerTooLarge(f"{method} has {values.size * 4} bytes of values, more than a message of "
                             f"{MAX_MESSAGE_BYTES} bytes holds: ask for fewer queries or items")
    return to_tensor(values)


def _site(model: Model, name: str, inner: bool) -> Any:
    """(name, dim, per_position) of a site."""
    if not inner and name in ("", USER_SITE):
        return USER_SITE, np.asarray(model.item_vectors).shape[1], False
    for site in model.sites:
        if site.name == name:
            return site.name, site.dim, site.per_position
    raise BadQuery(f"no site {name!r}; there are {', '.join(site.name for site in model.sites) or 'no inner ones'}")


def _queries(model: Model, queries: Any) -> "tuple[IntArray, List[IntArray]]":
    """Users and histories, one of each for a query."""
    lengths, items = list(queries.lengths), np.fromiter(queries.items, dtype=np.int32)
    count = max(len(queries.users), len(lengths))
    users = np.fromiter(queries.users, dtype=np.int32) if len(queries.users) else np.full(count, -1, dtype=np.int32)
    if not lengths:
        lengths = [0] * count
    if len(users) != len(lengths) or min(lengths, default=0) < 0 or sum(lengths) != len(items):
        raise BadQuery(f"{len(users)} users, {len(lengths)} lengths adding up to {sum(lengths)}, {len(items)} items")
    ends = np.cumsum(lengths)
    return users, [items[end - length:end] for end, length in zip(ends, lengths)]


def _interactions(model: Model, start: int) -> Any:
    """Users from `start` on, at least one unless there are no more, about 1 MiB at most."""
    found = model.interactions(start)
    if found is None:
        raise NotImplementedError(f"{type(model).__name__} does not know what its users did")
    page = hosts_pb2.Interactions()
    size = 0
    for user in found:
        message = hosts_pb2.Interactions.User(items=user.items, train_length=user.train_length, dev=user.dev,
                                             test=user.test)
        size += message.ByteSize() + 4
        if page.users and size > CHUNK_BYTES:
            break
        page.users.append(message)
    return page
