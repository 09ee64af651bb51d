"""Containers of the suite's images, run as a cluster runs them: read-only, no capability, a user that is nobody."""
import json
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

PORTS = {"probe": (7401, 9401), "trainer": (7402, 9402), "concept-store": (7403, 9403), "explainer": (7404, 9404),
         "standalone": (7400, 9400)}
FLAGS = ["--read-only", "--read-only-tmpfs=false", "--cap-drop=all", "--security-opt=no-new-privileges",
         "--user=65532:65532", "--network=host", "--pids-limit=2000"]


def configure():
    """Where no systemd runs (a container, a bare machine), podman needs to be told to do without it."""
    if os.path.isdir("/run/systemd/system") or "CONTAINERS_CONF" in os.environ:
        return
    folder = pathlib.Path(tempfile.gettempdir(), "recsae-podman")
    folder.mkdir(exist_ok=True)
    config = folder / "containers.conf"
    runtime = "crun" if shutil.which("crun") else "runc"
    config.write_text('[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n'
                      f'runtime = "{runtime}"\n'
                      '[containers]\ndefault_ulimits = ["nofile=20000:20000", "nproc=20000:20000"]\n')
    os.environ["CONTAINERS_CONF"] = str(config)
    os.environ.setdefault("BUILDAH_ISOLATION", "chroot")


def podman(*words, check=True, **options):
    done = subprocess.run(["podman", *map(str, words)], capture_output=True, text=True, check=False, **options)
    if check and done.returncode != 0:
        raise RuntimeError(f"podman {' '.join(map(str, words))}: {done.stderr}")
    return done


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def get(port, path):
    """Status and text of a GET, or (0, "") where nobody listens."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""


class Server:
    """One server in a container on free ports of this machine's loopback."""

    def __init__(self, image, target, *flags, memory="2g", until="/readyz"):
        """until: what answers once it has started. An explainer without its peers is alive and never ready."""
        self.image, self.target, self.flags, self.memory, self.until = image, target, flags, memory, until
        self.port, self.metrics = free_port(), free_port()
        self.name = f"recsae-check-{target}-{self.port}"
        self.volume = self.name

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def start(self):
        podman("run", "--detach", "--name", self.name, *FLAGS, f"--memory={self.memory}",
               f"--volume={self.volume}:/data", self.image, f"--listen=127.0.0.1:{self.port}",
               f"--metrics-listen=127.0.0.1:{self.metrics}", *self.flags)
        return self.wait()

    def restart(self):
        podman("start", self.name)
        return self.wait()

    def wait(self):
        deadline = time.monotonic() + 60
        while True:
            code, _ = get(self.metrics, self.until)
            if code == 200:
                return self
            if time.monotonic() > deadline or not self.running():
                raise RuntimeError(f"{self.name} is not ready ({code}): {self.logs()[-2000:]}")
            time.sleep(0.1)

    def running(self):
        return podman("inspect", "--format={{.State.Running}}", self.name, check=False).stdout.strip() == "true"

    def logs(self):
        done = podman("logs", self.name, check=False)
        return done.stdout + done.stderr

    def stop(self, seconds=40):
        """SIGTERM; returns exit status and seconds."""
        began = time.monotonic()
        podman("kill", "--signal=TERM", self.name)
        code = int(podman("wait", "--interval=50ms", self.name, timeout=seconds).stdout.strip())
        return code, time.monotonic() - began

    def remove(self):
        podman("rm", "--force", "--time=1", self.name, check=False)
        podman("volume", "rm", "--force", self.volume, check=False)


def sizes(image, base):
    """Bytes that an image adds to its base: unpacked, and gzipped, as registries keep and nodes pull it."""
    def inspected(name):
        return json.loads(podman("image", "inspect", name).stdout)[0]
    own = len(inspected(image)["RootFS"]["Layers"]) - len(inspected(base)["RootFS"]["Layers"])
    with tempfile.TemporaryDirectory() as scratch:
        podman("push", "--quiet", image, f"dir:{scratch}")
        manifest = json.loads(pathlib.Path(scratch, "manifest.json").read_text())
        packed = 0
        for layer in manifest["layers"][-own:]:
            blob = pathlib.Path(scratch, layer["digest"].removeprefix("sha256:"))
            if not layer["mediaType"].endswith("gzip"):
                packed += int(subprocess.run(f"gzip -6 <{blob} | wc -c", shell=True, check=True, capture_output=True).stdout)
            else:
                packed += layer["size"]
    return inspected(image)["Size"] - inspected(base)["Size"], packed
