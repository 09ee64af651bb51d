"""Cornac 2: factorisations (MF, PMF, BPR, WMF, …) and whatever else scores by a dot product."""

import importlib
from typing import Any, List, Optional, Tuple

import numpy as np

from recsae.adapters.checking import check_scores
from recsae.adapters.from_lightfm import USER_BIAS
from recsae.factors import FactorModel
from recsae.hosting.interactions import from_pairs
from recsae.hosting.model import FloatArray, Model


def cornac(model: Any, train: Any = None, *, dev: Any = None, test: Any = None) -> Model:
    """A fitted Cornac recommender.

    train: the cornac Dataset that it was fitted on; by default the one that it remembers, which a saved model does not.
        dev, test: held-out Datasets (eval_method.val_set, eval_method.test_set).
    """
    train = train if train is not None else getattr(model, "train_set", None)
    if train is None:
        raise TypeError(f"{type(model).__name__} does not remember its train_set (it was loaded): cornac(model, train_set)")
    users, items, biases = _vectors(model, model.num_users, model.num_items)

    def score(numbers: Any, wanted: Any) -> Any:
        rows = [np.array(model.score(int(user)), dtype=np.float64) for user in numbers]
        return np.stack([row[wanted] - offset(int(user), row) for user, row in zip(numbers, rows)])

    def offset(user: int, row: Any) -> float:
        """What the library adds to all scores of a user: seen on one item."""
        bias = 0.0 if biases is None else float(biases[0])
        return float(row[0] - users[user].astype(np.float64) @ items[0].astype(np.float64) - bias)

    hosted = FactorModel(
        users, items, biases, score=score, user_ids=_ids(model.uid_map, len(users)), item_ids=_ids(model.iid_map, len(items)),
        interactions=from_pairs(len(users), *(_pairs(part, len(users), len(items)) for part in (train, dev, test))),
        display_name=f"Cornac {importlib.import_module('cornac').__version__} {model.name}",
        default_name=f"cornac-{model.name}", remarks=[USER_BIAS])
    check_scores(hosted, "its scores are no dot product; Cornac's own vectors (get_user_vectors) do not tell them")
    return hosted


def _vectors(model: Any, users: int, items: int) -> "Tuple[FloatArray, FloatArray, Optional[FloatArray]]":
    """Vectors of users and items that were trained on, and the items' biases."""
    if getattr(model, "u_factors", None) is not None and getattr(model, "i_factors", None) is not None:
        found = getattr(model, "i_biases", None)
        biases = None if found is None else np.asarray(found).reshape(-1)[:items]
        return np.asarray(model.u_factors)[:users], np.asarray(model.i_factors)[:items], biases
    if hasattr(model, "get_user_vectors") and "dot" in str(model.get_vector_measure()).lower():
        return np.asarray(model.get_user_vectors())[:users], np.asarray(model.get_item_vectors())[:items], None
    raise ValueError(f"{type(model).__name__} has no vectors whose dot products are its scores; those with get_user_vectors and "
                     "the dot measure can be hosted")


def _ids(mapping: Any, count: int) -> List[Any]:
    """Names by number; a split's held-out users and items, which have no vectors, come after `count`."""
    return [name for name, _ in sorted(mapping.items(), key=lambda entry: int(entry[1]))][:count]


def _pairs(dataset: Optional[Any], users: int, items: int) -> Any:
    if dataset is None:
        return
    numbers = dataset.uir_tuple
    order = np.argsort(dataset.timestamps, kind="stable") if getattr(dataset, "timestamps", None) is not None \
        else np.arange(len(numbers[0]))
    for place in order:
        if numbers[0][place] < users and numbers[1][place] < items:
            yield numbers[0][place], numbers[1][place]
