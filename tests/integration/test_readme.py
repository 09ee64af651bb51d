"""The README's first commands do what they say, in the order in which they are printed."""

import os
import pathlib
import re
import socket
import subprocess
import tempfile
import unittest

from harness import BIN

README = pathlib.Path(__file__).parents[2] / "README.md"
SECONDS = 800


def block(heading):
    """The first block of shell commands under a heading."""
    text = README.read_text().split(f"\n## {heading}\n", 1)[1]
    return re.search(r"```sh\n(.*?)```", text, re.S).group(1)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class ReadmeTest(unittest.TestCase):
    def test_keep_one_running(self):
        commands = block("Keep one running")
        self.assertIn("steer", commands)
        # Only what stands for something else is replaced: the data sets' folder, and the port, which may be taken.
        address = f"127.0.0.1:{free_port()}"
        commands = commands.replace("/path/to/datasets", ".").replace("127.0.0.1:7400", address)
        # (People are slower than scripts: they go on when it is there.)
        host, port = address.split(":")
        there = f"until (: </dev/tcp/{host}/{port}) 2>/dev/null; do sleep 0.2; done\n"
        commands = commands.replace(
            " &\n", f" --listen {address} --metrics-listen 127.0.0.1:0 2>server.log &\n{there}", 1)
        script = "set -e\ntrap 'kill $(jobs -p); wait' EXIT\n" + commands
        with tempfile.TemporaryDirectory(prefix="recsae-readme-") as folder:
            place = pathlib.Path(folder) / "build" / "release"
            place.mkdir(parents=True)
            (place / "bin").symlink_to(pathlib.Path(BIN).resolve())
            env = {**os.environ, "NO_COLOR": "1"}
            env.pop("RECSAE_SERVER", None)
            done = subprocess.run(["bash", "-c", script], cwd=folder, env=env, timeout=SECONDS,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                  check=False)
        self.assertEqual(done.returncode, 0, done.stdout[-4000:])
        self.assertNotIn("no concept of", done.stdout)
        self.assertNotIn("changes nothing", done.stdout)
        # Horror is found, and steered towards.
        self.assertRegex(done.stdout, r"(?s)steered.*Horror.*BEFORE")


if __name__ == "__main__":
    unittest.main()
