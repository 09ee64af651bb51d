"""Whether a model that was taken over scores as its library does."""

import numpy as np

from recsae.hosting.model import USER_SITE, Model

TRIALS = 8
TOLERANCE = 1e-4  # of the largest score


def check_scores(model: Model, way_out: str) -> None:
    """ValueError when the library's own scores of a few users or histories are not <activation, vector> + bias."""
    random = np.random.default_rng(1)
    count = TRIALS
    users = (random.integers(0, len(model.user_ids), size=count).astype(np.int32) if len(model.user_ids)
             else np.full(count, -1, dtype=np.int32))
    histories = [random.integers(0, len(model.item_ids), size=min(1 + place, model.history_length)).astype(np.int32)
                 for place in range(count)]
    items = random.choice(len(model.item_ids), size=min(100, len(model.item_ids)), replace=False).astype(np.int32)
    scores = np.asarray(model.score(users, histories, items), dtype=np.float64)
    expected = np.asarray(model.activations(users, histories, USER_SITE, False), dtype=np.float64) \
        @ np.asarray(model.item_vectors[items], dtype=np.float64).T
    if model.item_biases is not None:
        expected += model.item_biases[items]
    worst = float(np.abs(scores - expected).max())
    if not worst <= TOLERANCE * max(1.0, float(np.abs(scores).max())):
        raise ValueError(f"{model.display_name}: its own scores are not <activation, item vector> + bias, they differ by up "
                         f"to {worst:.3g} of {np.abs(scores).max():.3g}: {way_out}")
