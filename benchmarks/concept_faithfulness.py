#!/usr/bin/env python3
"""Does an item leave the list as the concepts that explain it are removed?

  python3 benchmarks/concept_faithfulness.py --server 127.0.0.1:7400 --sae movies --users 200

Of each user's first item the concept groups that raise its score above other users' and above its rivals' are removed by
Steer, one after the other, in the order of Explain's group_margins; beside it as many random active groups (--draws orders). Prints

  monotone          share of the users for whom the item's rank never gets better on the way
  comprehensiveness what the score loses with all of them removed, in units of its distance to the mean over items
  sufficiency       what it keeps if they alone are left of all active groups
  rank              median of the item's rank with all of them removed

Mean over users with the 95 % interval of the difference.
"""

import argparse
import sys

import numpy as np

from explanation_faithfulness import World, array, ex


def scores_of(world, activation):
    return world.vectors @ activation + world.biases


class Subject:
    def __init__(self, world, history):
        self.world = world
        self.subject = ex.Subject(history=ex.Subject.History(item_ids=[world.ids[i] for i in history]))
        self.history = history

    def explain(self):
        return self.world.explainer.Explain(ex.ExplainRequest(
            sae=self.world.sae, subject=self.subject, top_item_count=1, ignore_controls=True)).explanations[0]

    def scores(self, removed):
        """Scores with groups of latents removed, those of the history at -inf."""
        edits = [ex.Edit(latent=latent, remove=True) for group in removed for latent in group]
        response = self.world.explainer.Steer(ex.SteerRequest(
            sae=self.world.sae, subject=self.subject, max_change=0, ignore_controls=True, top_item_count=1,
            edits=edits or [ex.Edit(latent=0, scale=1)]))
        scores = scores_of(self.world, array(response.activation))
        scores[self.history] = -np.inf
        return scores


def rank(scores, item):
    return 1 + int((scores > scores[item]).sum())


def distance(scores, item):
    return scores[item] - np.mean(scores[np.isfinite(scores)])


def measure(subject, item, order, groups, start):
    removed = [groups[g] for g in order]
    ways = [subject.scores(removed[:count]) for count in range(1, len(removed) + 1)]
    ranks = [1] + [rank(scores, item) for scores in ways]
    rest = [groups[g] for g in range(len(groups)) if g not in order]
    kept = distance(subject.scores(rest), item) if rest else start
    return [float(all(a <= b for a, b in zip(ranks, ranks[1:]))), 1 - distance(ways[-1], item) / start, kept / start,
            ranks[-1]]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", default="127.0.0.1:7400")
    parser.add_argument("--sae", required=True)
    parser.add_argument("--users", type=int, default=200)
    parser.add_argument("--named", type=int, default=3, help="concepts removed, at most")
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    world = World(args.server, args.sae)
    rng = np.random.default_rng(args.seed)
    named, random, skipped = [], [], 0
    for history in world.users(args.users, rng).values():
        subject = Subject(world, history)
        explanation = subject.explain()
        first = explanation.items[0]
        item = world.place[first.item_id]
        groups = [[explanation.latents[place].latent for place in group.latents] for group in explanation.groups]
        parts = np.array(first.personal.groups)
        margins = np.array(first.group_margins)
        order = [int(g) for g in np.argsort(-margins) if parts[g] > 0 and margins[g] > 0][:args.named]
        if not order:
            skipped += 1
            continue
        start = distance(subject.scores([]), item)
        named.append(measure(subject, item, order, groups, start))
        random.append(np.mean([measure(subject, item, list(rng.permutation(len(groups))[:len(order)]), groups, start)
                               for _ in range(args.draws)], axis=0))
    named, random = np.array(named), np.array(random)
    print(f"{len(named)} users ({skipped} without a concept that raises the score), "
          f"at most {args.named} concepts, seed {args.seed}")
    for column, name in enumerate(("monotone", "comprehensiveness", "sufficiency")):
        difference = named[:, column] - random[:, column]
        half = 1.96 * difference.std(ddof=1) / np.sqrt(len(difference))
        print(f"{name:18} named {named[:, column].mean():.3f}  random {random[:, column].mean():.3f}  "
              f"difference {difference.mean():+.3f} ±{half:.3f}")
    print(f"{'rank':18} named {np.median(named[:, 3]):.0f}  random {np.median(random[:, 3]):.0f}")


if __name__ == "__main__":
    sys.exit(main())
