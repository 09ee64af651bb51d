"""RecBole 1.2: sequential models (SASRec, GRU4Rec, …) and factorisations (BPR, LightGCN, …)."""

import importlib
import inspect
from typing import Any, Dict, List, Optional, Sequence, Tuple

import torch

from recsae.adapters.checking import check_scores
from recsae.factors import FactorModel
from recsae.hosting.interactions import from_pairs
from recsae.hosting.model import Model, UserInteractions
from recsae.torch_model import TorchModel

WAY_OUT = "give item_vectors= and item_biases=, or wrap the model in recsae.TorchModel with encode="


def recbole(model: Any, *splits: Any, sites: Sequence[str] = (), item_vectors: Any = None, item_biases: Any = None) -> Model:
    """A trained RecBole model.

    splits: what recbole.data.data_preparation returned, in its order: (train_data, valid_data, test_data). The first
        alone is enough to have ids; interactions, which captures need, come with all three.
    sites: submodules of a sequential model, for example "trm_encoder.layer.0".
    item_vectors: where they are not the model's item embedding, [items, d], without the padding item.
    ValueError when RecBole's own full_sort_predict gives other scores than the vectors do.
    """
    if not splits:
        raise TypeError("recbole(model, train_data, valid_data, test_data): the data that data_preparation returned is needed")
    sets = [getattr(part, "_dataset", part) for part in splits]
    version = getattr(importlib.import_module("recbole"), "__version__", "")
    common: Dict[str, Any] = {"display_name": f"RecBole {version} {type(model).__name__}", "default_name": f"recbole-{type(model).__name__}",
              "catalog": _catalog(sets[0]),
              "interactions": _interactions(sets) if len(sets) == 3 else None}
    if len(sets) != 3:
        common["remarks"] = [f"{len(sets)} of train_data, valid_data, test_data: no interactions, so no captures of a split"]
    names = {"item_ids": _ids(sets[0], sets[0].iid_field), "user_ids": _ids(sets[0], sets[0].uid_field)}
    make = _sequential if getattr(model.type, "name", "") == "SEQUENTIAL" else _factors
    hosted = make(model, sets[0], {**common, **names}, sites, item_vectors, item_biases)
    check_scores(hosted, WAY_OUT)
    return hosted


def _ids(dataset: Any, field: str) -> List[str]:
    """Tokens of a field, without that of padding, which is number 0."""
    return [str(token) for token in dataset.field2id_token[field][1:]]


def _sequential(model: Any, dataset: Any, common: Dict[str, Any], sites: Sequence[str], vectors: Any, biases: Any) -> Model:
    takes = list(inspect.signature(model.forward).parameters)
    if len(takes) != 2:
        raise ValueError(f"{type(model).__name__}.forward takes {', '.join(takes)}; (item_seq, item_seq_len) is known here: "
                         "wrap the model in recsae.TorchModel with encode=")
    if vectors is None:
        vectors = model.item_embedding.weight[1:len(common["item_ids"]) + 1]

    def score(history: torch.Tensor, lengths: torch.Tensor, users: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = model.full_sort_predict({model.ITEM_SEQ: history, model.ITEM_SEQ_LEN: lengths,
                                                        model.USER_ID: users})
        return scores.view(len(history), -1)[:, 1:len(common["item_ids"]) + 1]

    return TorchModel(model, lambda history, lengths: model.forward(history, lengths), score=score, item_vectors=vectors,
                      item_biases=biases, history_length=dataset.max_item_list_len, padding="right", sites=sites, **common)


def _factors(model: Any, dataset: Any, common: Dict[str, Any], sites: Sequence[str], vectors: Any, biases: Any) -> Model:
    if sites:
        raise ValueError(f"{type(model).__name__} has no inner sites: its activation is the user's vector")
    count = len(common["item_ids"])
    model.eval()
    with torch.no_grad():
        if not inspect.signature(model.forward).parameters:  # graph models: embeddings of all users and all items
            users, items = model.forward()[:2]
        elif hasattr(model, "user_embedding") and hasattr(model, "item_embedding"):
            users, items = model.user_embedding.weight, model.item_embedding.weight
        else:
            raise ValueError(f"{type(model).__name__} has no user_embedding and item_embedding: use recsae.FactorModel with its "
                             "vectors")

    def score(numbers: Any, wanted: Any) -> Any:
        with torch.no_grad():
            asked = torch.as_tensor(numbers + 1, dtype=torch.int64, device=model.device)
            scores = model.full_sort_predict({model.USER_ID: asked}).view(len(numbers), -1)
            return scores[:, torch.as_tensor(wanted + 1, dtype=torch.int64, device=scores.device)].cpu().numpy()

    return FactorModel(users[1:].detach().cpu(), items[1:count + 1].detach().cpu() if vectors is None else vectors, biases,
                       score=score, **common)


def _interactions(sets: Sequence[Any]) -> List[UserInteractions]:
    """RecBole's own split. Sequential data has a row for each item after the first of a user, with what came before
    it: a user's first row has the beginning of the sequence, which was trained on."""
    users, items = sets[0].uid_field, sets[0].iid_field
    before = items + str(sets[0].config["LIST_SUFFIX"])
    parts: List[List[Tuple[int, int]]] = [[], [], []]
    begun = set()
    for part, found in zip(sets, parts):
        feat = part.inter_feat
        histories = feat[before].tolist() if before in feat else None
        for place, (user, item) in enumerate(zip(feat[users].tolist(), feat[items].tolist())):
            if histories is not None and user not in begun:
                begun.add(user)
                parts[0] += [(user - 1, first - 1) for first in histories[place] if first]
            found.append((user - 1, item - 1))
    return from_pairs(len(sets[0].field2id_token[users]) - 1, *parts)


def _catalog(dataset: Any) -> Optional[Dict[str, Dict[str, Any]]]:
    """Item features, where RecBole loaded any: {id: {field: values}}."""
    feat = getattr(dataset, "item_feat", None)
    if feat is None:
        return None
    names = dataset.field2id_token[dataset.iid_field]
    columns = {field: feat[field].tolist() for field in feat.columns if field != dataset.iid_field}
    found: Dict[str, Dict[str, Any]] = {}
    for row, number in enumerate(feat[dataset.iid_field].tolist()):
        if number:
            found[str(names[number])] = {field: _text(dataset, field, column[row]) for field, column in columns.items()}
    return found


def _text(dataset: Any, field: str, value: Any) -> Any:
    """A feature's value as people read it."""
    tokens = dataset.field2id_token.get(field)
    if tokens is None:
        return f"{value:g}" if isinstance(value, float) else str(value)
    if isinstance(value, list):
        return [str(tokens[number]) for number in value if number]
    return str(tokens[value]) if value else None
