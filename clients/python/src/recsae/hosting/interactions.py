"""What users did, with its split, from what libraries have."""

from typing import Any, Dict, Iterable, List, Optional, Sequence, Tuple

from recsae.hosting.model import UserInteractions

Pairs = Iterable[Tuple[int, int]]  # (user number, item number), a user's oldest first


def leave_one_out(sequences: Sequence[Sequence[int]]) -> List[UserInteractions]:
    """One sequence of item numbers for each user, oldest first: the last is held out to measure by, the one before it
    to choose by, the others were trained on. Sequences shorter than 3 hold nothing out."""
    return [UserInteractions(items, len(items) - 2, [len(items) - 2], [len(items) - 1]) if len(items) >= 3
            else UserInteractions(items, len(items)) for items in sequences]


def from_pairs(users: int, train: Pairs, dev: Pairs = (), test: Pairs = ()) -> List[UserInteractions]:
    """From (user, item) pairs of each part of a split."""
    parts: List[Dict[int, List[int]]] = []
    for pairs in (train, dev, test):
        found: Dict[int, List[int]] = {}
        for user, item in pairs:
            found.setdefault(int(user), []).append(int(item))
        parts.append(found)
    return [_user(*(part.get(user, []) for part in parts)) for user in range(users)]


def _user(train: List[int], dev: List[int], test: List[int]) -> UserInteractions:
    first, second = len(train), len(train) + len(dev)
    return UserInteractions([*train, *dev, *test], first, list(range(first, second)),
                            list(range(second, second + len(test))))


def matrix_pairs(matrix: Any, users: Optional[int] = None) -> Pairs:
    """Pairs of a scipy.sparse matrix [users, items], user by user; without times, in the order of items."""
    rows = matrix.tocsr()
    for user in range(rows.shape[0] if users is None else min(users, rows.shape[0])):
        for place in range(rows.indptr[user], rows.indptr[user + 1]):
            if rows.data[place]:
                yield user, int(rows.indices[place])
