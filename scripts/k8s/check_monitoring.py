#!/usr/bin/env python3
"""Holds the alerts and dashboards of k8s/monitoring to docs/metrics.md and to each other.

    check_monitoring.py [--promtool PROGRAM] [--metrics PAGE]

Every metric in them is on that page; every expression is one that Prometheus reads; every alert fires and does not fire
in recsae.test.yaml, and has a line in docs/deploy.md.
"""
import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
MONITORING = ROOT / "k8s" / "monitoring"
PROMETHEUS_OWN = {"up"}
# What stands in an expression and is no metric.
WORDS = {"and", "or", "unless", "on", "by", "ignoring", "without", "group_left", "group_right", "bool", "offset"}
VARIABLES = {"$__rate_interval": "5m", "$__range": "1h", "$job": "x", "$instance": "x"}


def metrics_of(expression):
    """Names of the metrics in an expression, without the suffixes of histograms."""
    text = re.sub(r'"[^"]*"', "", expression)
    text = re.sub(r"\{[^}]*\}", "{}", text)
    text = re.sub(r"\[[^\]]*\]", "", text)
    text = re.sub(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", "", text)
    names = {match[1] for match in re.finditer(r"\b([a-zA-Z_:][\w:]*)\b(?!\s*\()", text)}
    names = {name for name in names if name not in WORDS and not re.fullmatch(r"\d.*", name)}
    return {re.sub(r"_bucket$", "", name) for name in names}


def dashboards():
    """(file, title, expressions) of each panel, and (file, "variable", metrics) of each variable."""
    for path in sorted((MONITORING / "dashboards").glob("*.json")):
        board = json.loads(path.read_text(encoding="utf-8"))
        identifiers = [panel["id"] for panel in board["panels"]]
        if len(set(identifiers)) != len(identifiers):
            raise SystemExit(f"{path.name}: two panels have one id")
        for panel in board["panels"]:
            yield path.name, panel["title"], [target["expr"] for target in panel.get("targets", [])]
        for variable in board["templating"]["list"]:
            if variable["type"] == "query":
                asked = re.fullmatch(r"label_values\((.*), *\w+\)", variable["definition"])
                yield path.name, f"variable {variable['name']}", [asked[1]]


def plain(expression):
    """Without Grafana's variables."""
    for name, value in VARIABLES.items():
        expression = expression.replace(name, value)
    return expression


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--promtool", default="promtool")
    parser.add_argument("--metrics", type=pathlib.Path, default=ROOT / "docs" / "metrics.md")
    options = parser.parse_args()
    found = []
    documented = set(re.findall(r"`([a-z][a-z0-9_]*)`", options.metrics.read_text(encoding="utf-8"))) | PROMETHEUS_OWN

    rules = yaml.safe_load((MONITORING / "recsae.rules.yaml").read_text(encoding="utf-8"))
    alerts = {rule["alert"]: rule["expr"] for group in rules["groups"] for rule in group["rules"]}
    panels = list(dashboards())
    for place, expressions in [*((f"alert {name}", [text]) for name, text in alerts.items()),
                               *((f"{file}: {title}", list(texts)) for file, title, texts in panels)]:
        for expression in expressions:
            for name in sorted(metrics_of(expression) - documented):
                found.append(f"{place}: no metric {name} in {options.metrics.name}")

    tests = yaml.safe_load((MONITORING / "recsae.test.yaml").read_text(encoding="utf-8"))["tests"]
    asked = [case for test in tests for case in test["alert_rule_test"]]
    page = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
    for name in alerts:
        cases = [case["exp_alerts"] for case in asked if case["alertname"] == name]
        if not any(cases):
            found.append(f"alert {name} is never seen to fire")
        if all(cases):
            found.append(f"alert {name} is never seen not to fire")
        if f"| `{name}` |" not in page:
            found.append(f"alert {name} has no line in docs/deploy.md")
    for name in re.findall(r"^\| `(Recsae\w+)` \|", page, re.MULTILINE):
        if name not in alerts:
            found.append(f"docs/deploy.md tells of an alert {name}, which there is not")

    expressions = sorted({plain(text) for _, _, texts in panels for text in texts})
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.safe_dump({"groups": [{"name": "dashboards", "rules": [
            {"record": f"panel:{number}", "expr": text} for number, text in enumerate(expressions)]}]}, file)
        file.flush()
        for command in [["check", "rules", file.name], ["check", "rules", "recsae.rules.yaml"],
                        ["test", "rules", "recsae.test.yaml"]]:
            done = subprocess.run([options.promtool, *command], cwd=MONITORING, capture_output=True, text=True,
                                  check=False)
            if done.returncode != 0:
                found.append(f"promtool {' '.join(command)}: {done.stdout}{done.stderr}")
    for line in found:
        print(line, file=sys.stderr)
    print(f"{len(alerts)} alerts, {len(asked)} cases of them, {len(expressions)} expressions in dashboards")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
