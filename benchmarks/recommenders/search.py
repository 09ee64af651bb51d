#!/usr/bin/python3
"""Searches hyper-parameters of a recommender on the dev split: trains one for each point of a grid.

    search.py --kind lightgcn --dataset DIR --learning-rate 1e-3,1e-2 --l2 1e-6,1e-5 --seed 1,2

Every flag that is not of this script is passed to train_recommender; of its values, separated by
commas, each is tried with each of the others. Points that differ in the seed alone are one row: the
mean over the seeds. Prints a Markdown table, best dev NDCG@10 first.
"""

import argparse
import collections
import itertools
import json
import pathlib
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEV = ["dev_hr@10", "dev_ndcg@10", "seconds"]
TEST = ["test_hr@10", "test_ndcg@10"]


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kind", required=True)
    parser.add_argument("--dataset", required=True, help="folder of the data set")
    parser.add_argument("--seed", default="1", help="seeds, separated by commas")
    parser.add_argument("--binary", default=ROOT / "build/release/bin/train_recommender")
    parser.add_argument("--test", action="store_true",
                        help="the test split too: for the final choice alone")
    arguments, rest = parser.parse_known_args()
    return arguments, parse_grid(parser, rest)


def parse_grid(parser, rest):
    """['--l2', '0,1'] -> {'--l2': ['0', '1']}"""
    if len(rest) % 2 or not all(flag.startswith("--") for flag in rest[::2]):
        parser.error(f"expected pairs of --flag VALUE[,VALUE...], not: {' '.join(rest)}")
    return {flag: values.split(",") for flag, values in zip(rest[::2], rest[1::2])}


def train(arguments, point, seed):
    """The line of JSON of one run; None, with a message, if it failed."""
    command = [str(arguments.binary), "--quiet", "--kind", arguments.kind,
               "--dataset", arguments.dataset, "--seed", seed]
    command += ["--test"] * arguments.test + [word for pair in point for word in pair]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode == 0:
        return json.loads(run.stdout)
    print(f"{' '.join(command)}\n{run.stderr or run.stdout}", file=sys.stderr)
    return None


def search(arguments, grid):
    """Runs by point, {((flag, value), ...): [line of JSON, ...]}; tells of each on stderr."""
    runs = collections.defaultdict(list)
    points = list(itertools.product(*([(flag, v) for v in values] for flag, values in grid.items())))
    for point, seed in itertools.product(points, arguments.seed.split(",")):
        line = train(arguments, point, seed)
        if line is None:
            continue
        runs[point].append(line)
        print(" ".join(word for pair in point for word in pair), f"--seed {seed}:",
              f"dev HR@10 {line['dev_hr@10']:.4f}, NDCG@10 {line['dev_ndcg@10']:.4f},",
              f"best epoch {line['best_epoch']} of {line['epochs']}, {line['seconds']:.0f} s",
              file=sys.stderr, flush=True)
    return runs


def print_table(grid, metrics, runs):
    header = [flag.lstrip("-") for flag in grid] + ["best epoch"] + metrics
    print("| " + " | ".join(header) + " |")
    print("|" + "---|" * len(header))

    def mean(lines, key):
        return statistics.mean(line[key] for line in lines)

    for point, lines in sorted(runs.items(), key=lambda run: -mean(run[1], "dev_ndcg@10")):
        cells = [value for _, value in point] + [f"{mean(lines, 'best_epoch'):.0f}"]
        cells += [f"{mean(lines, key):.{0 if key == 'seconds' else 4}f}" for key in metrics]
        print("| " + " | ".join(cells) + " |", flush=True)


def main():
    arguments, grid = parse_arguments()
    runs = search(arguments, grid)
    print_table(grid, DEV + TEST * arguments.test, runs)
    return 0 if runs else 1


if __name__ == "__main__":
    sys.exit(main())
