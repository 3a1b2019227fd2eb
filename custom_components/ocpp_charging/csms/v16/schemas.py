"""What we send is checked against the standard's own schemas before it leaves.

The schema files come with the `ocpp` package; `fastjsonschema` compiles each once.
"""

from collections.abc import Callable
from functools import cache
from importlib.resources import files
import json
import math
from typing import Any

import fastjsonschema

from ..errors import InvalidRequest

type _Validator = Callable[[Any], Any]


def _without(node: Any, keyword: str) -> Any:
    if isinstance(node, dict):
        return {
            key: _without(value, keyword)
            for key, value in node.items()
            if key != keyword
        }
    if isinstance(node, list):
        return [_without(item, keyword) for item in node]
    return node


@cache
def _validator(action: str) -> _Validator:
    text = (files("ocpp.v16") / "schemas" / f"{action}.json").read_text("utf-8-sig")
    # One decimal (OCPP 1.6 §7.14) is checked by value: as a division it fails for
    # limits such as 16.1, which binary fractions cannot hold.
    schema = _without(json.loads(text), "multipleOf")
    compiled: _Validator = fastjsonschema.compile(schema, use_default=False)
    return compiled


def load(actions: tuple[str, ...]) -> None:
    """Compile the schemas of these actions; blocking, so not for the event loop."""
    for action in actions:
        _validator(action)


def check(action: str, payload: dict[str, Any]) -> None:
    """Check a CALL's payload, as strictly as the standard has it.

    Raises `InvalidRequest` with the field and the rule that it breaks.
    """
    try:
        _validator(action)(payload)
        _check_decimals(payload)
    except fastjsonschema.JsonSchemaValueException as error:
        field = str(error.name).removeprefix("data").removeprefix(".")
        rule = str(error.message).removeprefix(str(error.name)).strip()
        raise InvalidRequest(action, f"{field} {rule}".strip()) from None


def _one_decimal(value: float) -> bool:
    return math.isfinite(value) and round(value, 1) == value


def _check_decimals(node: Any) -> None:
    if isinstance(node, dict):
        for key, value in node.items():
            if key in {"limit", "minChargingRate"} and not _one_decimal(value):
                raise fastjsonschema.JsonSchemaValueException(
                    f"data.{key} must have at most one decimal", name=f"data.{key}"
                )
            _check_decimals(value)
    elif isinstance(node, list):
        for item in node:
            _check_decimals(item)
