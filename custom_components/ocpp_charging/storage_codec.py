"""Turns the records of `csms.model` into JSON and back, led by their annotations.

A field that is added to a record is kept without a line here. What is read back is
checked: a value that does not fit its annotation raises `ValueError`, a field that is
missing gets its default, and one that is unknown is passed over, so that a file of
another version of the integration can be read as far as it goes.
"""

from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import datetime
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Union, cast, get_args, get_origin, get_type_hints

type Json = dict[str, Json] | list[Json] | str | int | float | bool | None


def encode(value: Any) -> Any:
    """Return `value` as what JSON can hold.

    Records become objects, sets sorted lists, datetimes ISO 8601 text with their
    offset, and the keys of mappings text.
    """
    if is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: encode(getattr(value, field.name)) for field in fields(value)
        }
    match value:
        case Enum():
            return value.value
        case datetime():
            return value.isoformat()
        case Mapping():
            return {str(key): encode(item) for key, item in value.items()}
        case set() | frozenset():
            return sorted(encode(item) for item in value)
        case list() | tuple():
            return [encode(item) for item in value]
        case _:
            return value


def decode[T](annotation: type[T], data: Any) -> T:
    """Return what `encode` made `data` of, as an `annotation`.

    Raises `ValueError` when it does not fit.
    """
    try:
        return cast(T, _decode(annotation, data))
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"not a stored {annotation.__name__}: {error}") from error


def _decode(annotation: Any, data: Any) -> Any:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if annotation is Any:
        return data
    if origin in {Union, UnionType}:
        if data is None and NoneType in arguments:
            return None
        (inner,) = (item for item in arguments if item is not NoneType)
        return _decode(inner, data)
    if origin is not None:
        return _decode_collection(origin, arguments, data)
    if is_dataclass(annotation):
        return _decode_record(annotation, data)
    if issubclass(annotation, Enum):
        return annotation(data)
    if annotation is datetime:
        moment = datetime.fromisoformat(data)
        if moment.tzinfo is None:
            raise ValueError("a time without an offset")
        return moment
    if annotation is float and type(data) is int:
        return float(data)
    if type(data) is not annotation:
        raise ValueError(f"{type(data).__name__} in place of {annotation.__name__}")
    return data


def _decode_collection(origin: Any, arguments: tuple[Any, ...], data: Any) -> Any:
    if issubclass(origin, Mapping):
        key, item = arguments
        read_key = int if key is int else str
        return {read_key(name): _decode(item, value) for name, value in data.items()}
    if not isinstance(data, list):
        raise TypeError(f"{type(data).__name__} in place of a list")
    return origin(_decode(arguments[0], item) for item in data)


def _decode_record(record: Any, data: Any) -> Any:
    if not isinstance(data, dict):
        raise TypeError(f"{type(data).__name__} in place of {record.__name__}")
    annotations = get_type_hints(record)
    values = {}
    for field in fields(record):
        if field.name in data:
            values[field.name] = _decode(annotations[field.name], data[field.name])
        elif field.default is MISSING and field.default_factory is MISSING:
            raise ValueError(f"{record.__name__} without {field.name}")
    return record(**values)
