"""Recommenders in numpy for the tests: small, exact, and with everything that a host can have."""

import numpy as np

from recsae import Model, Site, UserInteractions


def softmax(values):
    exp = np.exp(values - values.max())
    return exp / exp.sum()


class AttentionModel(Model):
    """One attention layer of the last item over the history, then a feed-forward layer; two inner sites."""

    default_name = "attention"
    display_name = "numpy attention"

    def __init__(self, items=30, dim=8, users=12, history_length=6, seed=1):
        random = np.random.default_rng(seed)
        self.history_length = history_length
        self.item_ids = [f"film-{i}" for i in range(items)]
        self.user_ids = [f"user-{u}" for u in range(users)]
        self.item_vectors = random.normal(0, 1, (items, dim)).astype(np.float32)
        self.item_biases = random.normal(0, .1, items).astype(np.float32)
        self.weights = random.normal(0, .5, (dim, dim)).astype(np.float32)
        self.sites = (Site("embedding", dim, True), Site("attention", dim, False))
        self.watched = [random.choice(items, size=random.integers(4, 9), replace=False) for _ in range(users)]

    def _hidden(self, history, site=None, activation=None):
        """All the model computes of one history, with `activation` in place of the site's own."""
        rows = self.item_vectors[history].copy()
        if site == "embedding":
            rows[-1] = activation
        pooled = softmax(rows @ rows[-1] / np.sqrt(rows.shape[1])) @ rows + rows[-1]
        if site == "attention":
            pooled = activation
        return {"embedding": rows, "attention": pooled, "user": np.tanh(pooled @ self.weights) + pooled}

    def activations(self, users, histories, site, all_positions):
        found = [self._hidden(history)[site] for history in histories]
        if site == "embedding":
            return np.concatenate(found) if all_positions else np.stack([rows[-1] for rows in found])
        return np.stack(found)

    def resume(self, users, histories, site, activations):
        return np.stack([self._hidden(history, site, row)["user"] for history, row in zip(histories, activations)])

    def score(self, users, histories, items):
        user = self.activations(users, histories, "user", False)
        return user @ self.item_vectors[items].T + self.item_biases[items]

    def interactions(self, start_user):
        return [UserInteractions(items, len(items) - 2, [len(items) - 2], [len(items) - 1])
                for items in self.watched[start_user:]]

    def state(self):
        yield "weights", self.weights
