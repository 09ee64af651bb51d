#!/usr/bin/env python3
"""Makes k8s/monitoring/prometheus-rule.yaml of recsae.rules.yaml beside it: prometheus_rule.py [--check]."""
import pathlib
import sys

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "k8s" / "monitoring"
HEAD = """# Made by scripts/k8s/prometheus_rule.py of recsae.rules.yaml: change that.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: recsae
  labels: {app.kubernetes.io/name: recsae}
spec:
"""


def main() -> int:
    rules = (FOLDER / "recsae.rules.yaml").read_text(encoding="utf-8")
    text = HEAD + "".join("  " + line if line.strip() else line
                          for line in rules[rules.index("groups:"):].splitlines(keepends=True))
    target = FOLDER / "prometheus-rule.yaml"
    if sys.argv[1:] == ["--check"]:
        if target.read_text(encoding="utf-8") != text:
            print(f"{target.name} is not what its rules make: run scripts/k8s/prometheus_rule.py", file=sys.stderr)
            return 1
        return 0
    target.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
