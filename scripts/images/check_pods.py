#!/usr/bin/env python3
"""Runs the pods of an overlay by `podman kube play` and the planted pipeline on them:

    check_pods.py [--overlay FOLDER] [--prefix PREFIX] [--tag TAG] [--kubectl PROGRAM]

What the overlay renders is played as it is: users, read-only roots, limits, flags, variables, certificates and tokens (made
for the occasion). Podman has no StatefulSets, services or probes: each workload becomes its pods, names are host aliases
of fixed addresses, and this script asks /readyz. Then every container is killed in turn, and the dictionary has to be what
it was.

Needs podman with netavark; PyYAML.
"""
import argparse
import base64
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

import yaml

import containers
from containers import podman

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts" / "k8s"))
import manifests  # noqa: E402

NETWORK = "recsae-check"
SUBNET = "10.89.77"
REPLICAS = 3  # of the Deployment
PROBES = ("startupProbe", "livenessProbe", "readinessProbe")


def secret_files(name, identity):
    """What scripts/make-identity.sh made for a Secret, by key."""
    if name == "recsae-tokens":
        return {"tokens": identity / "tokens"}
    folder = identity / name.removeprefix("recsae-").removesuffix("-tls")
    return {file: folder / file for file in ("tls.crt", "tls.key", "ca.crt")}


def secret(name, identity):
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name},
            "data": {key: base64.b64encode(file.read_bytes()).decode()
                     for key, file in secret_files(name, identity).items()}}


def write_secret(name, identity):
    """Into the volume that podman makes of it, as the kubelet would: podman 4.3 leaves the values in base64."""
    folder = pathlib.Path(podman("volume", "inspect", "--format={{.Mountpoint}}", name).stdout.strip())
    for key, file in secret_files(name, identity).items():
        (folder / key).write_bytes(file.read_bytes())
        (folder / key).chmod(0o440)
        os.chown(folder / key, 0, 65532)  # fsGroup


def claim(name):
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim",
            "metadata": {"name": name, "annotations": {"volume.podman.io/uid": "65532", "volume.podman.io/gid": "65532"}},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}


class Pod:
    """One pod of a workload, at an address of its own."""

    def __init__(self, workload, number, host):
        replicated = workload["kind"] == "Deployment"
        self.service = workload["metadata"]["name"]
        self.name = f"{self.service}-{number}" if replicated else self.service
        self.address = f"{SUBNET}.{host}"
        template = manifests.template(workload)
        self.spec = dict(template["spec"], hostname=self.name)
        self.labels = template["metadata"]["labels"]
        self.container = dict(self.spec["containers"][0], imagePullPolicy="Never")
        for probe in PROBES:
            self.container.pop(probe, None)
        # Podman would bind them on this machine, too.
        self.ports = {port["name"]: port["containerPort"] for port in self.container.pop("ports")}
        self.claims = [f"{NETWORK}-{self.name}-{entry['metadata']['name']}"
                       for entry in workload["spec"].get("volumeClaimTemplates", [])]
        volumes = [{"name": entry["metadata"]["name"], "persistentVolumeClaim": {"claimName": name}}
                   for entry, name in zip(workload["spec"].get("volumeClaimTemplates", []), self.claims)]
        for volume in self.spec.get("volumes", []):
            if "emptyDir" in volume:
                self.claims.append(f"{NETWORK}-{self.name}-{volume['name']}")
                volume = {"name": volume["name"], "persistentVolumeClaim": {"claimName": self.claims[-1]}}
            elif "secret" in volume:  # podman 4.3 crashes where `optional` is not said
                volume = dict(volume, secret=dict(volume["secret"], optional=False))
            volumes.append(volume)
        self.spec["volumes"] = volumes
        self.secrets = [volume["secret"]["secretName"] for volume in volumes if "secret" in volume]
        self.spec["containers"] = [self.container]

    def objects(self, config, identity, names, options):
        target = self.container["image"].rsplit("/", 1)[-1].split(":")[0].removeprefix("recsae-")
        self.container["image"] = f"{options.prefix}-{target}:{options.tag}"
        self.spec["hostAliases"] = [{"ip": address, "hostnames": [name]}
                                    for name, addresses in names.items() for address in addresses]
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": self.name, "labels": self.labels}, "spec": self.spec}
        return [*config, *(secret(name, identity) for name in self.secrets), *map(claim, self.claims), pod]

    def ready(self):
        try:
            return urllib.request.urlopen(f"http://{self.address}:{self.ports['metrics']}/readyz", timeout=3).status == 200
        except (OSError, urllib.error.HTTPError):
            return False

    def wait(self):
        deadline = time.monotonic() + 90
        while not self.ready():
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self.name} is not ready: "
                                   + podman("logs", f"{self.name}-{self.container['name']}", check=False).stderr[-2000:])
            time.sleep(0.3)


def command(pods, identity, options, *words):
    """The cli's image against the pods, as a writer."""
    names = {pod.service: pod for pod in pods}
    ports = {"probe": 7401, "trainer": 7402, "concept-store": 7403}
    servers = [word for name, port in ports.items() for word in (f"--{name}", f"recsae-{name}:{port}")]
    servers += ["--explainer", "recsae-explainer-jobs:7404"]
    hosts = [f"--add-host={name}:{pod.address}" for name, pod in names.items()]
    return podman("run", "--rm", f"--network={NETWORK}", *hosts, "--read-only", "--cap-drop=all",
                  f"--volume={identity}:/identity:ro", "--env=RECSAE_TLS_CA=/identity/ca.crt",
                  "--env=RECSAE_TOKEN_FILE=/identity/token.writer", f"{options.prefix}-cli:{options.tag}",
                  *servers, *words, timeout=900).stdout


def start(container):
    """As the kubelet would, which tries again: podman may not yet know in which state a container is that has ended."""
    for seconds in (1, 2, 4, 8):
        if podman("start", container, check=False).returncode == 0:
            return
        time.sleep(seconds)
    podman("start", container)


def clear(pods):
    """`kube down` leaves the volumes that podman makes of Secrets, and pods that never had a container."""
    for pod in pods:
        podman("pod", "rm", "--force", "--time=1", pod.name, check=False)
    for pod in pods:
        for name in pod.claims + pod.secrets:
            podman("volume", "rm", "--force", name, check=False)
        for name in pod.secrets:
            podman("secret", "rm", name, check=False)
    podman("network", "rm", "--force", NETWORK, check=False)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--overlay", type=pathlib.Path, default=ROOT / "k8s" / "overlays" / "prod")
    parser.add_argument("--prefix", default="localhost/recsae")
    parser.add_argument("--tag", default="0.1.0")
    parser.add_argument("--kubectl", default="kubectl")
    options = parser.parse_args()
    containers.configure()
    objects = manifests.render(options.kubectl, options.overlay)
    config = manifests.of_kind(objects, "ConfigMap")
    config = [dict(item, metadata={"name": item["metadata"]["name"]}) for item in config
              if item["metadata"]["name"] != "recsae-dashboards"]
    pods = []
    for workload in manifests.of_kind(objects, "StatefulSet", "Deployment"):
        for number in range(REPLICAS if workload["kind"] == "Deployment" else 1):
            pods.append(Pod(workload, number, 10 + len(pods)))
    names = {}
    for pod in pods:
        names.setdefault(pod.service, []).append(pod.address)
    wrong = []
    with tempfile.TemporaryDirectory() as scratch:
        identity = pathlib.Path(scratch, "identity")
        subprocess.run([ROOT / "scripts" / "make-identity.sh", identity], check=True)
        subprocess.run(["chmod", "-R", "a+rX", scratch], check=True)
        clear(pods)  # what a run that was broken off has left
        podman("network", "create", f"--subnet={SUBNET}.0/24", NETWORK)
        try:
            for pod in pods:
                file = pathlib.Path(scratch, f"{pod.name}.yaml")
                file.write_text(yaml.safe_dump_all(pod.objects(config, identity, names, options)))
                podman("kube", "play", "--start=false", f"--network={NETWORK}", f"--ip={pod.address}", file)
                for name in pod.secrets:
                    write_secret(name, identity)
                podman("pod", "start", pod.name)
            for pod in pods:
                pod.wait()
            print(f"{len(pods)} pods are ready", flush=True)
            began = time.monotonic()
            command(pods, identity, options, "pipeline", "--dataset", "planted", "--recommender", "bprmf", "--seed", "1")
            print(f"the planted pipeline ran on them in {time.monotonic() - began:.0f} s", flush=True)

            def dictionary():
                return command(pods, identity, options, "--json", "concepts", "list", "--limit", "0")

            before = dictionary()
            for pod in pods:
                container = f"{pod.name}-{pod.container['name']}"
                podman("kill", "--signal=KILL", container)
                podman("wait", "--interval=100ms", container, timeout=60)
                start(container)
                pod.wait()
                if dictionary() != before:
                    wrong.append(f"the dictionary is another after {pod.name} was killed")
            print(f"{len(pods)} containers were killed in turn: " + ("; ".join(wrong) or "the dictionary is what it was"))
        finally:
            clear(pods)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
