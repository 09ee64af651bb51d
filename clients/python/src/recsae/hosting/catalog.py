"""Titles and attributes of items, from what people have them in."""

import csv
import dataclasses
import logging
import os
from typing import Any, Dict, Iterable, List, Mapping, Sequence, Tuple

log = logging.getLogger("recsae.host")

TITLES = ("title", "name", "movie_title")
IDS = ("id", "item_id", "item")


@dataclasses.dataclass(frozen=True)
class CatalogItem:
    """One item, as people know it."""

    title: str
    attributes: Tuple[Tuple[str, str], ...] = ()


def read_catalog(source: Any, item_ids: Sequence[str]) -> List[CatalogItem]:
    """One CatalogItem for each id, in that order; an item that the source does not know has its id as title.

    source: None; ids; {id: title} or {id: {"title": …, attribute: value or values}}; a list of dictionaries with
    "id"; a pandas DataFrame with a column "id" (or its index named so); the path of a CSV file with such a header
    line. An attribute may have several values: a list, or text separated by "|". Says in the log how many items have
    no title, and how many rows of the source are of no item of the model.
    """
    if source is None:
        return [CatalogItem(title=name) for name in item_ids]
    known = {name: _item(name, fields) for name, fields in _rows(source)}
    items = [known.get(name) or CatalogItem(title=name) for name in item_ids]
    untitled = sum(item.title == name for name, item in zip(item_ids, items))
    if untitled:
        log.warning("catalog: %d of %d items have no title and go by their id", untitled, len(item_ids))
    unused = len(known) - sum(name in known for name in item_ids)
    if unused:
        log.info("catalog: %d rows are of items that the model does not have", unused)
    if known and unused == len(known):
        raise ValueError(f"catalog: none of its {len(known)} ids is an item of the model: {next(iter(known))!r} "
                         f"against {item_ids[0]!r}; they must be the same ids, as text")
    return items


def catalog_ids(source: Any) -> List[str]:
    """The ids of a source of read_catalog, in its order."""
    return list(dict.fromkeys(name for name, _ in _rows(source)))


def _item(name: str, fields: Mapping[str, Any]) -> CatalogItem:
    title, attributes = name, []
    for key, value in fields.items():
        values = [text for text in _values(value) if text]
        if key.lower() in TITLES:
            title = " ".join(values) or name
        else:
            attributes += [(key, text) for text in values]
    return CatalogItem(title=title, attributes=tuple(attributes))


def _values(value: Any) -> List[str]:
    if value is None or value != value:  # NaN is how pandas writes nothing
        return []
    if isinstance(value, str):
        return [part.strip() for part in value.split("|")]
    if isinstance(value, Iterable):
        return [text for part in value for text in _values(part)]
    return [str(value)]


def _rows(source: Any) -> "Iterable[Tuple[str, Mapping[str, Any]]]":
    if isinstance(source, (str, os.PathLike)):
        return _csv_rows(os.fspath(source))
    if hasattr(source, "to_dict") and hasattr(source, "columns"):  # a DataFrame, without importing pandas
        frame = source if _id_key(source.columns, None) else source.reset_index()
        return _table_rows(frame.to_dict("records"))
    if isinstance(source, Mapping):
        return [(str(name), fields if isinstance(fields, Mapping) else {"title": fields})
                for name, fields in source.items()]
    rows = list(source)
    if rows and isinstance(rows[0], Mapping):
        return _table_rows(rows)
    return [(str(name), {}) for name in rows]


def _csv_rows(path: str) -> "List[Tuple[str, Mapping[str, Any]]]":
    with open(path, encoding="utf-8-sig", newline="") as file:
        line = file.readline()
        file.seek(0)
        return _table_rows(list(csv.DictReader(file, delimiter="\t" if "\t" in line else ",")), path)


def _table_rows(rows: Sequence[Mapping[str, Any]], where: str = "catalog") -> "List[Tuple[str, Mapping[str, Any]]]":
    if not rows:
        return []
    key = _id_key(rows[0], where)
    return [(str(row[key]), _without(row, key)) for row in rows]


def _id_key(columns: Iterable[Any], where: "str | None") -> Any:
    names = list(columns)
    for wanted in IDS:
        for name in names:
            if str(name).lower() == wanted:
                return name
    if where is None:
        return None
    raise ValueError(f"{where}: no column {', '.join(IDS)} among {', '.join(map(str, names))}")


def _without(row: Mapping[str, Any], key: Any) -> Dict[str, Any]:
    return {str(name): value for name, value in row.items() if name != key and name is not None}
