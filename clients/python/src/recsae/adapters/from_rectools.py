"""RecTools 0.19: transformers (SASRec, BERT4Rec), which pad their histories on the left."""

import importlib
from typing import Any, Dict, List, Optional, Sequence

import numpy as np
import torch

from recsae.adapters.checking import check_scores
from recsae.hosting.interactions import from_pairs
from recsae.hosting.model import Model, UserInteractions
from recsae.torch_model import TorchModel


def rectools(model: Any, dataset: Any, *, dev: Any = None, test: Any = None, sites: Sequence[str] = ()) -> Model:
    """A fitted transformer of RecTools.

    dataset: the rectools Dataset that it was fitted on. dev, test: held-out interactions, DataFrames with RecTools'
        columns (user_id, item_id and, for the order, datetime) and external ids. Where the model was fitted with
        get_val_mask_func, its validation rows are `dev` by themselves.
    sites: submodules of model.torch_model, for example "transformer_layers.transformer_blocks.0".
    """
    if not hasattr(model, "data_preparator"):
        raise ValueError(f"{type(model).__name__}: of RecTools, transformers are known here (SASRecModel, BERT4RecModel); "
                         "others have vectors that fit recsae.FactorModel")
    prepared, backbone = model.data_preparator, model.torch_model
    if getattr(prepared, "add_unix_ts", False) or prepared.extra_cols:
        raise ValueError(f"{type(model).__name__} reads times or other columns besides items, which a host is not given")
    extra = prepared.n_item_extra_tokens
    mask = {str(name): number for name, number in prepared.extra_token_ids.items()}.get("MASK")
    if mask is not None and sites:
        raise ValueError(f"{type(model).__name__} computes at a mask token behind the history: its inner rows are one place "
                         "further on than its items; without sites=, the vector before scoring can be hosted")
    cosine = str(getattr(backbone.similarity_module, "distance", "dot")).lower().endswith("cosine")

    def vectors() -> torch.Tensor:
        every: torch.Tensor = backbone.item_model.get_all_embeddings()
        return every

    def sessions(history: torch.Tensor) -> torch.Tensor:
        if mask is not None:
            history = torch.cat([history, torch.full_like(history[:, :1], int(mask))], dim=1)
        rows: torch.Tensor = backbone.encode_sessions({"x": history}, vectors())
        return rows[:, -1]

    def encode(history: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.normalize(sessions(history), dim=-1, eps=1e-8) if cosine else sessions(history)

    def score(history: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = backbone.similarity_module(sessions(history)[:, None], vectors())
        return logits[:, 0, extra:]

    backbone.eval()
    with torch.no_grad():
        items = vectors()[extra:]
        items = torch.nn.functional.normalize(items, dim=-1, eps=1e-8) if cosine else items
    hosted = TorchModel(
        backbone, encode, score=score, item_vectors=items, item_ids=prepared.get_known_item_ids().tolist(),
        item_tokens=range(extra, extra + len(items)), history_length=prepared.session_max_len - (mask is not None),
        padding="left", sites=sites, user_ids=dataset.user_id_map.external_ids.tolist(),
        interactions=_interactions(prepared, dataset, dev, test),
        display_name=f"RecTools {importlib.import_module('rectools').__version__} {type(model).__name__}",
        default_name=f"rectools-{type(model).__name__}")
    check_scores(hosted, "its similarity module is of another kind; wrap model.torch_model in recsae.TorchModel")
    return hosted


def _interactions(prepared: Any, dataset: Any, dev: Any, test: Any) -> List[UserInteractions]:
    """By number of the host's items and users; items that the model does not know are left out."""
    users = {name: number for number, name in enumerate(dataset.user_id_map.external_ids.tolist())}
    items = {name: number for number, name in enumerate(prepared.get_known_item_ids().tolist())}
    train = dataset.get_raw_interactions()
    if prepared.get_val_mask_func is not None and dev is None:
        held: "np.ndarray[Any, Any]" = np.asarray(prepared.get_val_mask_func(train, **(prepared.get_val_mask_func_kwargs or {})))
        train, dev = train[~held], train[held]
    return from_pairs(len(users), *(_pairs(frame, users, items) for frame in (train, dev, test)))


def _pairs(frame: Optional[Any], users: Dict[Any, int], items: Dict[Any, int]) -> Any:
    if frame is None:
        return
    if "datetime" in frame.columns:
        frame = frame.sort_values("datetime", kind="stable")
    for user, item in zip(frame["user_id"].tolist(), frame["item_id"].tolist()):
        if user in users and item in items:
            yield users[user], items[item]
