"""The rendered overlays: what every check of them needs."""
import subprocess

import yaml

WORKLOADS = ("StatefulSet", "Deployment", "CronJob")
# Kinds of Prometheus' operator, whose schemas Kubernetes does not have.
FOREIGN = ("ServiceMonitor", "PrometheusRule")


def render(kubectl, folder):
    """The objects of a kustomization."""
    text = subprocess.run([kubectl, "kustomize", folder], check=True, capture_output=True, text=True).stdout
    return [item for item in yaml.safe_load_all(text) if item]


def of_kind(objects, *kinds):
    return [item for item in objects if item["kind"] in kinds]


def named(objects, kind, name):
    for item in of_kind(objects, kind):
        if item["metadata"]["name"] == name:
            return item
    raise KeyError(f"no {kind} {name}")


def template(workload):
    """Pod template of a workload."""
    spec = workload["spec"]
    return (spec["jobTemplate"]["spec"] if workload["kind"] == "CronJob" else spec)["template"]


def environment(objects, container):
    """Variables of a container: those of its ConfigMaps, then its own."""
    values = {}
    for source in container.get("envFrom", []):
        values.update(named(objects, "ConfigMap", source["configMapRef"]["name"])["data"])
    for entry in container.get("env", []):
        values[entry["name"]] = entry["value"]
    return values


def program(container):
    """recsae-probe of an image .../recsae-probe-torch:tag; recsae of recsae-cli."""
    name = container["image"].rsplit("/", 1)[-1].split(":")[0].removesuffix("-torch")
    return "recsae" if name == "recsae-cli" else name


def matches(selector, labels):
    """Whether a label selector selects; an absent one selects nothing, an empty one all."""
    if selector is None:
        return False
    for key, value in selector.get("matchLabels", {}).items():
        if labels.get(key) != value:
            return False
    for term in selector.get("matchExpressions", []):
        if term["operator"] != "In":
            raise ValueError(f"operator {term['operator']} is not understood here")
        if labels.get(term["key"]) not in term["values"]:
            return False
    return True
