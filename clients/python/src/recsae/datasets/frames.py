"""pandas DataFrames as CSV, without importing pandas or pyarrow."""

import io
import math
from typing import Any, BinaryIO, List, Tuple

from recsae.datasets.columns import as_json


def is_pandas(table: Any) -> bool:
    return hasattr(table, "to_csv") and hasattr(table, "iloc")


def write_pandas(frame: Any, file: BinaryIO, rows: int) -> Tuple[List[str], int]:
    """Writes the frame `rows` rows at a time; its columns and how many rows it has."""
    if any(name is not None for name in frame.index.names):
        frame = frame.reset_index()
    whole = {name for name in frame.columns if _is_whole(frame[name])}
    text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
    for begin in range(0, max(len(frame), 1), rows):
        piece = frame.iloc[begin:begin + rows].copy()
        for name in piece.columns:
            column = piece[name]
            if name in whole:
                piece[name] = column.astype("Int64")
            elif column.dtype == object:
                piece[name] = column.map(_cell)
            elif getattr(column.dtype, "tz", None) is not None:
                piece[name] = column.dt.tz_convert("UTC").dt.tz_localize(None)
        piece.to_csv(text, index=False, header=begin == 0)
    text.detach()
    return [str(name) for name in frame.columns], len(frame)


def _is_whole(column: Any) -> bool:
    """Floats that are whole numbers, as pandas makes of whole numbers where some are missing."""
    if getattr(column.dtype, "kind", "") != "f":
        return False
    known = column.dropna()
    return bool((known % 1 == 0).all() and (known.abs() < 2.0 ** 53).all())


def _cell(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, (set, frozenset)):
        value = sorted(value, key=str)
    if hasattr(value, "tolist") and not isinstance(value, (str, float)):  # numpy's
        value = value.tolist()
    if isinstance(value, (list, tuple, dict)):
        return as_json(list(value) if isinstance(value, tuple) else value)
    if isinstance(value, float) and value.is_integer() and abs(value) < 2.0 ** 53:
        return int(value)
    return None if isinstance(value, float) and math.isnan(value) else value
