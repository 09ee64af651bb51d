"""Writes data set folders: the tables of Parquet files, or tables in memory."""

import contextlib
import dataclasses
import importlib
import os
import pathlib
import shutil
from typing import Any, BinaryIO, Dict, Iterator, List, Optional, Sequence, Union

from recsae.datasets import columns as arrow_columns
from recsae.datasets import frames
from recsae.datasets.sources import Part, find

Path = Union[str, "os.PathLike[str]"]
ROWS = 1 << 16  # at a time, so that memory does not grow with the file
BYTES = 1 << 20  # of a column of the file, read at a time


@dataclasses.dataclass(frozen=True)
class Written:
    """A table of the folder. rows, columns: None where a file was copied as it is."""

    path: pathlib.Path
    rows: Optional[int] = None
    columns: Optional[List[str]] = None

    def __str__(self) -> str:
        if self.rows is None or self.columns is None:
            return f"{self.path}: copied"
        return f"{self.path}: {self.rows:,} rows of {', '.join(self.columns)}"


def convert(source: Path, folder: Path, *, explode: Sequence[str] = (), overwrite: bool = False) -> List[Written]:
    """Writes the tables of `source`, a Parquet file or a folder of them, as CSV into `folder`.

    Part files and partitions make one table; tables that are text already are copied. explode: columns of lists of
    which each element gets a line of its own. Holds some rows at a time, whatever the size. Lists are written as
    JSON, times as ISO 8601 in UTC, missing values as empty fields.

    ImportError: pyarrow is missing. ValueError: no Parquet file, a column that is not there. FileExistsError: a table
    is in the folder already.
    """
    arrow = import_arrow()
    source, folder = pathlib.Path(source), pathlib.Path(folder)
    found = find(source)
    targets = [folder / f"{name}.csv" for name in found.tables]
    same = folder.exists() and source.is_dir() and folder.samefile(source)
    copies = [] if same else [(text, folder / text.name) for text in found.texts]
    _refuse_existing([*targets, *(target for _, target in copies)], overwrite)
    left = set(explode)
    written = []
    folder.mkdir(parents=True, exist_ok=True)
    for target, parts in zip(targets, found.tables.values()):
        with _aside(target) as file:
            written.append(_write_parts(target, file, parts, explode, left, arrow))
            if left and target == targets[-1]:
                raise ValueError(f"no column named {', '.join(sorted(left))}; the columns of {target.stem} are "
                                 f"{', '.join(written[-1].columns or [])}")
    for text, target in copies:
        shutil.copyfile(text, target)
        written.append(Written(target))
    return written


def write(folder: Path, interactions: Any, items: Any = None, *, dev: Any = None, test: Any = None,
          overwrite: bool = False) -> List[Written]:
    """Writes tables in memory as a data set: interactions.csv and items.csv, or train.csv, dev.csv, test.csv.

    Each is a pandas or polars DataFrame or an Arrow table whose columns are named as docs/data-sets.md says: user,
    item, time, rating; item, title and what else is known. With `test` the interactions are those of training. An
    index that has a name counts as a column. pyarrow is needed for polars and Arrow alone.
    """
    folder = pathlib.Path(folder)
    if dev is not None and test is None:
        raise ValueError("dev rows without test rows: give both, or neither")
    tables: Dict[str, Any] = {"train" if test is not None else "interactions": interactions, "dev": dev, "test": test,
                              "items": items}
    given = {folder / f"{name}.csv": table for name, table in tables.items() if table is not None}
    _refuse_existing(list(given), overwrite)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for target, table in given.items():
        with _aside(target) as file:
            written.append(_write_table(target, file, table))
    return written


def import_arrow() -> Any:
    """pyarrow with what is used of it. ImportError says how to get it."""
    try:
        for module in ("pyarrow.compute", "pyarrow.csv", "pyarrow.parquet"):
            importlib.import_module(module)
        return importlib.import_module("pyarrow")
    except ImportError as error:
        raise ImportError(f"Parquet needs pyarrow: pip install pyarrow ({error})") from error


def _write_table(target: pathlib.Path, file: BinaryIO, table: Any) -> Written:
    if frames.is_pandas(table):
        names, rows = frames.write_pandas(table, file, ROWS)
        return Written(target, rows, names)
    arrow = import_arrow()
    if hasattr(table, "to_arrow"):  # polars
        table = table.to_arrow()
    if not isinstance(table, arrow.Table):
        raise TypeError(f"{type(table).__name__} is no table: a pandas or polars DataFrame or an Arrow table is needed")
    writer = _Writer(file, [], {}, arrow)
    for batch in table.to_batches(max_chunksize=ROWS):
        writer.write(batch, {}, ())
    writer.finish(table.schema)
    return Written(target, writer.rows, writer.names)


def _write_parts(target: pathlib.Path, file: BinaryIO, parts: Sequence[Part], explode: Sequence[str], left: "set[str]",
                 arrow: Any) -> Written:
    """The files of a table below each other, a column of one of them empty in the others."""
    schemas = [_open(part.path, arrow).schema_arrow for part in parts]
    writer = _Writer(file, schemas, {name: None for part in parts for name in part.constants}, arrow)
    left.difference_update(writer.names)
    for part in parts:
        opened = _open(part.path, arrow)
        try:
            for batch in opened.iter_batches(batch_size=ROWS):
                writer.write(batch, part.constants, explode)
        except arrow.ArrowInvalid as error:
            raise ValueError(f"{part.path} cannot be read: {error}") from error
    writer.finish()
    return Written(target, writer.rows, writer.names)


def _open(path: pathlib.Path, arrow: Any) -> Any:
    try:
        return arrow.parquet.ParquetFile(path, buffer_size=BYTES, pre_buffer=False)
    except arrow.ArrowInvalid as error:
        raise ValueError(f"{path} is no Parquet file: {error}") from error


class _Writer:
    """CSV of record batches that need not have all columns, nor in one order."""

    def __init__(self, file: BinaryIO, schemas: Sequence[Any], constants: Dict[str, None], arrow: Any) -> None:
        self._file = file
        self._arrow = arrow
        names: Dict[str, None] = {}
        for schema in schemas:
            names.update(dict.fromkeys(self._names(schema)))
        names.update(constants)
        self.names = list(names)
        self.rows = 0
        self._header = True

    def write(self, batch: Any, constants: Any, explode: Sequence[str]) -> None:
        arrow = self._arrow
        columns = dict(arrow_columns.explode(arrow_columns.flatten(batch, arrow), explode, arrow))
        rows = len(next(iter(columns.values()))) if columns else batch.num_rows
        for name, value in constants.items():
            columns.setdefault(name, arrow.repeat(arrow.scalar(value, arrow.string()), rows))
        if not self.names:
            self.names = list(columns)
        filled = [arrow_columns.plain(columns[name], arrow) if name in columns else arrow.nulls(rows, arrow.string())
                  for name in self.names]
        self._put(arrow.table(filled, names=self.names))
        self.rows += rows

    def finish(self, schema: Any = None) -> None:
        """A table without rows still says its columns."""
        if self._header:
            self.names = self.names or self._names(schema)
            self._put(self._arrow.table([self._arrow.array([], self._arrow.string())] * len(self.names), names=self.names))

    def _put(self, table: Any) -> None:
        options = self._arrow.csv.WriteOptions(include_header=self._header)
        self._arrow.csv.write_csv(table, self._file, options)
        self._header = False

    def _names(self, schema: Any) -> List[str]:
        arrays = [self._arrow.array([], field.type) for field in schema]
        empty = self._arrow.RecordBatch.from_arrays(arrays, names=schema.names)
        return [name for name, _ in arrow_columns.flatten(empty, self._arrow)]


def _refuse_existing(targets: Sequence[pathlib.Path], overwrite: bool) -> None:
    for target in targets:
        if target.exists() and not overwrite:
            raise FileExistsError(f"{target} is there already: choose another folder, or say --overwrite (overwrite=True)")


@contextlib.contextmanager
def _aside(target: pathlib.Path) -> Iterator[BinaryIO]:
    """A file that appears under its name when it is whole."""
    partial = target.with_name(f".{target.name}.partial")
    try:
        with open(partial, "wb") as file:
            yield file
        os.replace(partial, target)
    finally:
        partial.unlink(missing_ok=True)
