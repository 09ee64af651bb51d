"""implicit 0.7: factorisations (AlternatingLeastSquares, BayesianPersonalizedRanking, …), on CPU or GPU."""

import importlib
from typing import Any, Optional, Sequence

import numpy as np

from recsae.adapters.checking import check_scores
from recsae.factors import FactorModel
from recsae.hosting.interactions import from_pairs, matrix_pairs
from recsae.hosting.model import Model


def implicit(model: Any, user_items: Any, *, user_ids: Optional[Sequence[Any]] = None,
             item_ids: Optional[Sequence[Any]] = None, dev: Any = None, test: Any = None) -> Model:
    """A fitted factorisation of implicit.

    user_items: the scipy.sparse matrix [users, items] that it was fitted on. user_ids, item_ids: of its rows and
        columns; by default their numbers. dev, test: matrices of what was held out.
    """
    if not hasattr(model, "user_factors"):
        raise ValueError(f"{type(model).__name__} has no user_factors: of implicit, factorisations can be hosted")
    users, items = (np.asarray(factors.to_numpy() if hasattr(factors, "to_numpy") else factors)
                    for factors in (model.user_factors, model.item_factors))

    def score(numbers: Any, wanted: Any) -> Any:
        unique, places = np.unique(wanted, return_inverse=True)
        found, scores = model.recommend(numbers, user_items.tocsr()[numbers], N=len(unique), items=unique,
                                        filter_already_liked_items=False)
        by_item = np.take_along_axis(np.asarray(scores), np.argsort(np.asarray(found), axis=1), axis=1)
        return by_item[:, places]

    hosted = FactorModel(
        users, items, score=score, user_ids=range(len(users)) if user_ids is None else user_ids,
        item_ids=range(len(items)) if item_ids is None else item_ids,
        interactions=from_pairs(len(users), matrix_pairs(user_items), *(
            () if part is None else matrix_pairs(part) for part in (dev, test))),
        display_name=f"implicit {importlib.import_module('implicit').__version__} {type(model).__name__}",
        default_name=f"implicit-{type(model).__name__}",
        remarks=["a matrix has no times: a user's interactions are in the order of its columns"])
    check_scores(hosted, "is it fitted on user_items [users, items]?")
    return hosted
