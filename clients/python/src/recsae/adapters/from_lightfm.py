"""LightFM (lightfm-next 1.19)."""

import importlib
from typing import Any

import numpy as np

from recsae.adapters.checking import check_scores
from recsae.factors import FactorModel
from recsae.hosting.interactions import from_pairs, matrix_pairs
from recsae.hosting.model import Model

USER_BIAS = ("scores are the library's less the user's own bias, which no ranking sees: it is the same for all of a user's "
             "items")


def lightfm(model: Any, dataset: Any, train: Any = None, *, dev: Any = None, test: Any = None, user_features: Any = None,
            item_features: Any = None) -> Model:
    """A fitted LightFM.

    dataset: the lightfm.data.Dataset whose mapping() has the ids. train, dev, test: interaction matrices
        [users, items]; without `train` there are no interactions. user_features, item_features: as in model.predict.
    """
    user_map, _, item_map, _ = dataset.mapping()
    user_biases, users = model.get_user_representations(user_features)
    item_biases, items = model.get_item_representations(item_features)

    def score(numbers: Any, wanted: Any) -> Any:
        pairs = model.predict(np.repeat(numbers, len(wanted)).astype(np.int32),
                              np.tile(wanted, len(numbers)).astype(np.int32), item_features=item_features,
                              user_features=user_features)
        return pairs.reshape(len(numbers), len(wanted)) - np.asarray(user_biases)[numbers][:, None]

    hosted = FactorModel(
        users, items, item_biases, score=score, user_ids=_ids(user_map), item_ids=_ids(item_map),
        interactions=None if train is None else from_pairs(len(user_map), matrix_pairs(train), *(
            () if part is None else matrix_pairs(part) for part in (dev, test))),
        display_name=f"LightFM {getattr(importlib.import_module('lightfm'), '__version__', '')} {model.loss}",
        default_name="lightfm", remarks=[USER_BIAS])
    check_scores(hosted, "are user_features= and item_features= those that it was fitted with?")
    return hosted


def _ids(mapping: Any) -> Any:
    """Names by number."""
    return [name for name, _ in sorted(mapping.items(), key=lambda entry: int(entry[1]))]
