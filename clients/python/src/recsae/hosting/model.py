"""What can be hosted: the one interface between recommenders and the stream to a probe."""

import dataclasses
import logging
from typing import Any, Iterable, Iterator, Optional, Sequence, Tuple

import numpy as np

FloatArray = np.ndarray[Any, Any]  # float32
IntArray = np.ndarray[Any, Any]  # int32

USER_SITE = "user"  # the vector just before scoring; every model has it


@dataclasses.dataclass(frozen=True)
class Site:
    """A place inside a model whose output can be recorded and steered.

    dim: length of an activation. per_position: one for each item of the history, else one for all of it.
    """

    name: str
    dim: int
    per_position: bool


@dataclasses.dataclass(frozen=True)
class UserInteractions:
    """What one user did: item numbers, oldest first. The first `train_length` were trained on; `dev` and `test`
    are places in `items` of those held out to choose the best epoch by, and to measure quality by."""

    items: Sequence[int]
    train_length: int
    dev: Sequence[int] = ()
    test: Sequence[int] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.train_length <= len(self.items):
            raise ValueError(f"train_length {self.train_length} of a user with {len(self.items)} interactions")
        wrong = [place for place in (*self.dev, *self.test) if not 0 <= place < len(self.items)]
        if wrong:
            raise ValueError(f"dev or test place {wrong[0]} of a user with {len(self.items)} interactions")


class BadQuery(ValueError):
    """A query that the model cannot take; reaches the caller as INVALID_ARGUMENT."""


class Model:
    """A recommender: score(u, i) = <activation(u), item_vectors[i]> + item_biases[i].

    Subclasses set the attributes and override the methods that they can answer. Everything is by number: items by
    their place in `item_ids`, users by their place in `user_ids`, -1 for one that is not known. Histories are int
    arrays of item numbers, oldest first, at most `history_length` long, and empty where that is 0. The methods are
    called from several threads at a time; what they raise fails the call, not the host (BadQuery as INVALID_ARGUMENT,
    NotImplementedError as UNIMPLEMENTED, MemoryError as RESOURCE_EXHAUSTED, all else as FAILED_PRECONDITION).
    """

    display_name: str = ""
    """For people: "RecBole 1.2.1 SASRec"."""
    default_name: str = ""
    """Name of the recommender where the caller gives none; the class's by default."""
    history_length: int = 0
    """Items of history that are read, at most 512; 0: the model reads none, but knows users."""
    sites: Sequence[Site] = ()
    """Inner sites, in the order in which they are computed."""
    item_ids: Sequence[str] = ()
    user_ids: Sequence[str] = ()
    item_vectors: FloatArray
    """float32 [items, d]."""
    item_biases: Optional[FloatArray] = None
    """float32 [items]; None = 0."""
    withheld: Sequence[int] = ()
    """Numbers of items that are never recommended, whatever their score: sold out, not trained."""
    catalog: Any = None
    """Titles and attributes that the model's own library knows (see hosting.catalog); None = none."""
    scores: bool = True
    """Whether `score` is answered."""
    remarks: Sequence[str] = ()
    """What was guessed or left out when the model was taken over; logged by the host."""

    def activations(self, users: IntArray, histories: Sequence[IntArray], site: str,
                    all_positions: bool) -> FloatArray:
        """float32 [rows, dim of the site] of n queries: a row for each, or with `all_positions` one for each
        item of each history, oldest first."""
        raise NotImplementedError(f"{type(self).__name__} does not compute activations")

    def resume(self, users: IntArray, histories: Sequence[IntArray], site: str,
               activations: FloatArray) -> FloatArray:
        """float32 [n, d]: the vectors just before scoring with `activations` [n, dim of the site] in place of the
        site's own at the last position."""
        raise NotImplementedError(f"{type(self).__name__} has no inner sites to resume from")

    def score(self, users: IntArray, histories: Sequence[IntArray], items: IntArray) -> FloatArray:
        """float32 [n, len(items)] by the model's own prediction code."""
        raise NotImplementedError(f"{type(self).__name__} does not score by itself")

    def interactions(self, start_user: int) -> Optional[Iterable[UserInteractions]]:
        """Of start_user, start_user + 1, …; None where they are not known."""
        return None

    def state(self) -> Iterator[Tuple[str, Any]]:
        """Named arrays that make the model what it is, beside items and users: for the fingerprint. Arrays of the
        same values must come in the same order in each process."""
        return iter(())


def item_numbers(ids: Sequence[Any], item_ids: Sequence[str]) -> Sequence[int]:
    """Places of ids among a model's; ValueError for one that is not there."""
    known = {name: number for number, name in enumerate(item_ids)} if len(ids) else {}
    missing = [name for name in ids if str(name) not in known]
    if missing:
        raise ValueError(f"withheld: {missing[0]!r} is not among the model's {len(item_ids)} items")
    return tuple(known[str(name)] for name in ids)


def check_queries(model: Model, users: IntArray, histories: Sequence[IntArray], items: IntArray) -> None:
    """Raises BadQuery for numbers that the model does not have."""
    _check_numbers("item", items, 0, len(model.item_ids))
    _check_numbers("user", users, -1, len(model.user_ids))
    for place, history in enumerate(histories):
        if model.history_length and not 1 <= len(history) <= model.history_length:
            raise BadQuery(f"query {place} has a history of {len(history)} items: 1 to {model.history_length} are read")
    if any(map(len, histories)):
        _check_numbers("item", np.concatenate(histories), 0, len(model.item_ids))


def _check_numbers(kind: str, numbers: IntArray, least: int, count: int) -> None:
    wrong = numbers[(numbers < least) | (numbers >= count)]
    if len(wrong):
        raise BadQuery(f"{kind} number {wrong[0]}: the model has {count} {kind}s")


def log_remarks(model: Model) -> None:
    """Says what was guessed or left out."""
    for remark in model.remarks:
        logging.getLogger("recsae.host").warning("%s: %s", model.display_name or type(model).__name__, remark)
