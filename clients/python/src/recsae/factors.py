"""Recommenders that are a vector for each user and one for each item."""

from typing import Any, Callable, Iterable, Iterator, Optional, Sequence, Tuple

import numpy as np

from recsae.hosting.model import BadQuery, FloatArray, IntArray, Model, UserInteractions, item_numbers

Scorer = Callable[[IntArray, IntArray], Any]


class FactorModel(Model):
    """Matrix factorisation, two towers whose vectors are computed, and their kin: the activation is the user's vector.

    user_vectors: [users, d]. item_vectors: [items, d]. item_biases: [items] or None. user_ids, item_ids: their ids, as
    text; numbers are taken as text. score: the library's own scores, (users, items) -> [users, items], by number;
    without it the scores are not compared with the library's. interactions: one UserInteractions for each user, or
    None. withheld: ids of items that are never recommended. Arrays are copied as float32.
    """

    default_name = "factors"

    def __init__(self, user_vectors: Any, item_vectors: Any, item_biases: Any = None, *, user_ids: Sequence[Any],
                 item_ids: Sequence[Any], score: Optional[Scorer] = None,
                 interactions: Optional[Sequence[UserInteractions]] = None, catalog: Any = None,
                 withheld: Sequence[Any] = (), display_name: str = "", default_name: str = "",
                 remarks: Sequence[str] = ()) -> None:
        self.user_vectors = np.array(user_vectors, dtype=np.float32)
        self.item_vectors = np.array(item_vectors, dtype=np.float32)
        self.item_biases = None if item_biases is None else np.array(item_biases, dtype=np.float32)
        self.user_ids = [str(name) for name in user_ids]
        self.item_ids = [str(name) for name in item_ids]
        if self.user_vectors.shape != (len(self.user_ids), self.item_vectors.shape[-1]):
            raise ValueError(f"user_vectors of shape {self.user_vectors.shape}: ({len(self.user_ids)} users, "
                             f"{self.item_vectors.shape[-1]}) is needed beside item_vectors {self.item_vectors.shape}")
        if interactions is not None and len(interactions) != len(self.user_ids):
            raise ValueError(f"interactions of {len(interactions)} users: {len(self.user_ids)} are needed")
        self.scores = score is not None
        self.withheld = item_numbers(withheld, self.item_ids)
        self._score = score
        self._interactions = interactions
        self.catalog = catalog
        self.display_name = display_name
        self.default_name = default_name or self.default_name
        self.remarks = tuple(remarks)

    def activations(self, users: IntArray, histories: Sequence[IntArray], site: str,
                    all_positions: bool) -> FloatArray:
        vectors: FloatArray = self.user_vectors[self._known(users)]
        return vectors

    def score(self, users: IntArray, histories: Sequence[IntArray], items: IntArray) -> FloatArray:
        if self._score is None:
            return super().score(users, histories, items)
        return np.asarray(self._score(self._known(users), items), dtype=np.float32)

    def interactions(self, start_user: int) -> Optional[Iterable[UserInteractions]]:
        return None if self._interactions is None else self._interactions[start_user:]

    def state(self) -> Iterator[Tuple[str, Any]]:
        yield "user_vectors", self.user_vectors

    @staticmethod
    def _known(users: IntArray) -> IntArray:
        if (users < 0).any():
            raise BadQuery(f"query {int(np.argmax(users < 0))} is of no known user: the model knows a vector for each "
                           "user that it was trained on, and no other")
        return users
