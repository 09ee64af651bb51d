#!/usr/bin/env python3
"""Does what Explain returns tell of the scores as much as the report says of the dictionary?

  python3 benchmarks/described_explanations.py --server 127.0.0.1:7400 --sae movies --users 1000

Users of the evidence captures, by their last row. Half of them fit lines (a latent's activation by the share of the ten
recommended items that its description names, not below 0), the other half are measured: described R2@m (docs/evidence.md) of
the ten items shown, by

  report    the m latents with the largest contributions in the list, each by its own description, as the report chooses them
  explain   for each item the m concept groups with the largest part in it that Explain returns (ExplainedItem.personal),
            told by the description of the group's lead
  shuffled  the same as explain, with the descriptions dealt to other groups

with 95 % intervals by bootstrap over users. The controls of the users are left out.
"""

import argparse
import sys

import numpy as np

from explanation_faithfulness import World, cs, ex, pb

BANDS = {"blockbuster": (0, .01), "hit": (0, .03), "popular": (0, .1), "well-known": (.03, .1), "lesser-known": (.1, .3),
         "not popular": (.1, 1), "obscure": (.3, 1)}
DRAWS = 500


def number(value):
    digits = value[:len(value) - len(value.lstrip("-0123456789."))]
    return float(digits) if digits else float("nan")


class Sets:
    """Which items a description names."""

    def __init__(self, world, catalog, counts):
        self.items = {}
        token = ""
        while True:
            page = world.probe.ListItems(pb.ListItemsRequest(parent=catalog, page_size=1000, page_token=token))
            self.items.update((item.id, item) for item in page.items)
            token = page.next_page_token
            if not token:
                break
        self.ids = world.ids
        order = np.argsort(-np.array(counts), kind="stable")
        self.place = np.empty(len(order), int)
        self.place[order] = np.arange(len(order))

    def holds(self, term, i):
        item = self.items[self.ids[i]]
        if term.kind == "popularity":
            low, high = BANDS[term.text]
            return int(low * len(self.ids)) <= self.place[i] < int(high * len(self.ids))
        if term.kind == "word":
            return f" {term.text} " in f" {''.join(c if c.isalnum() else ' ' for c in item.title.lower())} "
        values = [a.value for a in item.attributes if a.key == term.kind]
        if term.text in values:
            return True
        first, dash, last = term.text.partition("-")
        return bool(dash) and any(number(first) <= number(value) <= number(last) for value in values)

    def of(self, terms):
        return np.array([all(self.holds(term, i) for term in terms) for i in range(len(self.ids))])


def read_concepts(world):
    concepts, token = {}, ""
    while True:
        page = world.store.ListConcepts(cs.ListConceptsRequest(parent=world.sae, page_size=1000, page_token=token))
        concepts.update((c.latent, c) for c in page.concepts)
        token = page.next_page_token
        if not token:
            return concepts


class Rows:
    """What Explain says of users: codes, lists, scores and what belongs to the user alone."""

    def __init__(self, world, users, capture, latents):
        self.codes = np.zeros((len(users), latents))
        self.lists, self.own, self.explanations = [], [], []
        for row, user in enumerate(users):
            said = world.explainer.Explain(ex.ExplainRequest(
                sae=world.sae, ignore_controls=True,
                subject=ex.Subject(captured_user=ex.Subject.CapturedUser(capture=capture, user_id=user)))).explanations[0]
            for latent in said.latents:
                self.codes[row, latent.latent] = latent.activation
            self.lists.append([world.place[item.item_id] for item in said.items])
            self.own.append(np.array([item.score - item.personal.everyone for item in said.items]))
            self.explanations.append(said)


def fit(codes, shares):
    """A line of each latent's code by the share of its set: [latents, 2]."""
    lines = np.zeros((codes.shape[1], 2))
    for latent in range(codes.shape[1]):
        x, y = shares[:, latent], codes[:, latent]
        slope = np.cov(x, y)[0, 1] / x.var(ddof=1) if x.var() > 1e-12 else 0
        lines[latent] = y.mean() - slope * x.mean(), slope
    return lines


def measure(rows, chosen, shares, lines, mean, effects, most):
    """Of each user the squared errors and squares of the personal scores. chosen(row) -> for each item the latents."""
    errors = []
    for row, items in enumerate(rows.lists):
        told = np.maximum(lines[:, 0] + lines[:, 1] * shares[row], 0) - mean
        left = rows.own[row].copy()
        for place, latents in enumerate(chosen(row, most)):
            left[place] -= told[latents] @ effects[latents, items[place]]
        errors.append([np.sum(left ** 2), np.sum(rows.own[row] ** 2)])
    return np.array(errors)


def r2(errors, rng):
    value = 1 - errors[:, 0].sum() / errors[:, 1].sum()
    drawn = [1 - e[:, 0].sum() / e[:, 1].sum()
             for e in (errors[rng.integers(0, len(errors), len(errors))] for _ in range(DRAWS))]
    return value, *np.percentile(drawn, [2.5, 97.5])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", default="127.0.0.1:7400")
    parser.add_argument("--sae", required=True)
    parser.add_argument("--capture", default="context")
    parser.add_argument("--users", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    world = World(args.server, args.sae)
    rng = np.random.default_rng(args.seed)
    concepts = read_concepts(world)
    recommender = world.probe.GetRecommender(pb.GetRecommenderRequest(name=world.recommender))
    counts = [count for part in world.probe.ReadPredictionHead(
        pb.ReadPredictionHeadRequest(recommender=world.recommender)) for count in part.training_counts]
    sets = Sets(world, recommender.catalog, counts)
    members = {latent: sets.of(c.terms) if c.terms else np.zeros(len(world.ids), bool) for latent, c in concepts.items()}

    capture = f"{world.recommender}/captures/{args.capture}"
    known = sorted(world.histories(capture))
    users = [str(user) for user in rng.permutation(known)[:args.users]]
    latents = world.store.GetSae(cs.GetSaeRequest(name=world.sae)).latent_count
    rows = Rows(world, users, capture, latents)
    # What one unit of a latent adds to an item: from the contributions that Explain gives.
    effects = np.zeros((latents, len(world.ids)))
    for said, items in zip(rows.explanations, rows.lists):
        for item, explained in zip(items, said.items):
            for latent, part in zip(said.latents, explained.contributions):
                effects[latent.latent, item] = part / latent.activation

    def shares_of(names):
        shares = np.zeros((len(users), latents))
        for latent, name in names.items():
            shares[:, latent] = [members[name][items].mean() if name in members else 0 for items in rows.lists]
        return shares

    half = len(users) // 2
    mean = rows.codes.mean(axis=0)
    own = {latent: latent for latent in concepts}
    lead = {latent: c.group.lead_latent if c.HasField("group") else latent for latent, c in concepts.items()}
    leads = sorted(set(lead.values()))
    dealt = dict(zip(leads, rng.permutation(leads)))

    def by_list(row, most):
        items = rows.lists[row]
        weight = np.abs(rows.codes[row] - mean) * np.abs(effects[:, items]).sum(axis=1)
        return [np.argsort(-weight)[:most]] * len(items)

    def by_explain(row, most):
        said = rows.explanations[row]
        for item in said.items:
            order = np.argsort(-np.abs(np.array(item.personal.groups)))[:most]
            yield np.array([said.latents[place].latent for g in order for place in said.groups[g].latents], int)

    measured = np.arange(half, len(users))
    print(f"{len(users)} users, {half} of them fit lines; {len(concepts)} concepts in {len(leads)} groups, seed {args.seed}")
    for name, chosen, names in (("report", by_list, own), ("explain", by_explain, lead),
                                ("shuffled", by_explain, {latent: dealt[g] for latent, g in lead.items()})):
        shares = shares_of(names)
        lines = fit(rows.codes[:half], shares[:half])
        for most in (1, 3, 5):
            errors = measure(rows, chosen, shares, lines, mean, effects, most)[measured]
            value, low, high = r2(errors, rng)
            print(f"{name:8} R2@{most} {value:.3f} [{low:.3f}, {high:.3f}]")


if __name__ == "__main__":
    sys.exit(main())
