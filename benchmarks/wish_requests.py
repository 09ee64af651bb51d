#!/usr/bin/env python3
"""Whether wishes in words are understood, and what they cost.

Against a running server that has an SAE with concepts, on a catalogue with genres or decades:

  PYTHONPATH=build/release/python python3 benchmarks/wish_requests.py \
      --server 127.0.0.1:7400 --sae movies --capture recommenders/movies/captures/test

1. Generated requests (genre, decade, both; more, less, none; up to three wishes in one), each for a
   user of the capture: the share of wishes whose polarity is right, and the share of chosen concepts
   whose description holds what was asked for. Of "90s thrillers" a description has to hold both, where
   one does.
2. NDCG@10 on the held-out items of the capture with each single wish at --strength, less that without,
   as a mean over wishes; and what the wish does to the share of the attribute among the ten items.

Prints one JSON document.
"""

import argparse
import collections
import json
import math
import random
import re
import sys

import grpc

from recsae.concept_store.v1 import concept_store_pb2 as cs
from recsae.concept_store.v1 import concept_store_pb2_grpc
from recsae.explainer.v1 import explainer_pb2 as ex
from recsae.explainer.v1 import explainer_pb2_grpc
from recsae.probe.v1 import probe_pb2 as pb
from recsae.probe.v1 import probe_pb2_grpc
from recsae.tensor.v1 import tensor_pb2

MORE, LESS, NEVER = ex.POLARITY_MORE, ex.POLARITY_LESS, ex.POLARITY_NEVER

# With {} for what is asked for. The first of each are plain, the rest as people write.
WAYS = {
    MORE: ["more {}", "{}", "I want more {}", "show me {}", "I like {}", "give me some {} please",
           "I'd like to see more {}", "not enough {}", "lots of {}", "I'm in the mood for {}",
           "can you recommend {}", "a bit more {}", "I love {}"],
    LESS: ["less {}", "fewer {}", "too much {}", "not so much {}", "a bit less {}", "I see too many {}",
           "I'm tired of {}", "I don't like {}", "don't show me so much {}", "cut down on {}",
           "I would prefer less {}", "enough {}"],
    NEVER: ["no {}", "never {}", "without {}", "stop showing me {}", "don't show me {}", "I hate {}",
            "no more {}", "anything but {}", "please never recommend {}", "I don't want any {}",
            "hide {}", "not {}"],
}
JOINTS = [", ", "; ", ". ", " but ", ", and "]
# How people say decades and a few genres; the rest is said as it is filed.
SPOKEN = {"sci-fi": ["sci-fi", "scifi", "science fiction"], "children's": ["children's", "childrens", "kids"],
          "film-noir": ["film noir", "noir"], "animation": ["animation", "animated"],
          "romance": ["romance", "romantic"], "horror": ["horror", "scary"]}


def plural(word):
    if word.endswith("y"):
        return word[:-1] + "ies"
    return word + "s"


def spoken(term, draw):
    """A way to say a genre or a decade."""
    low = term.lower()
    if re.fullmatch(r"\d{4}s", low):
        return draw.choice([low, low[2:], f"the {low}", f"{low[2:]} movies"])
    word = draw.choice(SPOKEN.get(low, [low]))
    forms = [word, f"{word} movies", f"{word} films"]
    if low in ("comedy", "thriller", "western", "musical", "drama", "mystery", "documentary"):
        forms.append(plural(word))
    return draw.choice(forms)


def folded(text):
    """Of a description, to compare with what was asked for: lower case, no signs, and the decades
    between those of a range ("1970s-1990s")."""
    for first, last in re.findall(r"(\d{4})s-(\d{4})s", text):
        text += "".join(f" {year}s" for year in range(int(first) + 10, int(last), 10))
    return re.sub(r"[^a-z0-9 ]", "", text.lower().replace("-", " "))


class Suite:
    def __init__(self, flags):
        channel = grpc.insecure_channel(flags.server)
        self.explainer = explainer_pb2_grpc.ExplainerStub(channel)
        self.store = concept_store_pb2_grpc.ConceptStoreStub(channel)
        self.probe = probe_pb2_grpc.ProbeStub(channel)
        self.sae = f"saes/{flags.sae}"
        self.capture = flags.capture

    def concepts(self):
        token, found = "", []
        while True:
            page = self.store.ListConcepts(cs.ListConceptsRequest(parent=self.sae, page_size=1000,
                                                                  page_token=token))
            found += page.concepts
            token = page.next_page_token
            if not token:
                return found

    def cases(self, count, draw):
        rows = self.probe.GetCapture(pb.GetCaptureRequest(name=self.capture)).row_count
        chosen = sorted(draw.sample(range(rows), min(count, rows)))
        cases = []
        for start in range(0, len(chosen), 100):
            got = self.probe.BatchGetCases(pb.BatchGetCasesRequest(
                capture=self.capture, rows=chosen[start:start + 100]))
            width = len(got.activations.data) // len(got.cases)
            cases += [(case, got.activations.data[i * width:(i + 1) * width])
                      for i, case in enumerate(got.cases)]
        return cases

    def attributes(self):
        """Genres and decades of each item, lower case."""
        recommender = self.probe.GetRecommender(pb.GetRecommenderRequest(
            name=self.capture.split("/captures/")[0]))
        items, token = {}, ""
        while True:
            page = self.probe.ListItems(pb.ListItemsRequest(
                parent=recommender.catalog, page_size=1000, page_token=token))
            for item in page.items:
                items[item.id] = {a.value.lower() for a in item.attributes}
                items[item.id] |= {f"{a.value[:3]}0s" for a in item.attributes if a.key == "year"}
            token = page.next_page_token
            if not token:
                return items


def subject(data):
    tensor = tensor_pb2.Tensor(data_type=tensor_pb2.DATA_TYPE_FLOAT32, shape=[len(data) // 4],
                               data=data)
    return ex.Subject(activations=tensor)


def vocabulary(concepts):
    """Genres and decades that descriptions are made of."""
    kinds = collections.defaultdict(set)
    for concept in concepts:
        for term in concept.terms:
            if re.fullmatch(r"\d{4}s", term.text):
                kinds["decade"].add(term.text)
            elif term.kind == "genre":
                kinds["genre"].add(term.text)
    return sorted(kinds["genre"]), sorted(kinds["decade"])


def make_request(genres, decades, draw):
    """A text, and [(polarity, asked terms)] of its wishes."""
    parts, wanted = [], []
    for _ in range(draw.choice([1, 1, 2, 2, 3])):
        polarity = draw.choice([MORE, LESS, NEVER])
        kind = draw.choice(["genre", "genre", "decade", "both"]) if decades else "genre"
        terms = ([draw.choice(decades)] if kind != "genre" else []) + \
            ([draw.choice(genres)] if kind != "decade" else [])
        said = spoken(terms[-1], draw)
        if kind == "both":
            decade = draw.choice([terms[0], terms[0][2:]])
            said = f"{decade} {said}"
        parts.append(draw.choice(WAYS[polarity]).format(said))
        wanted.append((polarity, terms))
        # "no horror and musicals": one polarity for both.
        if kind == "genre" and polarity != MORE and draw.random() < 0.25:
            other = draw.choice(genres)
            parts[-1] += f" {'and' if draw.random() < .5 else 'or'} {spoken(other, draw)}"
            wanted.append((polarity, [other]))
    text = parts[0]
    for part in parts[1:]:
        text += draw.choice(JOINTS) + part
    return text, wanted


def understand(suite, concepts, cases, flags, draw):
    genres, decades = vocabulary(concepts)
    descriptions = [folded(c.description) for c in concepts]

    def holds(description, terms):
        return all(folded(term) in description for term in terms)

    polarity_right = wishes = chosen = chosen_right = 0
    wrong = []
    for _ in range(flags.requests):
        text, wanted = make_request(genres, decades, draw)
        got = suite.explainer.ResolveWishes(ex.ResolveWishesRequest(
            sae=suite.sae, text=text, subject=subject(draw.choice(cases)[1]))).wishes
        same = len(got) == len(wanted)
        for i, (polarity, terms) in enumerate(wanted):
            wishes += 1
            right = same and got[i].polarity == polarity
            polarity_right += right
            if not any(holds(d, terms) for d in descriptions):
                terms = terms[-1:]
            picked = got[i].concepts if same else []
            good = [holds(folded(c.description), terms) for c in picked]
            chosen += max(1, len(good))
            chosen_right += sum(good)
            if not right or not good or not all(good):
                wrong.append({"text": text, "asked": terms, "wish": got[i].text if same else None,
                              "got": [c.description for c in picked][:4], "polarity": bool(right)})
    return {"requests": flags.requests, "wishes": wishes, "polarity_right": polarity_right / wishes,
            "concepts_chosen": chosen, "concepts_right": chosen_right / chosen,
            "wrong": wrong[:flags.show]}


def ndcg(items, target):
    for rank, item in enumerate(items[:10]):
        if item.item_id == target:
            return 1 / math.log2(rank + 2)
    return 0


def cost(suite, concepts, cases, flags):
    genres, decades = vocabulary(concepts)
    attributes = suite.attributes()
    table = {}
    for polarity, word in ((MORE, "more"), (LESS, "less"), (NEVER, "no")):
        losses, effects, changes, done = [], [], [], []
        for term in genres + decades:
            before = after = share_before = share_after = change = effective = 0
            for case, data in cases:
                answer = suite.explainer.Steer(ex.SteerRequest(
                    sae=suite.sae, subject=subject(data), wishes=f"{word} {term}",
                    wish_strength=flags.strength,
                    exclude_item_ids=[*case.history_item_ids, *case.excluded_item_ids]))
                before += ndcg(answer.before, case.target_item_id)
                after += ndcg(answer.after, case.target_item_id)
                has = lambda items: sum(term.lower() in attributes[i.item_id] for i in items[:10]) / 10
                share_before += has(answer.before)
                share_after += has(answer.after)
                change += answer.change
                effective += answer.change > 0
            n = len(cases)
            losses.append((before - after) / n)
            effects.append((share_after - share_before) / n)
            changes.append(change / n)
            done.append(effective / n)
        mean = lambda values: sum(values) / len(values)
        worst = max(range(len(losses)), key=lambda i: losses[i])
        print(word, mean(losses), file=sys.stderr)
        table[word] = {"ndcg_lost": mean(losses), "worst": [(genres + decades)[worst], losses[worst]],
                       "share_change": mean(effects), "activation_change": mean(changes),
                       "effective": mean(done)}
    table["ndcg_before"] = before / len(cases)
    table["ndcg_lost"] = sum(table[w]["ndcg_lost"] for w in ("more", "less", "no")) / 3
    return table


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", default="127.0.0.1:7400")
    parser.add_argument("--sae", required=True)
    parser.add_argument("--capture", required=True, help="with cases and held-out items")
    parser.add_argument("--requests", type=int, default=300)
    parser.add_argument("--cases", type=int, default=300, help="of the capture, for the cost")
    parser.add_argument("--strength", type=float, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", type=int, default=20, help="wishes that were not understood")
    parser.add_argument("--no-cost", action="store_true")
    flags = parser.parse_args()

    draw = random.Random(flags.seed)
    suite = Suite(flags)
    concepts = suite.concepts()
    cases = suite.cases(flags.cases, draw)
    report = {"understood": understand(suite, concepts, cases, flags, draw)}
    if not flags.no_cost:
        report["cost"] = cost(suite, concepts, cases, flags)
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
