"""Units of CO2 per energy."""

import re
from typing import Final

_MASSES: Final = {"g": 1.0, "kg": 1000.0, "t": 1e6, "lb": 453.592, "lbs": 453.592}
_ENERGIES: Final = {"wh": 1000.0, "kwh": 1.0, "mwh": 1e-3, "gwh": 1e-6}
_UNIT: Final = re.compile(
    r"(kg|g|t|lbs?)\s*(?:co2|co₂)?\s*[-_]?\s*(?:eq|e)?\.?\s*/\s*([kmg]?wh)"
)


def to_grams_per_kwh(unit: object) -> float | None:
    """Return what makes a value in a unit one in g/kWh, None for no such unit."""
    if not isinstance(unit, str):
        return None
    match = _UNIT.fullmatch(unit.strip().lower())
    return _MASSES[match[1]] * _ENERGIES[match[2]] if match else None
