#!/usr/bin/env python3
"""Applies both overlays to a real kube-apiserver, which runs for the time of the check on loopback.

    check_apiserver.py --apiserver PROGRAM [--etcd PROGRAM] [--kubectl PROGRAM]

Each overlay twice, strictly validated: everything is created, then unchanged, without a warning; each pod template is
taken as a pod under Pod Security `restricted`, and one that is not is refused; no account of ours may do anything.
etcd is Debian's etcd-server.
"""
import argparse
import contextlib
import json
import pathlib
import re
import secrets
import socket
import subprocess
import sys
import tempfile
import time

import yaml

import manifests

ROOT = pathlib.Path(__file__).resolve().parents[2]
OVERLAYS = {"dev": "recsae-dev", "prod": "recsae"}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def process(command, log):
    with open(log, "wb") as sink:
        child = subprocess.Popen(command, stdout=sink, stderr=sink, stdin=subprocess.DEVNULL, cwd=log.parent)
    try:
        yield child
    finally:
        child.terminate()
        try:
            child.wait(20)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


@contextlib.contextmanager
def control_plane(options, folder):
    """A function that calls kubectl as an administrator: (arguments, input) -> CompletedProcess."""
    client, peer, port = free_port(), free_port(), free_port()
    token = secrets.token_hex(16)
    (folder / "tokens.csv").write_text(f'{token},admin,1,"system:masters"\n')
    subprocess.run(["openssl", "genrsa", "-out", folder / "accounts.key", "2048"], check=True, capture_output=True)
    etcd = [options.etcd, f"--data-dir={folder}/etcd", f"--listen-client-urls=http://127.0.0.1:{client}",
            f"--advertise-client-urls=http://127.0.0.1:{client}", f"--listen-peer-urls=http://127.0.0.1:{peer}",
            f"--initial-advertise-peer-urls=http://127.0.0.1:{peer}", f"--initial-cluster=default=http://127.0.0.1:{peer}"]
    apiserver = [options.apiserver, f"--etcd-servers=http://127.0.0.1:{client}", "--bind-address=127.0.0.1",
                 f"--secure-port={port}", f"--cert-dir={folder}/certificates", f"--token-auth-file={folder}/tokens.csv",
                 f"--service-account-key-file={folder}/accounts.key",
                 f"--service-account-signing-key-file={folder}/accounts.key",
                 "--service-account-issuer=https://recsae.test", "--authorization-mode=RBAC",
                 "--endpoint-reconciler-type=none", "--service-cluster-ip-range=10.96.0.0/16"]
    with process(etcd, folder / "etcd.log"), process(apiserver, folder / "apiserver.log") as server:
        (folder / "kubeconfig").write_text(yaml.safe_dump({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{"name": "test", "cluster": {"server": f"https://127.0.0.1:{port}",
                                                      "insecure-skip-tls-verify": True}}],
            "users": [{"name": "test", "user": {"token": token}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}]}))

        def kubectl(*words, text=None):
            return subprocess.run([options.kubectl, f"--kubeconfig={folder}/kubeconfig", *words], input=text,
                                  capture_output=True, text=True, check=False)

        began = time.monotonic()
        while kubectl("get", "--raw=/readyz").stdout != "ok":
            if server.poll() is not None or time.monotonic() - began > 120:
                raise SystemExit("the API server does not start:\n" + (folder / "apiserver.log").read_text()[-3000:])
            time.sleep(0.5)
        version = re.search(r'"gitVersion": "([^"]*)"', kubectl("get", "--raw=/version").stdout)
        print(f"kube-apiserver {version[1]} up after {time.monotonic() - began:.0f} s")
        yield kubectl


# kubectl 1.37 sends the selector of one again each time, whatever is there; what counts is that nothing changes by it.
SENT_AGAIN = ("poddisruptionbudget.policy/",)


def versions(kubectl, folder):
    items = json.loads(kubectl("get", "-k", folder, "-o", "json").stdout)["items"]
    return {(item["kind"], item["metadata"]["name"]): item["metadata"]["resourceVersion"] for item in items}


def check_apply(kubectl, overlay, objects, found):
    folder = ROOT / "k8s" / "overlays" / overlay
    before = {}
    for attempt, word in enumerate(["created", "unchanged"]):
        done = kubectl("apply", "--validate=strict", "-k", folder)
        lines = done.stdout.splitlines()
        if done.returncode != 0 or done.stderr:
            found.append(f"{overlay}: apply: {done.stderr}")
        if len(lines) != len(objects):
            found.append(f"{overlay}: {len(lines)} of {len(objects)} objects were taken")
        found += [f"{overlay}: apply {attempt + 1}: {line}" for line in lines
                  if not line.endswith(word) and not (attempt == 1 and line.startswith(SENT_AGAIN))]
        print(f"{overlay}: {sum(line.endswith(word) for line in lines)} of {len(lines)} objects {word}")
        after = versions(kubectl, folder)
        found += [f"{overlay}: {kind} {name} is another after the second apply" for (kind, name), version in before.items()
                  if after.get((kind, name)) != version]
        before = after
    print(f"{overlay}: {len(before)} objects as they were after the second apply")


def check_pods(kubectl, overlay, namespace, objects, found):
    """The pods as such: the label `warn` speaks of templates, `enforce` of pods."""
    pods = 0
    for workload in manifests.of_kind(objects, *manifests.WORKLOADS):
        template = manifests.template(workload)
        pod = {"apiVersion": "v1", "kind": "Pod",
               "metadata": {"name": "try-" + workload["metadata"]["name"], "namespace": namespace,
                            "labels": template["metadata"]["labels"]},
               "spec": dict(template["spec"])}
        # What a StatefulSet would make of its claims.
        claims = [claim["metadata"]["name"] for claim in workload["spec"].get("volumeClaimTemplates", [])]
        pod["spec"]["volumes"] = pod["spec"].get("volumes", []) + [
            {"name": name, "persistentVolumeClaim": {"claimName": name}} for name in claims]
        done = kubectl("create", "--dry-run=server", "--validate=strict", "-f", "-", text=yaml.safe_dump(pod))
        if done.returncode != 0 or done.stderr:
            found.append(f"{overlay}: the pod of {workload['metadata']['name']}: {done.stderr}")
        pods += 1
        pod["spec"]["hostNetwork"] = True
        if "violates PodSecurity" not in kubectl("create", "--dry-run=server", "-f", "-", text=yaml.safe_dump(pod)).stderr:
            found.append(f"{overlay}: a pod with hostNetwork is not refused")
    print(f"{overlay}: {pods} pods taken under Pod Security restricted, and refused with hostNetwork")


def check_accounts(kubectl, overlay, namespace, objects, found):
    """No more than everybody may: ask who they are and what they may, and read what the API has."""
    accounts = [account["metadata"]["name"] for account in manifests.of_kind(objects, "ServiceAccount")]
    review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview", "spec": {"namespace": namespace}}
    for account in [*accounts, "default"]:
        name = f"system:serviceaccount:{namespace}:{account}"
        done = kubectl("create", "--validate=false", "-f", "-", "-o", "json", f"--as={name}", text=json.dumps(review))
        if done.returncode != 0:
            found.append(f"{overlay}: {name} cannot be asked what it may: {done.stderr}")
            continue
        may = json.loads(done.stdout)["status"]
        found += [f"{overlay}: {name} may {rule['verbs']} {rule.get('resources')}" for rule in may["resourceRules"]
                  if not all(what.startswith("selfsubject") for what in rule.get("resources", ["?"]))]
        found += [f"{overlay}: {name} may {rule['verbs']} {rule['nonResourceURLs']}" for rule in may["nonResourceRules"]
                  if rule["verbs"] != ["get"]]
        for verb, what in [("get", "pods"), ("list", "secrets"), ("get", "configmaps"), ("create", "pods"), ("*", "*")]:
            if kubectl("auth", "can-i", verb, what, "--namespace", namespace, f"--as={name}").stdout.strip() != "no":
                found.append(f"{overlay}: {name} may {verb} {what}")
    print(f"{overlay}: {len(accounts)} accounts may what everybody may, and no more")


def check_secrets(kubectl, scratch, found):
    """The commands of docs/deploy.md; what they make has the keys that the pods of prod look for."""
    identity = scratch / "identity"
    subprocess.run([ROOT / "scripts" / "make-identity.sh", identity], check=True, capture_output=True)
    wanted = {f"recsae-{server}-tls": ([f"--from-file={identity / server}"], {"tls.crt", "tls.key", "ca.crt"})
              for server in ("probe", "trainer", "concept-store", "explainer", "explainer-jobs")}
    wanted["recsae-tokens"] = ([f"--from-file=tokens={identity / 'tokens'}"], {"tokens"})
    wanted["recsae-backup"] = ([f"--from-file=token={identity / 'token.admin'}", f"--from-file=ca.crt={identity / 'ca.crt'}"],
                               {"token", "ca.crt"})
    for name, (files, keys) in wanted.items():
        done = kubectl("-n", "recsae", "create", "secret", "generic", name, "-o", "json", *files)
        if done.returncode != 0 or set(json.loads(done.stdout)["data"]) != keys:
            found.append(f"prod: the Secret {name}: {done.stderr or done.stdout}")
    print(f"prod: {len(wanted)} Secrets made as docs/deploy.md says")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--apiserver", required=True, type=pathlib.Path)
    parser.add_argument("--etcd", default="etcd")
    parser.add_argument("--kubectl", default="kubectl")
    options = parser.parse_args()
    options.apiserver = options.apiserver.resolve()
    found = []
    with tempfile.TemporaryDirectory() as scratch, control_plane(options, pathlib.Path(scratch)) as kubectl:
        done = kubectl("create", "-f", ROOT / "scripts" / "k8s" / "operator-kinds.yaml")
        if done.returncode != 0:
            raise SystemExit(done.stderr)
        kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
        for overlay, namespace in OVERLAYS.items():
            objects = manifests.render(options.kubectl, ROOT / "k8s" / "overlays" / overlay)
            check_apply(kubectl, overlay, objects, found)
            check_pods(kubectl, overlay, namespace, objects, found)
            check_accounts(kubectl, overlay, namespace, objects, found)
        check_secrets(kubectl, pathlib.Path(scratch), found)
    for line in found:
        print(line, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
