"""Parquet files, and tables in memory, as folders that the suite reads. Needs pyarrow or pandas, each for its tests;
with RECSAE_BIN, and the programs there, the folders are read by a real server too."""

import contextlib
import csv
import datetime
import decimal
import importlib
import io
import itertools
import os
import pathlib
import subprocess
import sys
import tempfile
import textwrap
import time
import unittest
from unittest import mock

from recsae import datasets
from recsae.datasets.__main__ import main


def module(name):
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


pa, pd, pl = module("pyarrow"), module("pandas"), module("polars")
pq = module("pyarrow.parquet")
BIN = pathlib.Path(os.environ.get("RECSAE_BIN", "")) / "recsae-standalone"
PAGE = pathlib.Path(__file__).parents[3] / "docs" / "data-sets.md"
UTC = datetime.timezone.utc
WAIT_SECONDS = 60


class FolderTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def rows(self, *path):
        with open(self.folder.joinpath(*path), encoding="utf-8", newline="") as file:
            return list(csv.reader(file))

    def parquet(self, path, table, **options):
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table if isinstance(table, pa.Table) else pa.table(table), target, **options)
        return target

    def command(self, *arguments):
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = main([str(argument) for argument in arguments])
        return status, out.getvalue(), err.getvalue()


class WithoutArrowTest(FolderTest):
    def test_the_message_says_what_to_install(self):
        (self.folder / "a.parquet").write_bytes(b"PAR1")
        with mock.patch.dict(sys.modules, {"pyarrow": None}):
            status, _, err = self.command("convert", self.folder / "a.parquet", self.folder / "out")
        self.assertEqual(status, 1)
        self.assertIn("Parquet needs pyarrow: pip install pyarrow", err)

    def test_no_table(self):
        with self.assertRaisesRegex(TypeError if pa else ImportError, "list is no table" if pa else "pyarrow"):
            datasets.write(self.folder / "out", [1, 2])


@unittest.skipUnless(pa, "pyarrow is not installed: pip install pyarrow")
class ParquetTest(FolderTest):
    def test_every_type_as_the_suite_reads_it(self):
        when = datetime.datetime(2021, 3, 4, 5, 6, 7, 890000, tzinfo=UTC)
        self.parquet("events.parquet", {
            "user": pa.array(["ann", "bo,b", None], pa.string()).dictionary_encode(),
            "item": pa.array([12, None, 9007199254740991], pa.float64()),
            "rating": pa.array([decimal.Decimal("4.50"), None, decimal.Decimal("3.00")]),
            "time": pa.array([when, None, when], pa.timestamp("ns", tz="Asia/Tokyo")),
            "day": pa.array([datetime.date(2021, 3, 4)] * 3),
            "tags": [["a", "b|c"], [], None],
            "counts": pa.array([[("fiction", 3)], None, []], pa.map_(pa.string(), pa.int64())),
            "device": [{"os": "x", "kind": {"name": "tv"}}, None, {"os": "y", "kind": None}],
            "raw": pa.array([b"caf\xc3\xa9", b"caf\xe9", None], pa.binary()),
            "clicked": [True, False, None],
            "nothing": pa.nulls(3),
            "score": pa.array([.5, float("nan"), 2], pa.float32())})
        status, out, err = self.command("convert", self.folder / "events.parquet", self.folder / "shop")
        self.assertEqual((status, err), (0, ""))
        self.assertIn("shop/events.csv: 3 rows of user, item, rating", out)
        self.assertIn("recsae datasets get shop", out)
        self.assertEqual(self.rows("shop", "events.csv"), [
            ["user", "item", "rating", "time", "day", "tags", "counts", "device.os", "device.kind.name", "raw", "clicked",
             "nothing", "score"],
            ["ann", "12", "4.50", "2021-03-04 05:06:07.890000000", "2021-03-04", '["a", "b|c"]', '["fiction"]', "x", "tv",
             "café", "true", "", "0.5"],
            ["bo,b", "", "", "", "2021-03-04", "[]", "", "", "", "café", "false", "", ""],
            ["", "9007199254740991", "3.00", "2021-03-04 05:06:07.890000000", "2021-03-04", "", "[]", "y", "", "", "", "",
             "2"]])

    def test_texts_come_back(self):
        texts = ['say "hi"', "two\nlines", "back\\slash\\", "007", " spaced ", "电影", "", "a;b\tc|d"]
        self.parquet("t.parquet", {"user": texts, "item": pa.array(texts, pa.large_string())})
        datasets.convert(self.folder / "t.parquet", self.folder / "out")
        self.assertEqual(self.rows("out", "t.csv")[1:], [[text, text] for text in texts])

    def test_part_files_are_one_table(self):
        self.parquet("events.parquet/part-00000-1f-c000.snappy.parquet", {"user": [1], "item": [2]})
        self.parquet("events.parquet/part-00001-1f-c000.snappy.parquet", {"item": ["x"], "user": [3], "time": [4]})
        (self.folder / "events.parquet" / "_SUCCESS").touch()
        written = datasets.convert(self.folder / "events.parquet", self.folder / "out")
        self.assertEqual([(table.path.name, table.rows) for table in written], [("events.csv", 2)])
        self.assertEqual(self.rows("out", "events.csv"), [["user", "item", "time"], ["1", "2", ""], ["3", "x", "4"]])

    def test_folders_of_tables(self):
        self.parquet("hub/data/train-00000-of-00002.parquet", {"user": [1], "item": [2]})
        self.parquet("hub/data/train-00001-of-00002.parquet", {"user": [1], "item": [3]})
        self.parquet("hub/data/test-00000-of-00001.parquet", {"user": [1], "item": [4]})
        self.parquet("hub/items/day=2020-01-02/000000_0.parquet", {"item": [2], "title": ["Tea"]})
        self.parquet("hub/items/day=__HIVE_DEFAULT_PARTITION__/000000_0.parquet", {"item": [3], "title": ["Pot"]})
        (self.folder / "hub" / "more.csv.gz").write_bytes(b"as it is")
        (self.folder / "hub" / "README.md").touch()
        written = datasets.convert(self.folder / "hub", self.folder / "out")
        self.assertEqual({table.path.name: table.rows for table in written},
                         {"train.csv": 2, "test.csv": 1, "items.csv": 2, "more.csv.gz": None})
        self.assertEqual(self.rows("out", "items.csv"),
                         [["item", "title", "day"], ["2", "Tea", "2020-01-02"], ["3", "Pot", ""]])
        self.assertEqual((self.folder / "out" / "more.csv.gz").read_bytes(), b"as it is")

    def test_lists_become_lines(self):
        self.parquet("s.parquet", {"user": ["a", "b", "c"], "item": [[1, 2], [], [3]], "time": [[10, 20], [], [30]]})
        status, _, err = self.command("convert", self.folder / "s.parquet", self.folder / "out", "--explode", "item",
                                      "--explode", "time")
        self.assertEqual((status, err), (0, ""))
        self.assertEqual(self.rows("out", "s.csv")[1:], [["a", "1", "10"], ["a", "2", "20"], ["c", "3", "30"]])
        for column, why in (("user", "column user holds no lists"), ("nope", "no column named nope; the columns of s are")):
            status, _, err = self.command("convert", self.folder / "s.parquet", self.folder / "no", "--explode", column)
            self.assertEqual(status, 1)
            self.assertIn(why, err)
        self.assertEqual(list((self.folder / "no").iterdir()), [])

    def test_no_row(self):
        self.parquet("none.parquet", pa.table({"user": pa.array([], pa.int64()), "item": pa.array([], pa.string())}))
        datasets.convert(self.folder / "none.parquet", self.folder / "out")
        self.assertEqual(self.rows("out", "none.csv"), [["user", "item"]])

    def test_what_is_wrong_is_said(self):
        self.parquet("in/a.parquet", {"user": [1], "item": [2]})
        convert = ("convert", self.folder / "in", self.folder / "out")
        self.assertEqual(self.command(*convert)[0], 0)
        self.assertIn("is there already: choose another folder, or say --overwrite", self.command(*convert)[2])
        self.assertEqual(self.command(*convert, "--overwrite")[0], 0)
        (self.folder / "text.parquet").write_text("user,item\n1,2\n")
        whole = self.parquet("cut.parquet", {"user": list(range(9999)), "item": list(range(9999))})
        whole.write_bytes(whole.read_bytes()[:-100])
        (self.folder / "empty").mkdir()
        for source, why in (("text.parquet", "is no Parquet file"), ("cut.parquet", "is no Parquet file"),
                            ("missing.parquet", "is not there"), ("empty", "holds no Parquet file")):
            status, _, err = self.command("convert", self.folder / source, self.folder / "bad")
            self.assertEqual(status, 1, source)
            self.assertIn(why, err)

    def test_memory_does_not_grow_with_the_file(self):
        rows, groups = 250_000, 12
        schema = pa.schema([("user", pa.string()), ("item", pa.int64())])
        with pq.ParquetWriter(self.folder / "big.parquet", schema) as writer:
            for group in range(groups):
                first = group * rows
                writer.write_table(pa.table({"user": [f"user-number-{first + i}" for i in range(rows)],
                                             "item": range(first, first + rows)}, schema=schema))
        program = ("import resource, sys; from recsae import datasets; "
                   "from recsae.datasets.folder import import_arrow; import_arrow(); "
                   "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss; "
                   "datasets.convert(sys.argv[1], sys.argv[2]); "
                   "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)")
        grown = int(subprocess.run([sys.executable, "-c", program, self.folder / "big.parquet", self.folder / "out"],
                                   check=True, capture_output=True, text=True).stdout)
        size = (self.folder / "out" / "big.csv").stat().st_size
        self.assertGreater(size, 80 << 20)
        self.assertLess(grown << 10, size * .8)


@unittest.skipUnless(pd, "pandas is not installed: pip install pandas")
class PandasTest(FolderTest):
    def test_frames_as_people_have_them(self):
        frame = pd.DataFrame({"user": ["a", "b", "a"], "item": [1.0, None, 3.0], "rating": [4.5, 3.0, float("nan")],
                              "time": pd.to_datetime(["2020-01-02 03:04:05"] * 3).tz_localize("Asia/Tokyo"),
                              "place": pd.Categorical(["x", "y", "x"])})
        items = pd.DataFrame({"item": [1, 3], "title": ['Tea, "green"', None], "tags": [["a", "b"], ("c",)]}).set_index("item")
        written = datasets.write(self.folder / "shop", frame, items)
        self.assertEqual([(table.path.name, table.rows) for table in written], [("interactions.csv", 3), ("items.csv", 2)])
        self.assertEqual(self.rows("shop", "interactions.csv"), [
            ["user", "item", "rating", "time", "place"], ["a", "1", "4.5", "2020-01-01 18:04:05", "x"],
            ["b", "", "3.0", "2020-01-01 18:04:05", "y"], ["a", "3", "", "2020-01-01 18:04:05", "x"]])
        self.assertEqual(self.rows("shop", "items.csv"),
                         [["item", "title", "tags"], ["1", 'Tea, "green"', '["a", "b"]'], ["3", "", '["c"]']])

    def test_a_split_of_ones_own(self):
        rows = pd.DataFrame({"user": [1], "item": [2]})
        written = datasets.write(self.folder / "split", rows, dev=rows, test=rows)
        self.assertEqual([table.path.name for table in written], ["train.csv", "dev.csv", "test.csv"])
        with self.assertRaisesRegex(FileExistsError, "overwrite=True"):
            datasets.write(self.folder / "split", rows, test=rows)
        with self.assertRaisesRegex(ValueError, "dev rows without test rows"):
            datasets.write(self.folder / "other", rows, dev=rows)

    def test_the_example_of_the_page(self):
        lines = PAGE.read_text(encoding="utf-8").splitlines()
        first = lines.index("    import pandas as pd")
        example = textwrap.dedent("\n".join(itertools.takewhile(lambda line: not line or line.startswith("    "), lines[first:])))
        out = io.StringIO()
        before = os.getcwd()
        os.chdir(self.folder)
        try:
            with contextlib.redirect_stdout(out):
                exec(compile(example, PAGE, "exec"), {})
        finally:
            os.chdir(before)
        self.assertEqual(out.getvalue(), "tea-shop/interactions.csv: 3 rows of user, item, time\n"
                                         "tea-shop/items.csv: 2 rows of item, title, kind\n")

    @unittest.skipUnless(pa, "pyarrow is not installed: pip install pyarrow")
    def test_a_frame_says_the_same_as_its_file(self):
        frame = pd.DataFrame({"user": ["a"], "item": [7], "tags": [["x", "y"]]})
        frame.to_parquet(self.folder / "interactions.parquet")
        datasets.convert(self.folder / "interactions.parquet", self.folder / "file")
        datasets.write(self.folder / "frame", frame)
        datasets.write(self.folder / "arrow", pa.Table.from_pandas(frame))
        for folder in ("frame", "arrow"):
            self.assertEqual(self.rows(folder, "interactions.csv"), self.rows("file", "interactions.csv"))


@unittest.skipUnless(pa and BIN.exists(), "needs pyarrow and the programs (RECSAE_BIN)")
class ReadByTheSuiteTest(FolderTest):
    def test_the_server_reads_what_was_written(self):
        users = [f"u{user}" for user in range(12) for _ in range(5)]
        numbers = [(user * 3 + step) % 20 for user in range(12) for step in range(5)]
        when = [datetime.datetime(2020, 1, 1 + step, tzinfo=UTC) for _ in range(12) for step in range(5)]
        self.parquet("in/log/part-0.parquet", {"user_id": users, "item_id": pa.array(numbers, pa.float64()), "timestamp": when})
        titles = [f'The "{number}\\" of\nwords' for number in range(20)]
        self.parquet("in/items.parquet", {"item_id": list(range(20)), "title": titles,
                                          "genres": [["red", "round"] if n % 2 else ["blue"] for n in range(20)]})
        with self.server("--data", self.folder) as recsae:
            before = recsae("datasets", "get", "in")
            self.assertEqual(before.returncode, 3, before.stdout)
            self.assertIn("python -m recsae.datasets convert", before.stderr)
            datasets.convert(self.folder / "in", self.folder / "shop")
            done = recsae("datasets", "get", "shop")
            self.assertEqual(done.returncode, 0, done.stderr)
            for line in (r"users +12$", r"items +20$", r"test +12 rows$"):
                self.assertRegex(done.stdout, "(?m)^" + line)
            self.assertNotIn("malformed", done.stdout)
            trained = recsae("recommenders", "train", "r", "--kind", "bprmf", "--dataset", "shop", "--epochs", "1")
            self.assertEqual(trained.returncode, 0, trained.stderr)
            listed = recsae("catalogs", "items", "r").stdout
            self.assertIn('The "3\\" of words', listed)
            self.assertIn("genre red, genre round", listed)

    @contextlib.contextmanager
    def server(self, *flags):
        port_file = self.folder / "port"
        with open(self.folder / "log", "wb") as log:
            process = subprocess.Popen([BIN, "--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0", "--data-dir",
                                        self.folder / "store", "--port-file", port_file, *flags], stderr=log)
        try:
            deadline = time.monotonic() + WAIT_SECONDS
            while not (port_file.exists() and port_file.read_text().strip()):
                self.assertLess(time.monotonic(), deadline, (self.folder / "log").read_text())
                time.sleep(.05)
            address = port_file.read_text().strip()
            address = address if ":" in address else f"127.0.0.1:{address}"
            yield lambda *arguments: subprocess.run([BIN.with_name("recsae"), "--server", address, *arguments],
                                                    capture_output=True, text=True, timeout=120, check=False)
        finally:
            process.terminate()
            process.wait()


if __name__ == "__main__":
    unittest.main()
