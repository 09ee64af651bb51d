#!/usr/bin/env python3
"""The abuse suite (tests/integration/test_abuse.py) as it would meet a small container: check-abuse.py [TEST ...]

Each server runs in a control group of 1 GiB, with 1,024 files, its data on a disk of 256 MiB. It must not die, its memory
stays below 900 MiB, a bystander's Explain is answered throughout, at the 99th percentile within ten times what it takes when
all is quiet, the port answers within 3 s of the worst and a scrape takes at most 1 s. Prints what was measured.

As root. $RECSAE_BIN: the programs; $RECSAE_PYTHON_PROTOS: the Python protos of their build [RECSAE_BIN/../python].
"""
import contextlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
MEMORY = 1 << 30
DISK_MIB = 256
BOUNDS = {"peak_rss_mib": 900, "port_seconds": 3, "scrape_seconds": 1}
P99_RATIO = 10


@contextlib.contextmanager
def memory_group():
    """A control group of MEMORY bytes, of version 1 or 2, swap included where it is counted."""
    root = pathlib.Path("/sys/fs/cgroup")
    second = (root / "cgroup.controllers").exists()
    group = (root if second else root / "memory") / f"recsae-abuse-{os.getpid()}"
    if second:
        (root / "cgroup.subtree_control").write_text("+memory")
    group.mkdir()
    try:
        for name in ["memory.max"] if second else ["memory.limit_in_bytes", "memory.memsw.limit_in_bytes"]:
            if (group / name).exists():
                (group / name).write_text(str(MEMORY))
        yield group
    finally:
        group.rmdir()


def kills(group):
    """How many processes were killed for memory."""
    text = next(file for name in ("memory.events", "memory.oom_control") if (file := group / name).exists()).read_text()
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("oom_kill "))


@contextlib.contextmanager
def small_disk(scratch):
    """ext4 in a file; where that cannot be mounted, memory."""
    image, disk = scratch / "disk.img", scratch / "disk"
    disk.mkdir()
    with open(image, "wb") as file:
        file.truncate(DISK_MIB << 20)
    subprocess.run(["mkfs.ext4", "-q", "-m", "0", image], check=True)
    if subprocess.run(["mount", "-o", "loop", image, disk], capture_output=True, check=False).returncode != 0:
        print("no loop device here: the disk is a tmpfs, whose pages count as memory of the server")
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "tmpfs", disk], check=True)
    try:
        yield disk
    finally:
        subprocess.run(["umount", disk], check=True)


def judge(found):
    """Prints a line for each test; returns what is beyond its bound."""
    wrong = []
    print(f"{'test':62} {'RSS MiB':>8} {'port s':>7} {'scrape s':>9} {'quiet p99 ms':>13} {'p99 ms':>8} {'ratio':>6}")
    for figures in found:
        ratio = figures["p99"] / figures["quiet_p99"] if "p99" in figures else None
        shown = f"{figures['quiet_p99']:13.1f} {figures['p99']:8.1f} {ratio:6.1f}" if ratio else ""
        print(f"{figures['test']:62} {figures['peak_rss_mib']:8} {figures['port_seconds']:7.2f} "
              f"{figures['scrape_seconds']:9.3f} {shown}")
        wrong += [f"{figures['test']}: {name} is {figures[name]}, above {bound}"
                  for name, bound in BOUNDS.items() if figures[name] > bound]
        if ratio and ratio > P99_RATIO:
            wrong.append(f"{figures['test']}: the bystander's p99 is {ratio:.1f} times the quiet one")
    return wrong


def main() -> int:
    bin_folder = pathlib.Path(os.environ.get("RECSAE_BIN", ROOT / "build" / "release" / "bin")).resolve()
    protos = os.environ.get("RECSAE_PYTHON_PROTOS", bin_folder.parent / "python")
    if os.geteuid() != 0:
        raise SystemExit("check-abuse.py: needs root, for a control group and a disk")
    with tempfile.TemporaryDirectory(prefix="recsae-abuse-") as scratch, memory_group() as group, \
            small_disk(pathlib.Path(scratch)) as disk:
        figures = pathlib.Path(scratch, "figures")
        figures.touch()
        tests = [f"test_abuse.AbuseTest.{name}" for name in sys.argv[1:]] or ["test_abuse"]
        done = subprocess.run(
            ["/usr/bin/python3", "-m", "unittest", *tests], cwd=ROOT / "tests" / "integration", check=False,
            env={**os.environ, "PYTHONPATH": str(protos), "RECSAE_BIN": str(bin_folder), "PYTHONDONTWRITEBYTECODE": "1",
                 "RECSAE_ABUSE_GROUP": str(group), "RECSAE_ABUSE_DISK": str(disk), "RECSAE_ABUSE_FIGURES": str(figures)})
        wrong = judge([json.loads(line) for line in figures.read_text().splitlines()])
        if kills(group):
            wrong.append(f"{kills(group)} processes were killed for memory")
    if done.returncode != 0:
        wrong.append("tests failed, see above")
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
