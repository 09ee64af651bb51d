"""Recommenders of each library, trained for a short time on MovieLens-100K: what is hosted, and the library's own lists."""

import dataclasses
import logging
import pathlib
import types
from typing import Any, Callable, Sequence

import movielens
import numpy as np

import recsae

TOP = 100  # of the library's list that is compared


@dataclasses.dataclass
class Trained:
    """model: as recsae takes it over. own_lists(users): (the library's TOP item ids for each user id, best first; the
    histories that it read, item ids; and, where it leaves items out, those of each user). module, sites: of a
    PyTorch model, for hooks of the check's own."""

    model: recsae.Model
    own_lists: Callable[[Sequence[str]], tuple]
    module: Any = None
    sites: Sequence[str] = ()


def no_histories(users):
    return [[] for _ in users]


def recbole_model(build, kind, epochs=2, **settings):
    """RecBole, through its own quick start's steps."""
    import scipy.sparse
    import torch

    for name, value in (("bool8", np.bool_), ("float_", np.float64), ("complex_", np.complex128), ("unicode_", np.str_)):
        if not hasattr(np, name):  # NumPy 2 dropped them, RecBole 1.2.1 asks for them
            setattr(np, name, value)
    if not hasattr(scipy.sparse.dok_matrix, "_update"):  # nor has SciPy this any more
        scipy.sparse.dok_matrix._update = lambda self, values: self._dict.update(values)
    from recbole.config import Config
    from recbole.data import create_dataset, data_preparation
    from recbole.utils import get_model, get_trainer, init_seed
    from recbole.utils.case_study import full_sort_topk

    movielens.write_atomic(build)
    config = Config(model=kind, dataset="ml-100k", config_dict={
        "data_path": str(build), "load_col": {"inter": ["user_id", "item_id", "timestamp"], "item": [
            "item_id", "movie_title", "class"]}, "epochs": epochs, "use_gpu": False, "state": "ERROR",
        "show_progress": False, "checkpoint_dir": str(pathlib.Path(build) / "saved"), "seed": 1, "embedding_size": 64,
        "eval_args": {"split": {"LS": "valid_and_test"}, "order": "TO", "group_by": "user", "mode": "full"}, **settings})
    init_seed(1, True)
    dataset = create_dataset(config)
    train_data, valid_data, test_data = data_preparation(config, dataset)
    model = get_model(kind)(config, train_data._dataset).to("cpu")
    get_trainer(config["MODEL_TYPE"], kind)(config, model).fit(train_data, valid_data, saved=False, show_progress=False)

    def own_lists(users):
        data = test_data._dataset
        numbers = data.token2id(data.uid_field, list(users))
        model.eval()
        _, found = full_sort_topk(numbers, model, test_data, k=TOP, device=torch.device("cpu"))
        lists = [list(row) for row in data.id2token(data.iid_field, found)]
        if data.iid_field + "_list" not in data.inter_feat:
            past = [data.id2token(data.iid_field, test_data.uid2history_item[number]) for number in numbers]
            return lists, no_histories(users), [[str(item) for item in row] for row in past]
        rows = dict(zip(data.inter_feat[data.uid_field].tolist(), data.inter_feat["item_id_list"].tolist()))
        return lists, [[str(data.id2token(data.iid_field, item)) for item in rows[number] if item] for number in numbers]

    sites = {"SASRec": ["trm_encoder.layer.0", "trm_encoder.layer.1"], "GRU4Rec": ["gru_layers"]}.get(kind, [])
    options = {"sites": sites} if sites else {}
    return Trained(recsae.adapters.recbole(model, train_data, valid_data, test_data, **options), own_lists, model, sites)


def rectools_sasrec(build):
    import pandas as pd
    import pytorch_lightning
    from rectools import Columns
    from rectools.dataset import Dataset
    from rectools.models import SASRecModel

    pytorch_lightning.seed_everything(1, verbose=False)
    frames = [part.rename(columns={"timestamp": "datetime", "rating": "weight"}) for part in movielens.leave_one_out()]
    for frame in frames:
        frame["datetime"] = pd.to_datetime(frame["datetime"], unit="s")
    dataset = Dataset.construct(frames[0])
    model = SASRecModel(n_factors=64, n_blocks=2, n_heads=1, session_max_len=50, epochs=2, deterministic=True)
    model.fit(dataset)

    def own_lists(users):
        found = model.recommend(np.array(users, dtype=int), dataset, k=TOP, filter_viewed=False)
        lists = found.sort_values("rank").groupby(Columns.User)[Columns.Item].agg(list)
        past = frames[0].groupby("user_id")["item_id"].agg(list)
        return ([[str(item) for item in lists[int(user)]] for user in users],
                [[str(item) for item in past[int(user)][-50:]] for user in users])

    sites = ["transformer_layers.transformer_blocks.0", "transformer_layers.transformer_blocks.1"]
    return Trained(recsae.adapters.rectools(model, dataset, dev=frames[1], test=frames[2], sites=sites), own_lists,
                   model.torch_model, sites)


def implicit_model(build, kind):
    import implicit

    train, dev, test, users, items = movielens.matrices()
    model = getattr(implicit, kind[0]).__dict__[kind[1]](factors=63, random_state=1)
    model.fit(train, show_progress=False)

    def own_lists(names):
        rows = np.searchsorted(users, np.array(names, dtype=int))
        found, _ = model.recommend(rows, train[rows], N=TOP, filter_already_liked_items=False)
        return [[str(items[item]) for item in row] for row in found], no_histories(names)

    return Trained(recsae.adapters.implicit(model, train, user_ids=users, item_ids=items, dev=dev, test=test), own_lists)


def lightfm_model(build):
    from lightfm import LightFM
    from lightfm.data import Dataset

    parts = movielens.leave_one_out()
    dataset = Dataset()
    dataset.fit(parts[0].user_id.unique(), parts[0].item_id.unique())
    known = parts[0].item_id.unique()
    train, dev, test = (dataset.build_interactions(part[part.item_id.isin(known)][["user_id", "item_id"]].itertuples(
        index=False))[0] for part in parts)
    model = LightFM(no_components=64, loss="warp", random_state=1)
    model.fit(train, epochs=3)
    users, _, items, _ = dataset.mapping()
    names = np.array(list(items))

    def own_lists(wanted):
        scores = [model.predict(users[int(user)], np.arange(len(items))) for user in wanted]
        return [[str(name) for name in names[np.argsort(-row, kind="stable")[:TOP]]] for row in scores], no_histories(wanted)

    return Trained(recsae.adapters.lightfm(model, dataset, train, dev=dev, test=test), own_lists)


def cornac_model(build, kind):
    import cornac

    parts = [[(str(u), str(i), float(r), int(t)) for u, i, r, t in part.itertuples(index=False)]
             for part in movielens.leave_one_out()]
    method = cornac.eval_methods.BaseMethod.from_splits(train_data=parts[0], val_data=parts[1], test_data=parts[2],
                                                        fmt="UIRT", exclude_unknowns=True, seed=1)
    model = getattr(cornac.models, kind)(k=64, seed=1)
    model.fit(method.train_set)

    def own_lists(users):
        names = list(model.iid_map)
        return [[names[item] for item in model.rank(model.uid_map[user])[0][:TOP]] for user in users], no_histories(users)

    return Trained(recsae.adapters.cornac(model, dev=method.val_set, test=method.test_set), own_lists)


def plain_torch(build):
    import plain_sasrec

    module, train, users, items = plain_sasrec.trained(*movielens.matrices()[3:], movielens.leave_one_out())
    sites = ["encoder.layers.0", "encoder.layers.1"]
    model = recsae.TorchModel(
        module, item_ids=items, history_length=50, sites=sites, user_ids=users, interactions=recsae.leave_one_out(train),
        score=lambda history, lengths: module(history, lengths) @ module.items.weight[1:].T)

    def own_lists(names):
        past = [train[list(users).index(int(name))][-51:-1] for name in names]
        return ([[str(items[item]) for item in row[:TOP]] for row in plain_sasrec.rank(module, past)],
                [[str(items[item]) for item in row] for row in past])

    return Trained(model, own_lists, module, sites)


# Users with many ratings are left out: this is about the adapters, not about quality.
SEQUENTIAL = {"user_inter_num_interval": "[0,100]", "MAX_ITEM_LIST_LENGTH": 20, "inner_size": 64, "n_heads": 1, "loss_type": "CE", "train_neg_sample_args": None, "train_batch_size": 2048}

LIBRARIES = {
    "implicit-als": lambda build: implicit_model(build, ("als", "AlternatingLeastSquares")),
    "implicit-bpr": lambda build: implicit_model(build, ("bpr", "BayesianPersonalizedRanking")),
    "lightfm": lightfm_model,
    "cornac-mf": lambda build: cornac_model(build, "MF"),
    "cornac-bpr": lambda build: cornac_model(build, "BPR"),
    "torch": plain_torch,
    "rectools-sasrec": rectools_sasrec,
    "recbole-sasrec": lambda build: recbole_model(build, "SASRec", 1, **SEQUENTIAL),
    "recbole-gru4rec": lambda build: recbole_model(build, "GRU4Rec", 1, **SEQUENTIAL),
    "recbole-bpr": lambda build: recbole_model(build, "BPR"),
    "recbole-lightgcn": lambda build: recbole_model(build, "LightGCN", 2),
}


def train(name, build):
    """One of LIBRARIES, quietly."""
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    return LIBRARIES[name](pathlib.Path(build))
