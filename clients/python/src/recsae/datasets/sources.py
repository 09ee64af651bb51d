"""Which Parquet files make up which table."""

import dataclasses
import pathlib
import re
import urllib.parse
from typing import Dict, List, Mapping, Optional, Tuple

PARQUET = (".parquet", ".parq", ".pq")
# What the server reads as it is.
TEXT = (".csv", ".tsv", ".txt", ".dat", ".tab", ".json", ".jsonl", ".ndjson", ".inter", ".item", ".data")
PACKED = (".gz", ".zst")
# Endings in front of .parquet that say how the pages are packed, and which file of a task it is.
_INNER = re.compile(r"\.(?:snappy|gz|gzip|zst|zstd|lz4|brotli|br|c\d+)$", re.IGNORECASE)
# Names that number the files of a table rather than name the table.
_PART = re.compile(r"part[-_.]?\d.*|data[-_]\d+(?:[-_]\d+)*|\d[\w-]*|[0-9a-f]{8}-[0-9a-f-]{20,}.*", re.IGNORECASE)
_NUMBERED = re.compile(r"(.+?)[-_.]\d+[-_.]of[-_.]\d+")
_NO_PARTITION = "__HIVE_DEFAULT_PARTITION__"


@dataclasses.dataclass(frozen=True)
class Part:
    """One file of a table, with what the names of its folders say of all its rows (None: nothing)."""

    path: pathlib.Path
    constants: Mapping[str, Optional[str]]


@dataclasses.dataclass
class Sources:
    """Tables by name, each with its files in order, and files that are text already."""

    tables: Dict[str, List[Part]]
    texts: List[pathlib.Path]


def find(source: pathlib.Path) -> Sources:
    """The tables of a file, or of a folder: one for each name, those of part files (Spark's, Hive's partitions) joined.

    FileNotFoundError, ValueError: there is nothing, or two tables of one name.
    """
    found = Sources({}, [])
    if source.is_dir():
        _gather(source, _table_name(source.resolve().name), {}, found)
        found.texts = [file for file in sorted(source.iterdir()) if file.is_file() and _is_text(file.name)]
    elif not source.exists():
        raise FileNotFoundError(f"{source} is not there")
    else:
        found.tables[_table_name(source.name)] = [Part(source, {})]
    if not found.tables:
        raise ValueError(f"{source} holds no Parquet file ({', '.join(PARQUET)})")
    return found


def _gather(folder: pathlib.Path, table: str, constants: Mapping[str, Optional[str]], found: Sources) -> None:
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith((".", "_")):
            continue
        key, equals, value = entry.name.partition("=")
        if entry.is_dir() and equals:
            said = None if value == _NO_PARTITION else urllib.parse.unquote(value)
            _gather(entry, table, {**constants, urllib.parse.unquote(key): said}, found)
        elif entry.is_dir():
            _gather(entry, _table_name(entry.name), constants, found)
        elif entry.name.lower().endswith(PARQUET):
            part, name = _part_of(entry.name, table)
            parts = found.tables.setdefault(name, [])
            if not part and parts:
                raise ValueError(f"{parts[0].path} and {entry} are both named {name}: convert their folders one by one")
            parts.append(Part(entry, constants))


def _part_of(file: str, table: str) -> Tuple[bool, str]:
    """Whether a file is one of several of a table, and the table's name."""
    stem = _table_name(file)
    numbered = _NUMBERED.fullmatch(stem)
    if numbered:
        return True, numbered.group(1)
    return (True, table) if _PART.fullmatch(stem) else (False, stem)


def _table_name(file: str) -> str:
    for ending in PARQUET:
        if file.lower().endswith(ending):
            file = file[:-len(ending)]
            break
    while _INNER.search(file):
        file = _INNER.sub("", file)
    return file


def _is_text(name: str) -> bool:
    lower = name.lower()
    for packing in PACKED:
        if lower.endswith(packing):
            lower = lower[:-len(packing)]
    return lower.endswith(TEXT) and not lower.startswith((".", "_"))
