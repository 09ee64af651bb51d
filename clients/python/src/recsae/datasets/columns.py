"""Arrow columns as CSV holds them: numbers, texts, ISO times; lists as JSON."""

import json
from typing import Any, Iterable, List, Sequence, Tuple

_EXACT = 2.0 ** 53  # floats hold all whole numbers up to here


def flatten(batch: Any, arrow: Any) -> List[Tuple[str, Any]]:
    """Names and columns of a record batch; what structs hold becomes columns named outer.inner."""
    columns = list(zip(batch.schema.names, batch.columns))
    while any(arrow.types.is_struct(column.type) for _, column in columns):
        flat: List[Tuple[str, Any]] = []
        for name, column in columns:
            if arrow.types.is_struct(column.type):
                names = [f"{name}.{column.type.field(i).name}" for i in range(column.type.num_fields)]
                flat += zip(names, column.flatten())
            else:
                flat.append((name, column))
        columns = flat
    return columns


def explode(columns: Sequence[Tuple[str, Any]], names: Sequence[str], arrow: Any) -> List[Tuple[str, Any]]:
    """One row for each element of the lists in the columns `names`, whose lists are equally long in each row; rows
    without elements are left out."""
    wanted = [(name, column) for name, column in columns if name in names]
    if not wanted:
        return list(columns)
    compute = arrow.compute
    for name, column in wanted:
        if not _is_list(column.type, arrow):
            raise ValueError(f"column {name} holds no lists, but {column.type}: nothing to explode")
        if not compute.list_value_length(column).equals(compute.list_value_length(wanted[0][1])):
            raise ValueError(f"columns {wanted[0][0]} and {name} have lists of different lengths in one row")
    rows = compute.list_parent_indices(wanted[0][1])
    return [(name, compute.list_flatten(column) if name in names else column.take(rows)) for name, column in columns]


def plain(column: Any, arrow: Any) -> Any:
    """The column in a type that the CSV writer takes and the suite reads back as it was meant."""
    types, compute = arrow.types, arrow.compute
    if isinstance(column, arrow.ExtensionArray):
        return plain(column.storage, arrow)
    kind = column.type
    if types.is_dictionary(kind):
        return plain(column.dictionary_decode(), arrow)
    if types.is_null(kind):
        return column.cast(arrow.string())
    if types.is_timestamp(kind):
        return column.cast(arrow.timestamp(kind.unit)).cast(arrow.string())  # UTC, whatever the zone
    if types.is_floating(kind):
        return _plain_floats(column.cast(arrow.float64()) if types.is_float16(kind) else column, arrow)
    if types.is_duration(kind):
        return column.cast(arrow.int64())
    if types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind):
        return arrow.array([_text(value) for value in column.to_pylist()], arrow.string())
    if _is_list(kind, arrow) or types.is_map(kind):
        return arrow.array([as_json(value) for value in column.to_pylist()], arrow.string())
    if types.is_integer(kind) or types.is_string(kind) or types.is_large_string(kind) or types.is_boolean(kind):
        return column
    return column.cast(arrow.string())  # decimals, dates, times of day


def as_json(value: Any) -> Any:
    """A list as JSON, None as it is; of a map the keys, as of the tags that it counts."""
    if value is None:
        return None
    if isinstance(value, list) and value and all(isinstance(pair, tuple) and len(pair) == 2 for pair in value):
        value = [key for key, _ in value]
    return json.dumps(_jsonable(value), ensure_ascii=False, default=str)


def _jsonable(value: Any) -> Any:
    if isinstance(value, bytes):
        return _text(value)
    if isinstance(value, dict):
        return {str(key): _jsonable(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_jsonable(inner) for inner in _without_none(value)]
    return value


def _without_none(values: Iterable[Any]) -> List[Any]:
    return [value for value in values if value is not None]


def _is_list(kind: Any, arrow: Any) -> bool:
    types = arrow.types
    return bool(types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind))


def _plain_floats(column: Any, arrow: Any) -> Any:
    """Without NaN, which is how pandas writes nothing; whole numbers as such: 12 rather than 12.0, no exponent."""
    compute = arrow.compute
    column = compute.if_else(compute.is_nan(column), arrow.scalar(None, column.type), column)
    whole = compute.and_(compute.equal(compute.floor(column), column),
                         compute.less_equal(compute.abs(column), arrow.scalar(_EXACT, arrow.float64())))
    return column.cast(arrow.int64()) if compute.all(whole).as_py() is not False else column


def _text(value: Any) -> Any:
    """Bytes as text: old writers say of no text that it is one."""
    if value is None:
        return None
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.hex() if len(value) == 16 else value.decode("latin-1")  # 16: a UUID
