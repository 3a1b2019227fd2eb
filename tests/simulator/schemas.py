"""Checks what a charge point sent against the OCPP 1.6 schema files."""

from functools import cache
import json
from pathlib import Path
from typing import Any

import fastjsonschema
import ocpp.v16

from simulator import ChargePoint

_FOLDER = Path(ocpp.v16.__file__).parent / "schemas"


@cache
def _validator(name: str) -> Any:
    schema = json.loads((_FOLDER / f"{name}.json").read_text("utf-8-sig"))
    return fastjsonschema.compile(schema)


def faulty_frames(cp: ChargePoint) -> list[str]:
    """Return what is wrong with the frames that a charge point has sent."""
    asked = {frame.message[1]: frame.action for frame in cp.received if frame.kind == 2}
    faults = []
    for frame in cp.sent:
        name = frame.action
        if frame.kind == 3:
            name = f"{asked[frame.message[1]]}Response"
        if name is None:
            continue
        try:
            _validator(name)(frame.payload)
        except fastjsonschema.JsonSchemaValueException as error:
            faults.append(f"{name} {frame.payload}: {error.message}")
    return faults
