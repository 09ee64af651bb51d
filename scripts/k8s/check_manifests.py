#!/usr/bin/env python3
"""Holds the rendered overlays to Kubernetes' schemas, to the programs and to ARCHITECTURE.md.

    check_manifests.py [--bin FOLDER] [--kubectl PROGRAM]

Schemas are strict. Of the programs (--bin, else $RECSAE_BIN): every flag and variable is one of --help, every port is
the one that is listened on, every path of a probe answers 200. Without them that part is skipped, and said.
"""
import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

import kubernetes_validate

import manifests

ROOT = pathlib.Path(__file__).resolve().parents[2]
OVERLAYS = ["dev", "prod"]
SCHEMAS = ["1.34", "1.37"]
# ARCHITECTURE.md's edges, and who comes from outside: (from, to, port).
EDGES = {
    "prod": {
        ("trainer", "probe", 7401), ("trainer", "concept-store", 7403),
        ("explainer", "probe", 7401), ("explainer", "concept-store", 7403),
        ("access:record", "probe", 7401), ("access:explain", "explainer", 7404),
        ("access:operate", "probe", 7401), ("access:operate", "trainer", 7402),
        ("access:operate", "concept-store", 7403), ("access:operate", "explainer", 7404),
        ("backup", "probe", 7401), ("backup", "trainer", 7402), ("backup", "concept-store", 7403),
        ("prometheus", "probe", 9401), ("prometheus", "trainer", 9402),
        ("prometheus", "concept-store", 9403), ("prometheus", "explainer", 9404),
        ("trainer", "dns", 53), ("explainer", "dns", 53), ("backup", "dns", 53),
    },
    "dev": {
        ("access:record", "standalone", 7400), ("access:explain", "standalone", 7400),
        ("access:operate", "standalone", 7400), ("prometheus", "standalone", 9400),
    },
}
# Who is outside: namespace and labels.
OUTSIDE = {
    "access:record": ("elsewhere", {"recsae/access": "record"}),
    "access:explain": ("elsewhere", {"recsae/access": "explain"}),
    "access:operate": ("elsewhere", {"recsae/access": "operate"}),
    "prometheus": ("monitoring", {"app.kubernetes.io/name": "prometheus"}),
    "dns": ("kube-system", {"k8s-app": "kube-dns"}),
    "stranger": ("elsewhere", {}),
    "stranger here": (None, {}),
}
OURS = "app.kubernetes.io/component"


class Findings:
    def __init__(self):
        self.lines = []

    def __call__(self, *words):
        self.lines.append(" ".join(str(word) for word in words))


def check_schemas(objects, found):
    for item in objects:
        if item["kind"] in manifests.FOREIGN:
            continue
        for version in SCHEMAS:
            try:
                kubernetes_validate.validate(item, version, strict=True)
            except kubernetes_validate.ValidationError as error:
                found(item["kind"], item["metadata"]["name"], f"against {version}:", error.message)


def check_pod(name, spec, config, found):
    """Pod Security `restricted`, no token, a configuration that changes by its name, time to end."""
    def need(what, have, want):
        if have != want:
            found(f"{name}: {what} is {have!r}, not {want!r}")
    need("automountServiceAccountToken", spec.get("automountServiceAccountToken"), False)
    need("enableServiceLinks", spec.get("enableServiceLinks"), False)
    context = spec.get("securityContext", {})
    need("runAsNonRoot", context.get("runAsNonRoot"), True)
    need("runAsUser", context.get("runAsUser"), 65532)
    need("seccompProfile", context.get("seccompProfile"), {"type": "RuntimeDefault"})
    for container in spec["containers"] + spec.get("initContainers", []):
        need(f"{container['name']}'s securityContext", container.get("securityContext"),
             {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}})
        if "memory" not in container.get("resources", {}).get("limits", {}):
            found(f"{name}: {container['name']} has no limit of memory")
        if "RECSAE_LAME_DUCK_SECONDS" in config:
            stop = float(config["RECSAE_LAME_DUCK_SECONDS"]) + float(config["RECSAE_DRAIN_SECONDS"]) + 1
            if spec.get("terminationGracePeriodSeconds", 30) <= stop:
                found(f"{name}: is killed after {spec.get('terminationGracePeriodSeconds')} s and needs up to {stop} s")
    for volume in spec.get("volumes", []):
        if not set(volume) & {"emptyDir", "secret", "configMap"}:
            found(f"{name}: volume {volume['name']} is of a kind that nothing here needs")


def allowed_by(peers, namespace, labels):
    """Whether one of a rule's peers is the pod; namespace None is the policy's own."""
    for peer in peers:
        if "namespaceSelector" in peer:
            if not manifests.matches(peer["namespaceSelector"], {"kubernetes.io/metadata.name": namespace or "recsae"}):
                continue
        elif namespace is not None:
            continue
        if manifests.matches(peer.get("podSelector", {}), labels):
            return True
    return False


def edges_of(objects):
    """Every (from, to, port) that the policies let through: egress of ours and ingress of ours have to agree."""
    pods = {}
    for workload in manifests.of_kind(objects, *manifests.WORKLOADS):
        labels = manifests.template(workload)["metadata"]["labels"]
        pods.setdefault(labels[OURS], labels)
    policies = manifests.of_kind(objects, "NetworkPolicy")

    def ports(labels, direction, other):
        key, side = ("ingress", "from") if direction == "Ingress" else ("egress", "to")
        mine = [policy["spec"] for policy in policies
                if manifests.matches(policy["spec"]["podSelector"], labels) and direction in policy["spec"]["policyTypes"]]
        if not mine:
            return None  # nothing is forbidden
        return {port["port"] for spec in mine for rule in spec.get(key, [])
                if allowed_by(rule[side], *other) for port in rule["ports"]}

    everybody = {**{name: (None, labels) for name, labels in pods.items()}, **OUTSIDE}
    edges = set()
    for source, (source_space, source_labels) in everybody.items():
        for target, (target_space, target_labels) in everybody.items():
            if source in OUTSIDE and target in OUTSIDE:
                continue
            into = ports(target_labels, "Ingress", (source_space, source_labels)) if target in pods else None
            out = ports(source_labels, "Egress", (target_space, target_labels)) if source in pods else None
            both = into & out if into is not None and out is not None else into if out is None else out
            if both is None:
                both = {"any"}
            edges |= {(source, target, port) for port in both}
    return edges


def help_of(*command):
    done = subprocess.run([*command, "--help"], capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else ""


def check_programs(overlay, objects, folder, found):
    """Flags, variables, ports and paths against the programs."""
    helps = {}
    for workload in manifests.of_kind(objects, *manifests.WORKLOADS):
        for container in manifests.template(workload)["spec"]["containers"]:
            name = f"{overlay}: {workload['metadata']['name']}"
            program = manifests.program(container)
            words = [word for word in container["args"] if not word.startswith("--")][:2] if program == "recsae" else []
            key = (program, *words)
            if key not in helps:
                # Flags of the command as a whole stand in its own help.
                helps[key] = help_of(folder / program) + (help_of(folder / program, *words) if words else "")
                if words and help_of(folder / program, *words) in ("", help_of(folder / program)):
                    found(f"{name}: {program} has no command {' '.join(words)}")
            text = helps[key]
            for flag in [word.split("=")[0] for word in container["args"] if word.startswith("--")]:
                if not re.search(rf"(?<![\w-]){flag}(?![\w-])", text):
                    found(f"{name}: {program} has no flag {flag}")
            for variable in manifests.environment(objects, container):
                if f"Env:{variable})" not in text:
                    found(f"{name}: {program} reads no {variable}")
            if program != "recsae":
                check_ports(name, container, text, found)
    for program in sorted({key[0] for key in helps} - {"recsae"}):
        paths = {container[kind]["httpGet"]["path"]
                 for workload in manifests.of_kind(objects, "StatefulSet", "Deployment")
                 for container in manifests.template(workload)["spec"]["containers"]
                 if manifests.program(container) == program
                 for kind in ("startupProbe", "livenessProbe", "readinessProbe")}
        check_paths(f"{overlay}: {program}", folder / program, sorted(paths) + ["/metrics"], found)


def check_ports(name, container, text, found):
    """The ports that are told to Kubernetes are listened on, and are the program's own."""
    flags = dict(word.lstrip("-").split("=", 1) for word in container["args"] if "=" in word)
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    for flag, port in [("listen", "grpc"), ("metrics-listen", "metrics")]:
        said = int(flags[flag].rsplit(":", 1)[1])
        if ports.get(port) != said:
            found(f"{name}: port {port} is {ports.get(port)}, but --{flag} is {said}")
        if f"127.0.0.1:{said}" not in text:
            found(f"{name}: {said} is not the default port of --{flag}")


def check_services(overlay, objects, found):
    """Each service selects pods that have the ports it names; what peers dial is there."""
    pods = [manifests.template(workload) for workload in manifests.of_kind(objects, "StatefulSet", "Deployment")]
    for service in manifests.of_kind(objects, "Service"):
        name = f"{overlay}: Service {service['metadata']['name']}"
        behind = [pod for pod in pods if service["spec"]["selector"].items() <= pod["metadata"]["labels"].items()]
        if len(behind) != 1:
            found(f"{name} selects {len(behind)} workloads")
            continue
        if service["spec"].get("clusterIP") != "None":
            found(f"{name} is not headless: one connection would carry every call")
        ports = {port["name"]: port["containerPort"] for port in behind[0]["spec"]["containers"][0]["ports"]}
        for port in service["spec"]["ports"]:
            if ports.get(port["targetPort"]) != port["port"]:
                found(f"{name}: {port['name']} leads to {ports.get(port['targetPort'])}, not {port['port']}")
    known = {f"{service['metadata']['name']}:{port['port']}" for service in manifests.of_kind(objects, "Service")
             for port in service["spec"]["ports"]}
    for config in manifests.of_kind(objects, "ConfigMap"):
        for key, value in config["data"].items():
            if key in ("RECSAE_PROBE", "RECSAE_CONCEPT_STORE") and value.removeprefix("dns:///") not in known:
                found(f"{overlay}: {key} is {value}, which is no service here")
    for workload in manifests.of_kind(objects, "CronJob"):
        for container in manifests.template(workload)["spec"]["containers"]:
            server = container["args"][container["args"].index("--server") + 1].removeprefix("dns:///")
            if server not in known:
                found(f"{overlay}: {workload['metadata']['name']} dials {server}, which is no service here")


def check_paths(name, program, paths, found):
    """Starts the program and asks for each path."""
    with tempfile.TemporaryDirectory() as scratch:
        log = pathlib.Path(scratch, "log")
        with open(log, "wb") as sink:
            server = subprocess.Popen([program, "--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0",
                                       "--data-dir", pathlib.Path(scratch, "data")], stderr=sink, stdin=subprocess.DEVNULL)
        try:
            port = None
            deadline = time.monotonic() + 30
            while port is None and server.poll() is None and time.monotonic() < deadline:
                time.sleep(0.1)
                port = re.search(r'"metrics_port": ?"?(\d+)', log.read_text(errors="replace"))
            if port is None:
                found(f"{name} does not start: {log.read_text(errors='replace')[-300:]}")
                return
            for path in paths:
                # Readiness takes in peers, which this server has none of: any answer but 404 is one.
                try:
                    code = urllib.request.urlopen(f"http://127.0.0.1:{port[1]}{path}", timeout=5).status
                except urllib.error.HTTPError as error:
                    code = error.code
                if code != 200 and not (path == "/readyz" and code == 503):
                    found(f"{name} answers {code} at {path}")
        finally:
            server.terminate()
            server.wait(30)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=pathlib.Path, default=os.environ.get("RECSAE_BIN"))
    parser.add_argument("--kubectl", default="kubectl")
    options = parser.parse_args()
    found = Findings()
    for overlay in OVERLAYS:
        objects = manifests.render(options.kubectl, ROOT / "k8s" / "overlays" / overlay)
        check_schemas(objects, found)
        for workload in manifests.of_kind(objects, *manifests.WORKLOADS):
            spec = manifests.template(workload)["spec"]
            check_pod(f"{overlay}: {workload['metadata']['name']}", spec,
                      manifests.environment(objects, spec["containers"][0]), found)
            if not any(account["metadata"]["name"] == spec.get("serviceAccountName")
                       for account in manifests.of_kind(objects, "ServiceAccount")):
                found(f"{overlay}: {workload['metadata']['name']} has no account of its own")
        if manifests.of_kind(objects, "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"):
            found(f"{overlay}: an account has rights, and none needs any")
        check_services(overlay, objects, found)
        edges = edges_of(objects)
        for edge in sorted(edges - EDGES[overlay], key=str):
            found(f"{overlay}: the policies let {edge[0]} reach {edge[1]}:{edge[2]}, which is no edge")
        for edge in sorted(EDGES[overlay] - edges, key=str):
            found(f"{overlay}: the policies keep {edge[0]} from {edge[1]}:{edge[2]}")
        if options.bin:
            check_programs(overlay, objects, pathlib.Path(options.bin).resolve(), found)
        print(f"{overlay}: {len(objects)} objects, {len(edges)} edges")
    if not options.bin:
        print("No --bin and no RECSAE_BIN: flags, ports and paths were not compared with the programs")
    for line in found.lines:
        print(line, file=sys.stderr)
    return 1 if found.lines else 0


if __name__ == "__main__":
    sys.exit(main())
