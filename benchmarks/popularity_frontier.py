#!/usr/bin/env python3
"""What less popular recommendations cost: Steer's rule beside two others.

Against a running server with a recommender that it trained, an SAE of it with concepts, and captures
with cases of training users (to choose directions) and of test rows (to measure):

  PYTHONPATH=build/release/python python3 benchmarks/popularity_frontier.py \
      --server 127.0.0.1:7400 --sae movies --test recommenders/movies/captures/test \
      --train recommenders/movies/captures/context

* steer: SteerRequest.popularity.steps, by the service.
* popsteer: the rule of PopSteer (arXiv 2508.17297), as we read it: latents by Cohen's d between
  histories of popular and of unpopular items; each latent moved by -sign(d) * strength * |d| / max|d| *
  its standard deviation, not below 0. What the SAE does not explain is kept, which is kinder to it than
  the reconstruction. Of the 8, 32 or all latents with the largest |d|, whichever is best at each point.
* dense: the difference of the mean activations between the same two groups of histories.

Histories: 400 made up of 20 items of the head or tail each, where the recommender reads histories; else
the tenths of the training rows whose histories are the most and the least popular.

For each rival's point, our NDCG@10 at the same coverage, Gini index or share of the long tail
(interpolated between steps), less the rival's, with a 95 % interval by 1,000 bootstraps over rows. Then
"own": how near the first ten come to the popularity of the user's history. Prints one JSON document.
"""

import argparse
import json
import sys

import grpc
import numpy as np
from google.protobuf import field_mask_pb2

from recsae.concept_store.v1 import concept_store_pb2 as cs
from recsae.concept_store.v1 import concept_store_pb2_grpc
from recsae.explainer.v1 import explainer_pb2 as ex
from recsae.explainer.v1 import explainer_pb2_grpc
from recsae.probe.v1 import probe_pb2 as pb
from recsae.probe.v1 import probe_pb2_grpc
from recsae.tensor.v1 import tensor_pb2

STEPS = [0, .2, .4, .6, .8, 1, 1.3, 1.6, 2, 2.5, 3, 3.5, 4]
POPSTEER = [.1, .25, .5, .75, 1, 1.5, 2]
DENSE = [.1, .2, .3, .4, .6, .8, 1.2]


def matrix(tensor, columns=None):
    values = np.frombuffer(tensor.data, dtype=np.float32)
    return values.reshape(-1, columns) if columns else values


def tensor_of(rows):
    rows = np.ascontiguousarray(rows, dtype=np.float32)
    return tensor_pb2.Tensor(data_type=tensor_pb2.DATA_TYPE_FLOAT32, shape=rows.shape, data=rows.tobytes())


class World:
    def __init__(self, channel, sae, test, train):
        self.probe = probe_pb2_grpc.ProbeStub(channel)
        self.store = concept_store_pb2_grpc.ConceptStoreStub(channel)
        self.explainer = explainer_pb2_grpc.ExplainerStub(channel)
        self.sae = self.store.GetSae(cs.GetSaeRequest(name=sae))
        self.name = test.rsplit("/captures/", 1)[0]
        self.dim = self.sae.activation_dim
        self.read_head()
        self.test = self.read(test)
        self.train = self.read(train)

    def read_head(self):
        ids, vectors, biases, counts = [], [], [], []
        for part in self.probe.ReadPredictionHead(pb.ReadPredictionHeadRequest(recommender=self.name)):
            ids += part.item_ids
            vectors.append(matrix(part.vectors, self.dim))
            counts += part.training_counts
            if part.HasField("biases"):
                biases.append(matrix(part.biases))
        if len(counts) != len(ids):
            sys.exit(f"the training interactions of {self.name} are not known")
        self.ids, self.number = ids, {item: i for i, item in enumerate(ids)}
        self.vectors = np.concatenate(vectors).astype(np.float64)
        self.biases = np.concatenate(biases).astype(np.float64) if biases else np.zeros(len(ids))
        counts = np.array(counts, dtype=np.float64)
        self.logs = np.log1p(counts)
        self.information = -np.log2((counts + 1) / (counts.sum() + len(counts)))
        order = np.argsort(-counts, kind="stable")
        before = np.concatenate([[0], np.cumsum(counts[order])[:-1]])
        self.tail = np.ones(len(ids), dtype=bool)
        self.tail[order[before < .8 * counts.sum()]] = False

    def read(self, capture):
        rows, cases = [], []
        request = pb.ReadActivationsRequest(
            capture=capture, read_mask=field_mask_pb2.FieldMask(paths=["activations", "cases"]))
        for part in self.probe.ReadActivations(request):
            rows.append(matrix(part.activations, self.dim))
            cases += part.cases
        rows = np.concatenate(rows).astype(np.float64)
        known = lambda names: np.array([self.number[i] for i in names if i in self.number], dtype=int)
        return {"x": rows, "cases": cases,
                "history": [known(c.history_item_ids) for c in cases],
                "target": np.array([self.number.get(c.target_item_id, -1) for c in cases]),
                "masked": [known(list(c.history_item_ids) + list(c.excluded_item_ids)) for c in cases]}


    def encode(self, rows):
        """Codes by the service, which knows every architecture."""
        codes = np.zeros((len(rows), self.sae.latent_count))
        for first in range(0, len(rows), 200):
            part = rows[first:first + 200]
            subject = ex.Subject(activations=tensor_of(part))
            answer = self.explainer.Explain(ex.ExplainRequest(sae=self.sae.name, subject=subject, top_item_count=1))
            for row, explanation in enumerate(answer.explanations):
                for latent in explanation.latents:
                    codes[first + row, latent.latent] = latent.activation
        return codes

    def directions(self):
        """Decoder rows, one by one from what setting a latent to 1 changes."""
        rows = np.zeros((self.sae.latent_count, self.dim))
        x = self.test["x"][:1].astype(np.float32)
        code = self.encode(x)[0]
        for latent in range(self.sae.latent_count):
            edit = ex.Edit(latent=latent, set=code[latent] + 1)
            answer = self.explainer.Steer(ex.SteerRequest(
                sae=self.sae.name, subject=ex.Subject(activations=tensor_of(x)), edits=[edit], top_item_count=1))
            rows[latent] = matrix(answer.activation) - x[0]
        return rows

    def profiles(self):
        """Activations of histories of popular and of unpopular items, and how they were had."""
        draw = np.random.default_rng(0)
        head, tail = np.flatnonzero(~self.tail), np.flatnonzero(self.tail)
        made = []
        try:
            for items in (head, tail):
                queries = [pb.ComputeActivationsRequest.Query(
                    history_item_ids=[self.ids[i] for i in draw.choice(items, 20, replace=False)]) for _ in range(400)]
                answer = self.probe.ComputeActivations(
                    pb.ComputeActivationsRequest(recommender=self.name, queries=queries))
                made.append(matrix(answer.activations, self.dim).astype(np.float64))
            return made[0], made[1], "made up"
        except grpc.RpcError as error:
            if error.code() not in (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT):
                raise
        means = np.array([self.logs[h].mean() if len(h) else np.nan for h in self.train["history"]])
        rows = np.flatnonzero(~np.isnan(means))
        low, high = np.quantile(means[rows], [.1, .9])
        return (self.train["x"][rows[means[rows] >= high]], self.train["x"][rows[means[rows] <= low]], "observed tenths")

    def lists(self, x):
        """Gain of the held-out item and first ten items of each test row."""
        scores = x @ self.vectors.T + self.biases
        target = self.test["target"]
        rows = np.arange(len(x))
        own = scores[rows, target].copy()
        for row, masked in enumerate(self.test["masked"]):
            scores[row, masked] = -np.inf
        scores[rows, target] = own
        rank = (scores >= own[:, None]).sum(axis=1)
        return np.where(rank <= 10, 1 / np.log2(1 + rank), 0), np.argpartition(-scores, 9, axis=1)[:, :10]

    def measure(self, x):
        gain, first = self.lists(x)
        exposure = np.sort(np.bincount(first.ravel(), minlength=len(self.ids)))
        places = np.arange(1, len(exposure) + 1)
        return {"gain": gain, "ndcg": gain.mean(), "coverage": (exposure > 0).mean(),
                "gini": ((2 * places - len(exposure) - 1) * exposure).sum() / (len(exposure) * exposure.sum()),
                "tail": self.tail[first].mean(), "novelty": self.information[first].mean()}

    def steer(self, x, steps):
        return matrix(self.explainer.Steer(ex.SteerRequest(
            sae=self.sae.name, subject=ex.Subject(activations=tensor_of(x[None])), top_item_count=1,
            popularity=ex.PopularityChange(steps=-steps))).activation)

    def steered(self, steps):
        """All test rows, by what the service makes of the first; held to it on some of the others."""
        x = self.test["x"]
        if steps == 0:
            return x
        baseline = self.store.GetBaseline(cs.GetBaselineRequest(parent=self.sae.name))
        scale = np.linalg.norm(x - matrix(baseline.activation), axis=1, keepdims=True)
        rows = x + scale / scale[0] * (self.steer(x[0], steps) - x[0])
        for row in range(1, len(x), max(1, len(x) // 20)):
            np.testing.assert_allclose(rows[row], self.steer(x[row], steps), rtol=1e-3, atol=1e-3)
        return rows


def popsteer(world, popular, unpopular):
    codes, directions = world.encode(world.test["x"]), world.directions()
    train = world.train["x"]
    if len(train) > 3_000:
        train = train[np.random.default_rng(1).choice(len(train), 3_000, replace=False)]
    deviation = world.encode(train).std(axis=0)
    above, below = world.encode(popular), world.encode(unpopular)
    spread = np.sqrt((above.var(axis=0) + below.var(axis=0)) / 2)
    effect = np.divide(above.mean(axis=0) - below.mean(axis=0), spread, out=np.zeros_like(spread), where=spread > 0)
    weight = np.abs(effect) / np.abs(effect).max()
    rank = np.argsort(np.argsort(-np.abs(effect)))
    points = []
    for most in (8, 32, len(effect)):
        chosen = np.where(rank < most, weight, 0)
        for strength in POPSTEER:
            moved = np.maximum(0, codes - np.sign(effect) * strength * chosen * deviation)
            points.append({"latents": most, "strength": strength,
                           **world.measure(world.test["x"] + (moved - codes) @ directions)})
    return points


def beside(ours, rival, field, draw):
    """Our NDCG at the rival's value of a field, less the rival's, with an interval; None where we never get there."""
    values = [p[field] for p in ours]
    sign = -1 if field == "gini" else 1
    for a, b in zip(range(len(ours) - 1), range(1, len(ours))):
        if sign * values[a] <= sign * rival[field] <= sign * values[b]:
            share = (rival[field] - values[a]) / (values[b] - values[a]) if values[b] != values[a] else 0
            gain = (1 - share) * ours[a]["gain"] + share * ours[b]["gain"] - rival["gain"]
            means = gain[draw].mean(axis=1)
            return {"difference": gain.mean(), "low": np.quantile(means, .025), "high": np.quantile(means, .975)}
    return None


def own_taste(world):
    found = {"gap_before": [], "gap_after": [], "steps": []}
    rows = world.test["x"].copy()
    for row, case in enumerate(world.test["cases"]):
        subject = ex.Subject(captured_user=ex.Subject.CapturedUser(capture=world.capture, user_id=case.user_id))
        answer = world.explainer.Steer(ex.SteerRequest(
            sae=world.sae.name, subject=subject, top_item_count=1, ignore_controls=True,
            popularity=ex.PopularityChange(own=True)))
        effect = answer.popularity
        if not effect.HasField("novelty_own"):
            continue
        found["gap_before"].append(abs(effect.novelty_before - effect.novelty_own))
        found["gap_after"].append(abs(effect.novelty_after - effect.novelty_own))
        found["steps"].append(effect.steps)
        scale = matrix(answer.activation)
        rows[row] = scale if world.last_row[case.user_id] == row else rows[row]
    used = np.array(sorted(world.last_row.values()))
    before, after = world.measure(world.test["x"]), world.measure(rows)
    return {"users": len(found["steps"]),
            "gap_before_bits": np.mean(found["gap_before"]), "gap_after_bits": np.mean(found["gap_after"]),
            "mean_steps": np.mean(found["steps"]), "less_popular_share": np.mean(np.array(found["steps"]) < 0),
            "ndcg_before": before["gain"][used].mean(), "ndcg_after": after["gain"][used].mean(),
            "coverage_after": after["coverage"], "gini_after": after["gini"]}


def shown(point):
    return {k: round(float(v), 4) for k, v in point.items() if k != "gain"}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", default="127.0.0.1:7400")
    parser.add_argument("--sae", required=True)
    parser.add_argument("--test", required=True, help="capture with cases that is measured")
    parser.add_argument("--train", required=True, help="capture with cases of training rows")
    flags = parser.parse_args()
    channel = grpc.insecure_channel(flags.server, options=[("grpc.max_receive_message_length", 1 << 26)])
    sae = flags.sae if flags.sae.startswith("saes/") else f"saes/{flags.sae}"
    world = World(channel, sae, flags.test, flags.train)
    world.capture = flags.test
    world.last_row = {case.user_id: row for row, case in enumerate(world.test["cases"])}

    ours = [{"steps": steps, **world.measure(world.steered(steps))} for steps in STEPS]
    popular, unpopular, how = world.profiles()
    direction = popular.mean(axis=0) - unpopular.mean(axis=0)
    rivals = {"popsteer": popsteer(world, popular, unpopular),
              "dense": [{"strength": s, **world.measure(world.test["x"] - s * direction)} for s in DENSE]}
    draw = np.random.default_rng(7).integers(0, len(world.test["x"]), (1000, len(world.test["x"])))
    document = {"sae": sae, "rows": len(world.test["x"]), "head_items": int((~world.tail).sum()), "profiles": how,
                "steer": [shown(p) for p in ours], "rivals": {}, "beside": {}}
    for name, points in rivals.items():
        document["rivals"][name] = [shown(p) for p in points]
        document["beside"][name] = {}
        for field in ("coverage", "gini", "tail"):
            found = [beside(ours, p, field, draw) for p in points]
            known = [f for f in found if f is not None]
            document["beside"][name][field] = {
                "points": len(known), "beyond_ours": len(found) - len(known),
                "ours_above": int(sum(f["difference"] >= 0 for f in known)),
                "surely_above": int(sum(f["low"] > 0 for f in known)),
                "surely_below": int(sum(f["high"] < 0 for f in known)),
                "worst": round(min((f["difference"] for f in known), default=0), 4),
                "best": round(max((f["difference"] for f in known), default=0), 4)}
    document["own"] = {k: round(float(v), 4) for k, v in own_taste(world).items()}
    json.dump(document, sys.stdout, indent=1, default=float)
    print()


if __name__ == "__main__":
    main()
