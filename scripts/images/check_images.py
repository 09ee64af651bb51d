#!/usr/bin/env python3
"""Runs every image as a cluster would, by podman: check_images.py [--tag TAG] [--prefix PREFIX] [--base IMAGE] [--calls N]

Each serves with a read-only root, without capabilities, as user 65532, and stops with 0 within 2 seconds when idle; has
labels and an SBOM that names what is installed; those without libtorch add at most 60 MiB to the base. Then the planted
pipeline runs on four containers, and of 10,000 Explain calls none fails while two explainers are restarted in turn.

Needs the Python protos of a build: PYTHONPATH=build/release/python, and grpcio.
"""
import argparse
import json
import sys

import containers
import rolling
from containers import Server, podman

SERVERS = ["probe", "trainer", "concept-store", "explainer", "standalone", "probe-torch", "standalone-torch"]
PROGRAMS = {"cli": "recsae", "torch-host": "recsae-torch-host"}
LARGEST = 60 << 20  # above the base, as pulled
IDLE_STOP = 2.0


def check_contents(image, target, found):
    """Labels, user, SBOM."""
    config = json.loads(podman("image", "inspect", image).stdout)[0]
    for label in ("title", "description", "version", "revision", "licenses", "base.name"):
        if not config["Labels"].get(f"org.opencontainers.image.{label}"):
            found.append(f"{target}: no label {label}")
    if config["User"] != "65532:65532":
        found.append(f"{target}: runs as {config['User']}")
    bom = json.loads(podman("run", "--rm", *containers.FLAGS, "--entrypoint=/bin/cat", image,
                            "/usr/share/recsae/sbom.cdx.json").stdout)
    listed = {(part["name"], part["version"]) for part in bom["components"] if part["type"] == "library"}
    installed = podman("run", "--rm", *containers.FLAGS, "--entrypoint=/usr/bin/dpkg-query", image, "--show",
                       "--showformat=${db:Status-Status} ${Package} ${Version}\\n").stdout
    there = {tuple(line.split()[1:]) for line in installed.splitlines() if line.startswith("installed ")}
    if listed != there:
        found.append(f"{target}: the SBOM differs from what is installed: {sorted(listed ^ there)[:5]}")
    return len(listed)


def check_life(image, target, found):
    """Serves, keeps what it wrote, stops."""
    server = Server(image, target.removesuffix("-torch"), until="/livez")
    try:
        server.start()
        code, text = containers.get(server.metrics, "/metrics")
        if code != 200 or "recsae_build_info" not in text:
            found.append(f"{target}: no metrics ({code})")
        status, seconds = server.stop()
        if status != 0 or seconds > IDLE_STOP:
            found.append(f"{target}: stopped with {status} after {seconds:.1f} s: {server.logs()[-500:]}")
        server.restart()
        again, _ = server.stop()
        if again != 0:
            found.append(f"{target}: the second run stopped with {again}")
        return seconds
    finally:
        server.remove()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prefix", default="localhost/recsae")
    parser.add_argument("--tag", default="0.1.0")
    parser.add_argument("--base", required=True)
    parser.add_argument("--calls", type=int, default=10000)
    parser.add_argument("targets", nargs="*")
    options = parser.parse_args()
    containers.configure()
    found = []
    for target in options.targets or SERVERS + list(PROGRAMS):
        image = f"{options.prefix}-{target}:{options.tag}"
        packages = check_contents(image, target, found)
        if target in PROGRAMS:
            said = podman("run", "--rm", *containers.FLAGS, image, "--version").stdout
            if not said.startswith(PROGRAMS[target]):
                found.append(f"{target}: --version says {said!r}")
            stopped = ""
        else:
            stopped = f", stopped in {check_life(image, target, found):.2f} s"
        unpacked, packed = containers.sizes(image, options.base)
        print(f"{target}: {packages} packages, {packed / 2**20:.1f} MiB above the base as pulled, "
              f"{unpacked / 2**20:.1f} MiB unpacked{stopped}", flush=True)
        if "torch" not in target and packed > LARGEST:
            found.append(f"{target}: {packed / 2**20:.1f} MiB above the base")
    if not options.targets or "explainer" in options.targets:
        found += rolling.check(options.prefix, options.tag, options.calls)
    for line in found:
        print(line, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
