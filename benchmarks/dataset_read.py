#!/usr/bin/env python3
"""What reading a data set costs: `recsae datasets get` on generated ones of each layout, beside `wc -l` of the same file.

  RECSAE_BIN=build/release/bin python3 benchmarks/dataset_read.py                 # 25 million interactions, all layouts
  RECSAE_BIN=build/release/bin python3 benchmarks/dataset_read.py --rows 1000000 ml_csv steam

Writes one data set at a time into a temporary folder (--folder: around it; the largest takes 5 GB) and deletes it after
its run. Each is read by a server of its own. Prints a line for each: rows and size of the files (as they are, and
unpacked), seconds by the clock and of processor time, the server's peak memory, that in multiples of the unpacked file,
and the processor time in multiples of `wc -l` of what is unpacked.
"""

import argparse
import os
import pathlib
import resource
import shutil
import subprocess
import sys
import tempfile
import time

import numpy as np

BIN = pathlib.Path(os.environ.get("RECSAE_BIN", "build/release/bin"))
BLOCK = 250_000
START_SECONDS, READ_SECONDS = 60, 600


class Log:
    """Interactions block by block: users one after the other, items by popularity, times that go up."""

    def __init__(self, rows, users, items, seed):
        self.rows, self.users, self.items = rows, max(1, min(users, rows // 3)), max(20, min(items, rows // 3))
        self.rng = np.random.default_rng(seed)

    def blocks(self):
        """Lists of user numbers, item numbers and seconds."""
        for first in range(0, self.rows, BLOCK):
            size = min(BLOCK, self.rows - first)
            users = (np.arange(first, first + size) * self.users // self.rows)
            items = (self.items * self.rng.random(size) ** 3).astype(np.int64)
            times = 1_300_000_000 + np.arange(first, first + size) * 8
            yield users.tolist(), items.tolist(), times.tolist()

    def stars(self, size, top=5):
        return self.rng.integers(1, top + 1, size).tolist()


def lines_of(log, line):
    """The file's text, a block at a time; line(user, item, time, stars) is one line."""
    for users, items, times in log.blocks():
        yield "".join(map(line, users, items, times, log.stars(len(users))))


def written(folder, name, pieces, packing=None):
    """Writes a file, packed by a program's standard input, and returns its path."""
    path = folder / name
    packer = packing and subprocess.Popen(packing, stdin=subprocess.PIPE, stdout=open(path, "wb"))
    with packer.stdin if packer else open(path, "wb") as file:
        for piece in pieces:
            file.write(piece.encode("utf-8"))
    if packer and packer.wait() != 0:
        sys.exit(f"{packing[0]} failed")
    return path


def day(seconds):
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(seconds))


def table(log, name, header, line, items=None, packing=None, users=160_000, count=60_000):
    """A layout of one line an interaction: a function that writes it. items: (file, header, line of an item)."""
    def write(folder, rows, seed):
        made = Log(rows, users, count, seed)
        pieces = [header] if header else []
        path = written(folder, name, (piece for source in (pieces, lines_of(made, line)) for piece in source), packing)
        if items:
            written(folder, items[0], [items[1]] + [items[2](item) for item in range(made.items)])
        return path
    write.__name__ = log
    return write


def mind(folder, rows, seed):
    """An impression of three interactions a line: a click, and two items of the history on the user's first line."""
    log = Log(rows // 3, 400_000, 60_000, seed)
    def lines():
        number, last = 0, -1
        for users, items, times in log.blocks():
            piece = []
            for user, item, when in zip(users, items, times):
                number += 1
                stamp = time.strftime("%m/%d/%Y %I:%M:%S %p", time.gmtime(when)) if number % 50 == 1 else stamp
                history = f"N{item * 7 % log.items} N{item * 11 % log.items}"
                piece.append(f"{number}\tU{user}\t{stamp}\t{history}\tN{item}-1 N{item * 3 % log.items}-0 N{item * 5 % log.items}-0\n")
                last = user
            yield "".join(piece)
    path = written(folder, "behaviors.tsv", lines())
    written(folder, "news.tsv", [f"N{i}\tsports\tkind{i % 40}\tHeadline of number {i}\tAbstract\thttps://x\t[]\t[]\n"
                                 for i in range(log.items)])
    return path


TEXT = "Works as it should, and came in time; would buy again for the kitchen of a friend."
AMAZON = ("reviews_Kitchen.json", "", lambda u, i, t, s:
          f'{{"overall": {s}.0, "verified": true, "reviewTime": "09 1, 2016", "reviewerID": "A{u:012d}Q", "asin": "B{i:09d}", '
          f'"reviewText": "{TEXT}", "unixReviewTime": {t}}}\n')
AMAZON_META = ("meta_Kitchen.json", "", lambda i:
               f'{{"asin": "B{i:09d}", "title": "Pan number {i}", "category": ["Kitchen", "kind{i % 50}"], "brand": "b{i % 300}"}}\n')

LAYOUTS = [
    table("ml_csv", "ratings.csv", "userId,movieId,rating,timestamp\n", lambda u, i, t, s: f"{u + 1},{i + 1},{s}.0,{t}\n",
          ("movies.csv", "movieId,title,genres\n", lambda i: f"{i + 1},Film {i} ({1950 + i % 70}),Drama|kind{i % 18}\n")),
    table("ml_1m", "ratings.dat", "", lambda u, i, t, s: f"{u + 1}::{i + 1}::{s}::{t}\n",
          ("movies.dat", "", lambda i: f"{i + 1}::Film {i} ({1950 + i % 70})::Drama|kind{i % 18}\n")),
    table("recbole", "x.inter", "user_id:token\titem_id:token\trating:float\ttimestamp:float\n",
          lambda u, i, t, s: f"u{u}\ti{i}\t{s}.0\t{t}.0\n",
          ("x.item", "item_id:token\ttitle:token_seq\tclass:token_seq\n", lambda i: f"i{i}\tFilm {i}\tDrama kind{i % 18}\n")),
    table("amazon", *AMAZON, AMAZON_META, users=5_000_000, count=300_000),
    table("amazon_gz", AMAZON[0] + ".gz", *AMAZON[1:], AMAZON_META, ["gzip", "-1"], users=5_000_000, count=300_000),
    table("steam", "steam_reviews.json", "", lambda u, i, t, s:
          f"{{u'username': u'Player {u}', u'hours': {s}.5, u'product_id': u'{i}', u'date': u'2017-{1 + s:02d}-17', "
          f"u'text': u\"It's {TEXT}\"}}\n",
          ("steam_games.json", "", lambda i: f"{{u'id': u'{i}', u'app_name': u'Game {i}', u'genres': [u'Action', u'k{i % 20}']}}\n"),
          users=2_500_000, count=15_000),
    table("book_crossing", "BX-Book-Ratings.csv", '"User-ID";"ISBN";"Book-Rating"\n',
          lambda u, i, t, s: f'"{u + 1}";"{i:09d}X";"{s * 2}"\n',
          ("BX-Books.csv", '"ISBN";"Book-Title";"Book-Author"\n', lambda i: f'"{i:09d}X";"Book {i}";"Author {i % 4000}"\n'),
          users=300_000, count=300_000),
    table("kuairec", "big_matrix.csv", "user_id,video_id,play_duration,video_duration,time,date,timestamp,watch_ratio\n",
          lambda u, i, t, s: f"{u},{i},13838,10867,2020-07-05 00:08:23.438,20200705,{t}.438,{s * .77:.16f}\n",
          ("item_categories.csv", "video_id,feat\n", lambda i: f'{i},"[{i % 30}, {i % 7}]"\n'), users=7_176, count=10_728),
    table("yoochoose", "yoochoose-clicks.dat", "", lambda u, i, t, s: f"{u + 1},2014-04-0{s}T10:5{s}:09.27{s}Z,{214500000 + i},0\n",
          users=7_000_000, count=52_000),
    table("lfm", "LFM-1b_LEs.txt", "", lambda u, i, t, s: f"{31435726 + u}\t{i}\t{i * 3}\t{i * 7}\t{t}\n",
          ("LFM-1b_artists.txt", "", lambda i: f"{i}\tBand {i}\n"), users=120_000, count=300_000),
    mind,
    table("iso_zst", "interactions.csv.zst", "user,item,time\n", lambda u, i, t, s: f"u{u},p{i},2021-0{s}-11T0{s}:10:05+02:00\n",
          ("items.csv", "item,title,kind\n", lambda i: f"p{i},Thing {i},k{i % 30}\n"), ["zstd", "-1", "-q"]),
]


def seconds_of(command):
    """Processor time of a command's processes."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, shell=True, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


class Server:
    """recsae-standalone over `data`, for one reading."""

    def __init__(self, data, scratch):
        self.port_file = scratch / "port"
        self.process = subprocess.Popen(
            [BIN / "recsae-standalone", "--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0", "--data-dir",
             scratch / "store", "--port-file", self.port_file, "--data", data], stderr=open(scratch / "log", "wb"))
        deadline = time.monotonic() + START_SECONDS
        while not (self.port_file.exists() and self.port_file.read_text().strip()):
            if time.monotonic() > deadline or self.process.poll() is not None:
                sys.exit("the server does not start: " + (scratch / "log").read_text())
            time.sleep(.05)
        text = self.port_file.read_text().strip()
        self.address = text if ":" in text else f"127.0.0.1:{text}"

    def cpu(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def peak(self):
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) << 10
        return 0

    def stop(self):
        self.process.terminate()
        self.process.wait()


def measure(layout, rows, seed, around):
    scratch = pathlib.Path(tempfile.mkdtemp(prefix="recsae-read-", dir=around))
    try:
        data = scratch / "data"
        folder = data / "set"
        folder.mkdir(parents=True)
        path = layout(folder, rows, seed)
        unpacked = {".gz": "gzip -dc", ".zst": "zstd -dcq"}.get(path.suffix, "cat")
        plain = int(subprocess.run(f"{unpacked} {path} | wc -c", shell=True, check=True, capture_output=True).stdout)
        counted = seconds_of(f"{unpacked} {path} | wc -l")
        server = Server(data, scratch)
        try:
            began, cpu = time.monotonic(), server.cpu()
            done = subprocess.run([BIN / "recsae", "--server", server.address, "--timeout", str(READ_SECONDS), "datasets", "get",
                                   "set"], capture_output=True, text=True, check=False)
            wall, cpu, peak = time.monotonic() - began, server.cpu() - cpu, server.peak()
        finally:
            server.stop()
        if done.returncode != 0:
            print(f"{layout.__name__:14} failed: {done.stderr.strip()[:500]}", flush=True)
            return
        print(f"{layout.__name__:14} {rows:>11,} {path.stat().st_size / 1e6:>8.0f} {plain / 1e6:>8.0f} {wall:>7.1f} {cpu:>7.1f} "
              f"{peak / 2**20:>8.0f} {peak / plain:>6.2f} {cpu / max(counted, .01):>7.1f}", flush=True)
    finally:
        shutil.rmtree(scratch)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=25_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", help="where the temporary folder is made")
    parser.add_argument("layouts", nargs="*", metavar="LAYOUT", help=", ".join(layout.__name__ for layout in LAYOUTS))
    given = parser.parse_args()
    known = {layout.__name__: layout for layout in LAYOUTS}
    unknown = [name for name in given.layouts if name not in known]
    if unknown:
        parser.error(f"no layout {', '.join(unknown)}; there are {', '.join(known)}")
    print(f"{'layout':14} {'rows':>11} {'MB':>8} {'unpacked':>8} {'wall s':>7} {'CPU s':>7} {'peak MiB':>8} {'x file':>6} {'x wc -l':>7}",
          flush=True)
    for name in given.layouts or known:
        measure(known[name], given.rows, given.seed, given.folder)


if __name__ == "__main__":
    main()
