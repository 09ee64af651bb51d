"""MovieLens-100K as the libraries want it."""

import os
import pathlib

import numpy as np
import pandas as pd


def folder():
    """Where ml-100k is; SystemExit says how to name it."""
    place = pathlib.Path(os.environ.get("RECSAE_DATA_DIR", "../shared/data")) / "ml-100k"
    if not (place / "u.data").exists():
        raise SystemExit(f"check-hosts: {place} has no u.data: set RECSAE_DATA_DIR to the folder of ml-100k")
    return place


def ratings():
    """user_id, item_id, rating, timestamp; a user's oldest first."""
    table = pd.read_csv(folder() / "u.data", sep="\t", names=["user_id", "item_id", "rating", "timestamp"])
    return table.sort_values(["user_id", "timestamp"], kind="stable").reset_index(drop=True)


def titles():
    """id, title, genre (a list) of each film."""
    genres = [line.split("|")[0] for line in (folder() / "u.genre").read_text().split("\n") if "|" in line]
    rows = [line.split("|") for line in (folder() / "u.item").read_text(encoding="latin-1").split("\n") if line]
    return pd.DataFrame({"id": [row[0] for row in rows], "title": [row[1] for row in rows],
                         "genre": [[g for g, has in zip(genres, row[5:]) if has == "1"] for row in rows]})


def leave_one_out():
    """(train, dev, test): a user's last rating is a test row, the one before it a dev row."""
    table = ratings()
    last = table.groupby("user_id").cumcount(ascending=False)
    return table[last >= 2], table[last == 1], table[last == 0]


def matrices():
    """The same as (csr train, dev, test, user ids, item ids), of items and users that are trained on."""
    from scipy.sparse import csr_matrix

    parts = leave_one_out()
    users, items = np.unique(parts[0].user_id), np.unique(parts[0].item_id)

    def matrix(part):
        part = part[part.item_id.isin(items)]
        return csr_matrix((np.ones(len(part), dtype=np.float32),
                           (np.searchsorted(users, part.user_id), np.searchsorted(items, part.item_id))),
                          shape=(len(users), len(items)))

    return (*(matrix(part) for part in parts), users, items)


def write_atomic(target):
    """RecBole's files: target/ml-100k/ml-100k.inter and .item."""
    place = pathlib.Path(target) / "ml-100k"
    place.mkdir(parents=True, exist_ok=True)
    table = ratings()
    table.columns = ["user_id:token", "item_id:token", "rating:float", "timestamp:float"]
    table.to_csv(place / "ml-100k.inter", sep="\t", index=False)
    films = titles()
    films["genre"] = films.genre.map(" ".join)
    films.columns = ["item_id:token", "movie_title:token_seq", "class:token_seq"]
    films.to_csv(place / "ml-100k.item", sep="\t", index=False)
