"""ReChorus: models of its framework (BPRMF, LightGCN, SASRec, GRU4Rec, …), whose ids are numbers from 1."""

from typing import Any, Dict, List, Optional, Sequence

import numpy as np
import torch

from recsae.adapters.checking import check_scores
from recsae.hosting.interactions import from_pairs
from recsae.hosting.model import Model, UserInteractions
from recsae.torch_model import TorchModel


def rechorus(model: Any, corpus: Any, *, sites: Sequence[str] = (), item_vectors: Any = None) -> Model:
    """A trained ReChorus model.

    corpus: the reader that it was made with. sites: submodules of the model, each called once in a forward pass.
    item_vectors: [items, d] without the padding item, where they are not model.i_embeddings.
    The user's vector is what forward gives as "u_v"; or `encoder(history, lengths)` or `u_embeddings`, where the model
    has these.
    """
    sequential = hasattr(model, "history_max")
    items = np.arange(1, corpus.n_items)
    device = next(model.parameters()).device
    if item_vectors is None:
        item_vectors = getattr(getattr(model, "i_embeddings", None), "weight", None)
        if item_vectors is None:
            raise ValueError(f"{type(model).__name__} has no i_embeddings: give item_vectors=, [items, d]")
        item_vectors = item_vectors[1:]

    def feed(history: torch.Tensor, lengths: torch.Tensor, users: torch.Tensor, wanted: Any) -> Dict[str, Any]:
        """What forward is given, with histories cut to the longest, as ReChorus pads them."""
        numbers = torch.as_tensor(wanted, device=device).expand(len(users), -1)
        batch: Dict[str, Any] = {"user_id": users, "item_id": numbers, "batch_size": len(users), "phase": "test"}
        if sequential:
            batch.update(history_items=history, lengths=lengths, history_times=torch.zeros_like(history))
        return batch

    def encode(history: torch.Tensor, lengths: torch.Tensor, users: torch.Tensor) -> torch.Tensor:
        output = model(feed(history, lengths, users, items[:1]))
        if "u_v" in output:
            vector: torch.Tensor = output["u_v"]
            return vector[:, 0] if vector.dim() == 3 else vector
        if sequential and hasattr(model, "encoder"):
            return model.encoder(history, lengths)  # type: ignore[no-any-return]
        if not sequential and hasattr(model, "u_embeddings"):
            return model.u_embeddings(users)  # type: ignore[no-any-return]
        raise ValueError(f"{type(model).__name__}: forward gives no \"u_v\", the user's vector: add it, or wrap the model in "
                         "recsae.TorchModel with encode=")

    def score(history: torch.Tensor, lengths: torch.Tensor, users: torch.Tensor) -> torch.Tensor:
        prediction: torch.Tensor = model(feed(history, lengths, users, items))["prediction"]
        return prediction.view(len(users), -1)

    hosted = TorchModel(model, encode, score=score, item_vectors=item_vectors, item_ids=items.tolist(),
                        history_length=model.history_max if sequential else 0, padding="right", sites=sites,
                        user_ids=list(range(1, corpus.n_users)), interactions=_interactions(corpus),
                        catalog=_catalog(corpus), display_name=f"ReChorus {type(model).__name__}",
                        default_name=f"rechorus-{type(model).__name__}")
    check_scores(hosted, "wrap the model in recsae.TorchModel with encode=")
    return hosted


def _interactions(corpus: Any) -> List[UserInteractions]:
    """ReChorus' own split: train, dev and test tables, each in the order of time."""
    return from_pairs(corpus.n_users - 1, *(
        [(user - 1, item - 1) for user, item in zip(corpus.data_df[part]["user_id"].tolist(),
                                                    corpus.data_df[part]["item_id"].tolist())]
        for part in ("train", "dev", "test")))


def _catalog(corpus: Any) -> Optional[Any]:
    """The table of item features, where the reader has read one."""
    return getattr(corpus, "item_meta_df", None)
