#!/usr/bin/env python3
"""How much of what a language model's endpoint can do a build of concepts uses.

    benchmarks/language_rate.py [BUILD]      (default build/release; needs python3-grpcio)

An endpoint that takes a fixed time for each answer, as many at once as it is asked, answers --llm-concurrency calls at a time. It could
answer concurrency / time a second; the ratio is what it was asked between the first call of a build and the last answer, by that. The rest is what the
explainer does between calls (prompts, parsing, a synced write for each answer), and calls that wait for another's answer."""

import json
import pathlib
import sys
import threading
import time

BUILD = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "build/release").resolve()
ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(BUILD / "python"), str(ROOT / "tests" / "integration")]

import os  # noqa: E402

os.environ.setdefault("RECSAE_BIN", str(BUILD / "bin"))

from language_endpoint import Endpoint  # noqa: E402
from test_language import Films  # noqa: E402

SECONDS = 0.1
# By calls at a time.
JUDGES = {1: ("JUDGE_DETECTION",), 4: ("JUDGE_DETECTION", "JUDGE_LEVELS"), 16: ("JUDGE_DETECTION", "JUDGE_LEVELS")}


class Clock:
    """When the first call came and when the last answer went; how many were under way at most."""

    def __init__(self):
        self.lock, self.calls, self.begin, self.end = threading.Lock(), 0, 0.0, 0.0

    def __call__(self, _):
        with self.lock:
            self.calls += 1
            self.begin = self.begin or time.perf_counter()
        time.sleep(SECONDS)
        with self.lock:
            self.end = time.perf_counter()


def main():
    for concurrency, judges in JUDGES.items():
        endpoint = Endpoint()
        films = Films(endpoint.url, "rule", concurrency=concurrency).train()
        try:
            for judge in judges:
                films.forget()
                endpoint.before = clock = Clock()
                films.build(judge=judge)
                ratio = clock.calls * SECONDS / concurrency / (clock.end - clock.begin)
                print(json.dumps({"judge": judge, "concurrency": concurrency, "calls": clock.calls,
                                  "ratio": round(ratio, 3)}), flush=True)
        finally:
            films.close()
            endpoint.close()


if __name__ == "__main__":
    main()
