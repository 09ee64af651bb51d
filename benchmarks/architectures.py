#!/usr/bin/env python3
"""The SAE architectures side by side on one recommender: for each, at the same aimed-at number of
active latents, FVU, dead share, HR@10 kept, concepts verified and how stable the dictionary is
between two seeds. Prints a Markdown table; --json writes all figures to a file.

Against a running server with a recommender and its captures (recsae pipeline makes them):

  benchmarks/architectures.py --recommender ml-1m-recsae-sasrec --seeds 1 2

All SAEs are trained by `recsae saes train`, several in one pass. What is there already is not made
again, so an interrupted run goes on where it stopped.
"""

import argparse
import json
import statistics
import subprocess

# Label, flags that make it, what `saes train` adds to the name.
PASSES = (
    (["--architecture", "pursuit,topk,batch-topk,jump-relu,relu"],
     {"Pursuit": "-pursuit", "TopK": "-topk", "BatchTopK": "-batch-topk", "JumpReLU": "-jump-relu",
      "ReLU + L1": "-relu"}, ""),
    (["--architecture", "topk,batch-topk", "--matryoshka", "64,256,1024"],
     {"Matryoshka TopK": "-topk", "Matryoshka BatchTopK": "-batch-topk"}, "-matryoshka"),
    (["--architecture", "topk", "--revival", "resampling"],
     {"TopK, resampling": ""}, "-resampling"),
    (["--preset", "paper", "--epochs", "6"], {"preset paper, 6 epochs": ""}, "-paper"),
)


def call(flags, *arguments):
    """Runs a recsae command; returns its JSON."""
    command = [flags.recsae, "--server", flags.server, "--json", "--timeout", "600", *arguments]
    result = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    return json.loads(result.stdout)


def names(flags):
    """{sae: ...} of what is published."""
    answer = call(flags, "saes", "list")
    return {sae["name"].split("/")[1] for sae in (answer.get("saes", answer)
                                                  if isinstance(answer, dict) else answer)}


def train(flags, passes):
    """Trains what is missing; returns {label: [sae of each seed]}."""
    seeds = ",".join(map(str, flags.seeds))
    saes = {}
    for settings, labels, suffix in passes:
        prefix = f"{flags.prefix}{suffix}"
        for label, part in labels.items():
            saes[label] = [f"{prefix}{part}-seed{seed}" for seed in flags.seeds]
        wanted = {sae for label in labels for sae in saes[label]}
        if not wanted <= names(flags):
            call(flags, "saes", "train", prefix, "--capture", f"{flags.recommender}/train",
                 "--k", str(flags.k), "--seed", seeds, *settings)
    return saes


def measure(flags, sae):
    """Everything about one SAE."""
    report = call(flags, "saes", "get", sae)
    test = f"{flags.recommender}/test"
    kept = call(flags, "evaluate", "--sae", sae, "--capture", test)
    built = call(flags, "concepts", "build", "--sae", sae, "--capture", test)
    return {"sae": sae, "report": report, "evaluation": kept, "concepts": built}


def field(tree, *path):
    """The value at a path of keys, wherever in the tree the path begins; 0 where JSON leaves it
    out."""
    if isinstance(tree, dict):
        if path[0] in tree:
            value = tree[path[0]]
            return value if len(path) == 1 else field(value, *path[1:])
        for branch in tree.values():
            found = field(branch, *path)
            if found is not None:
                return found
    return None


def number(tree, *path):
    return float(field(tree, *path) or 0)


def spread(values, digits):
    """Mean, and the distance of the extremes from it."""
    mean = statistics.mean(values)
    return f"{mean:.{digits}f} ± {max(abs(value - mean) for value in values):.{digits}f}"


def row(flags, label, saes):
    """One line of the table, and the figures behind it."""
    results = [measure(flags, sae) for sae in saes]
    match = call(flags, "saes", "compare", saes[0], saes[1]) if len(saes) > 1 else {}
    kept = [number(r["evaluation"], "reconstructed", "hrAt10") / number(r["evaluation"], "recommender",
                                                                       "hrAt10") for r in results]
    cells = [label,
             spread([number(r["report"], "l0") for r in results], 2),
             spread([number(r["report"], "fvu") for r in results], 4),
             spread([number(r["evaluation"], "fvu") for r in results], 4),
             spread([100 * number(r["report"], "deadFraction") for r in results], 1),
             spread([100 * share for share in kept], 1),
             spread([number(r["concepts"]["tests"][0], "verifiedCount") for r in results], 0),
             f"{number(match, 'meanCosine'):.3f}" if match else ""]
    return "| " + " | ".join(cells) + " |", {"label": label, "results": results, "match": match}


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recsae", default="build/release/bin/recsae", help="the command")
    parser.add_argument("--server", default="127.0.0.1:7400")
    parser.add_argument("--recommender", required=True, help="with captures train and test")
    parser.add_argument("--prefix", default="arch", help="of the SAEs' names [arch]")
    parser.add_argument("--k", type=int, default=8, help="active latents aimed at [8]")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--only", nargs="*", help="labels to measure [all]")
    parser.add_argument("--json", help="file for all figures")
    flags = parser.parse_args()
    saes = train(flags, PASSES)
    print("| architecture | L0 | FVU | FVU, test | dead latents, % | HR@10 kept, % | concepts verified |"
          " stability |\n|---|---|---|---|---|---|---|---|", flush=True)
    figures = []
    for label, of_seeds in saes.items():
        if flags.only and label not in flags.only:
            continue
        line, figure = row(flags, label, of_seeds)
        print(line, flush=True)
        figures.append(figure)
    if flags.json:
        with open(flags.json, "w", encoding="utf-8") as file:
            json.dump(figures, file, indent=1)


if __name__ == "__main__":
    main()
