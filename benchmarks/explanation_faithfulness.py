#!/usr/bin/env python3
"""Are the history items that Explain names those that the recommendation depends on?

  python3 benchmarks/explanation_faithfulness.py --server 127.0.0.1:7400 --sae movies --users 200

The protocol of LXR and SPINRec (arXiv 2511.18047), on the recommender itself: the items of a history (the newest 20) are
taken away, or given, in the order of an explanation of the item recommended first, and the recommender is run again.

  POS@5  share of the steps after which the item is still among the first 5; most important taken first (lower is better)
  NEG@5  the same with the least important taken first (higher)
  DEL    mean score of the item as the most important are taken, in units of its distance to the mean over items (lower)
  INS    the same as they are given, from nothing but the least important one (higher)
  CDCG   mean of 1 / log2(1 + rank) as the most important are taken (lower)

Of recommenders that read no history (BPRMF) --fold-in trains the user's vector anew for each set of items.

One to --steps items. Explainers: `recsae` (Explain), random order, cosine of item vectors, Jaccard of the users of two items,
leave-one-out by similarity (what the mean of the other items' vectors loses), LIME (a weighted linear fit to random
subsets) and SHAP (Shapley values by permutations), the last two with the --runs that they may make. Mean over users with the
95 % interval of the difference from `recsae`, by users.
"""

import argparse
import pathlib
import sys

import grpc
import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "build/release/python"))

from recsae.explainer.v1 import explainer_pb2 as ex, explainer_pb2_grpc  # noqa: E402
from recsae.concept_store.v1 import concept_store_pb2 as cs, concept_store_pb2_grpc  # noqa: E402
from recsae.probe.v1 import probe_pb2 as pb, probe_pb2_grpc  # noqa: E402

HISTORY = 20
BATCH = 500


def array(message):
    return np.frombuffer(message.data, dtype="<f4").reshape(list(message.shape))


class World:
    def __init__(self, server, sae):
        channel = grpc.insecure_channel(server, options=[("grpc.max_receive_message_length", -1)])
        self.explainer = explainer_pb2_grpc.ExplainerStub(channel)
        self.probe = probe_pb2_grpc.ProbeStub(channel)
        self.sae = f"saes/{sae}"
        self.store = concept_store_pb2_grpc.ConceptStoreStub(channel)
        capture = self.store.GetSae(cs.GetSaeRequest(name=self.sae)).capture
        self.recommender = capture.split("/captures/")[0]
        ids, vectors, biases = [], [], []
        for part in self.probe.ReadPredictionHead(
                pb.ReadPredictionHeadRequest(recommender=self.recommender)):
            ids += part.item_ids
            vectors.append(array(part.vectors))
            biases.append(array(part.biases) if part.HasField("biases") else np.zeros(len(part.item_ids)))
        self.ids, self.vectors, self.biases = ids, np.concatenate(vectors), np.concatenate(biases)
        self.place = {item: place for place, item in enumerate(ids)}

    def run(self, histories):
        """Scores of all items for each history, a list of places."""
        scores = []
        for first in range(0, len(histories), BATCH):
            response = self.probe.ComputeActivations(pb.ComputeActivationsRequest(
                recommender=self.recommender,
                queries=[pb.ComputeActivationsRequest.Query(history_item_ids=[self.ids[i] for i in h])
                         for h in histories[first:first + BATCH]]))
            scores.append(array(response.activations) @ self.vectors.T + self.biases)
        return np.concatenate(scores)

    def histories(self, capture):
        """Of each user, that of the last row: places, oldest first."""
        histories = {}
        for part in self.probe.ReadActivations(pb.ReadActivationsRequest(
                capture=capture, read_mask={"paths": ["cases"]})):
            for case in part.cases:
                histories[case.user_id] = case.history_item_ids
        return {user: [self.place[i] for i in history if i in self.place]
                for user, history in histories.items()}

    def users(self, count, rng):
        """Histories of users of the test capture; who saw which item is of all captures with cases."""
        captures = self.probe.ListCaptures(pb.ListCapturesRequest(parent=self.recommender)).captures
        self.seen_by = {place: set() for place in range(len(self.ids))}
        for capture in captures:
            if not capture.has_cases:
                continue
            histories = self.histories(capture.name)
            for user, history in histories.items():
                for item in history:
                    self.seen_by[item].add(user)
            if capture.name.endswith("/test"):
                test = histories
        histories = test
        known = sorted(u for u, h in histories.items() if len(set(h)) >= HISTORY)
        return {u: list(dict.fromkeys(histories[u][::-1]))[:HISTORY][::-1]
                for u in rng.permutation(known)[:count]}


class FoldedWorld(World):
    """For recommenders that know users (BPRMF): a user's vector is trained anew on some of the items, by BPR with the
    vectors of items as they are. Prints how well such vectors score as the recommender's own do."""

    DECAY, NEGATIVES, ROUNDS = 1.0, 200, 150

    def users(self, count, rng):
        self.negatives = rng.permutation(len(self.ids))[:self.NEGATIVES]
        self.seen_by = {place: set() for place in range(len(self.ids))}
        captures = self.probe.ListCaptures(pb.ListCapturesRequest(parent=self.recommender)).captures
        names = sorted({user for capture in captures if capture.has_cases for user in self.histories(capture.name)})
        chosen, alike = {}, []
        for first in range(0, len(names), 100):
            batch = names[first:first + 100]
            response = self.probe.ComputeActivations(pb.ComputeActivationsRequest(
                recommender=self.recommender, with_past=True,
                queries=[pb.ComputeActivationsRequest.Query(user_id=user) for user in batch]))
            for user, past, x in zip(batch, response.pasts, array(response.activations)):
                items = list(dict.fromkeys(self.place[i] for i in past.item_ids[:past.trained_count] if i in self.place))
                for item in items:
                    self.seen_by[item].add(user)
                if HISTORY <= len(items) <= 60:
                    chosen[user] = (items, x)
        users = {user: chosen[user][0] for user in rng.permutation(sorted(chosen))[:count]}
        self.user_of = {tuple(history): user for user, history in users.items()}
        for user, history in users.items():
            alike.append(np.corrcoef(self.run([history])[0], self.vectors @ chosen[user][1])[0, 1])
        print(f"vectors trained anew on all items score like the recommender's own: correlation {np.mean(alike):.2f}")
        return users

    def run(self, histories):
        items = sorted(set().union(*histories))
        kept = np.zeros((len(histories), len(items)))
        for row, history in enumerate(histories):
            kept[row, np.searchsorted(items, history)] = 1
        v, w = self.vectors[items].astype(float), self.vectors[self.negatives].astype(float)
        u, m, s = (np.zeros((len(histories), v.shape[1])) for _ in range(3))
        for step in range(1, self.ROUNDS + 1):
            wrong = kept[:, :, None] / (1 + np.exp((u @ v.T + self.biases[items])[:, :, None] -
                                                   (u @ w.T + self.biases[self.negatives])[:, None, :]))
            g = self.DECAY * u - wrong.mean(2) @ v + wrong.sum(1) @ w / len(w)
            m, s = .9 * m + .1 * g, .99 * s + .01 * g * g
            u -= (.1 if step < 100 else .02) * (m / (1 - .9 ** step)) / (np.sqrt(s / (1 - .99 ** step)) + 1e-8)
        return u @ self.vectors.T + self.biases


def of_masks(world, history, item, masks):
    """The item's score with the parts of the history that the masks keep; an empty one keeps nothing and scores as the mean."""
    kept = [[i for i, keep in zip(history, mask) if keep] for mask in masks]
    some = [k for k in kept if k]
    scores = iter(world.run(some)) if some else iter(())
    return np.array([next(scores)[item] if k else np.nan for k in kept])


def told(world, history):
    if isinstance(world, FoldedWorld):
        return ex.Subject.History(user_id=world.user_of[tuple(history)])
    return ex.Subject.History(item_ids=[world.ids[i] for i in history])


def by_recsae(world, history, item, rng, runs, stepwise=False):
    explanation = world.explainer.Explain(ex.ExplainRequest(
        sae=world.sae, top_item_count=1, item_ids=[world.ids[item]], reason_count=len(history),
        ignore_controls=True, stepwise_reasons=stepwise, subject=ex.Subject(history=told(world, history)))).explanations[0]
    weights = np.zeros(len(history))
    for reason in explanation.items[-1].reasons:
        place = history.index(world.place[explanation.reason_items[reason.reason_item].item_id])
        # Steps come first, in their order.
        weights[place] = reason.effect if reason.step == 0 else 1000 - reason.step
    return weights


def by_recsae_stepwise(world, history, item, rng, runs):
    return by_recsae(world, history, item, rng, runs, stepwise=True)


def by_chance(world, history, item, rng, runs):
    return rng.random(len(history))


def by_cosine(world, history, item, rng, runs):
    v = world.vectors
    return np.array([v[i] @ v[item] / (np.linalg.norm(v[i]) * np.linalg.norm(v[item]) + 1e-9) for i in history])


def by_jaccard(world, history, item, rng, runs):
    return np.array([len(world.seen_by[i] & world.seen_by[item]) / max(1, len(world.seen_by[i] | world.seen_by[item]))
                     for i in history])


def by_similarity_without(world, history, item, rng, runs):
    v = world.vectors[history]
    return np.array([v.mean(0) @ world.vectors[item] - np.delete(v, h, 0).mean(0) @ world.vectors[item]
                     for h in range(len(history))])


def by_lime(world, history, item, rng, runs):
    n = len(history)
    masks = np.ones((runs, n), bool)
    for mask in masks[1:]:
        mask[rng.permutation(n)[:rng.integers(1, n)]] = False
    scores = of_masks(world, history, item, masks)
    weight = np.exp(-((1 - np.sqrt(masks.mean(1))) ** 2) / 0.25 ** 2)
    x = np.hstack([np.ones((runs, 1)), masks])
    a = x.T @ (x * weight[:, None]) + 1e-3 * np.eye(n + 1)
    return np.linalg.solve(a, x.T @ (weight * scores))[1:]


def by_shap(world, history, item, rng, runs):
    n = len(history)
    orders = [rng.permutation(n) for _ in range(max(1, runs // n))]
    masks = []
    for order in orders:
        mask = np.ones(n, bool)
        masks.append(mask.copy())
        for h in order[:-1]:
            mask[h] = False
            masks.append(mask.copy())
    scores = of_masks(world, history, item, masks).reshape(len(orders), n)
    values = np.zeros(n)
    for order, score in zip(orders, scores):
        for step in range(n - 1):
            values[order[step]] += (score[step] - score[step + 1]) / len(orders)
    return values


EXPLAINERS = {"recsae": by_recsae, "recsae, stepwise": by_recsae_stepwise, "random": by_chance, "cosine": by_cosine, "jaccard": by_jaccard,
              "leave-one-out by similarity": by_similarity_without, "LIME": by_lime, "SHAP": by_shap}


def measure(world, history, item, weights, steps):
    order = list(np.argsort(-weights, kind="stable"))
    n = len(history)

    def without(gone):
        return [history[h] for h in range(n) if h not in gone]

    histories = [without(set(order[:k])) for k in range(1, steps + 1)]
    histories += [without(set(order[n - k:])) for k in range(1, steps + 1)]
    histories += [[history[h] for h in sorted(order[:k])] for k in range(1, steps + 1)]
    histories.append(history)
    scores = world.run(histories)
    scores[:, history] = -np.inf
    whole = scores[-1][item] - np.mean(scores[-1][np.isfinite(scores[-1])])
    ranks = 1 + (scores > scores[:, [item]]).sum(1)
    share = np.array([(s[item] - np.mean(s[np.isfinite(s)])) / whole for s in scores])
    taken, least, given = (slice(p * steps, (p + 1) * steps) for p in range(3))
    return [np.mean(ranks[taken] <= 5), np.mean(ranks[least] <= 5), share[taken].mean(), share[given].mean(),
            (1 / np.log2(1 + ranks[taken])).mean()]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", default="127.0.0.1:7400")
    parser.add_argument("--sae", required=True)
    parser.add_argument("--users", type=int, default=200)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--runs", type=int, default=400, help="of the recommender, for LIME and SHAP")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--fold-in", action="store_true",
                        help="of a recommender that knows users: train their vectors anew instead of running it")
    args = parser.parse_args()
    world = (FoldedWorld if args.fold_in else World)(args.server, args.sae)
    explainers = {name: how for name, how in EXPLAINERS.items() if not (args.fold_in and how is by_recsae_stepwise)}
    rng = np.random.default_rng(args.seed)
    users = world.users(args.users, rng)
    rows = {name: [] for name in explainers}
    for history in users.values():
        scores = world.run([history])[0]
        scores[history] = -np.inf
        item = int(scores.argmax())
        for name, explain in explainers.items():
            rows[name].append(measure(world, history, item, explain(world, history, item, rng, args.runs), args.steps))
    print(f"{len(users)} users, {args.steps} steps, {args.runs} runs for LIME and SHAP, seed {args.seed}")
    print(f"{'':28}" + "".join(f"{m:>24}" for m in ("POS@5 (low)", "NEG@5 (high)", "DEL (low)", "INS (high)", "CDCG (low)")))
    ours = np.array(rows["recsae"])
    for name, values in rows.items():
        values = np.array(values)
        line = f"{name:28}"
        for m in range(values.shape[1]):
            difference = values[:, m] - ours[:, m]
            half = 1.96 * difference.std(ddof=1) / np.sqrt(len(difference))
            line += f"{values[:, m].mean():>8.3f} ({difference.mean():+.3f} ±{half:.3f})"
        print(line)


if __name__ == "__main__":
    main()
