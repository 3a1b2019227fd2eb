"""From the values that a charger sends to the readings that a person wants.

Chargers send buckets of sampled values: some per phase only, some twice with another
context, some in kilo units, some as text that is no number. The rules are those of
OCPP 1.6 §3.16, §7.30 to §7.49; each bucket is one moment.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
import re

from .model import Reading, RegisterKind, RegisterValue

DEFAULT_MEASURAND = "Energy.Active.Import.Register"
HISTORY_AGE = timedelta(minutes=5)
"""A value this old that arrives after a newer one is history, not the present."""

MAX_NUMBER = 1e12
"""No value of a house is greater; some chargers send 2^63 for nothing."""

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_PHASE = re.compile(r"L([123])(-N)?")


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One sampled value as the charger sent it, with the defaults filled in."""

    at: datetime
    value: str
    measurand: str = DEFAULT_MEASURAND
    phase: str | None = None
    unit: str | None = None
    context: str = "Sample.Periodic"
    location: str = "Outlet"
    signed: bool = False


_KILO = 1000.0
_ENERGY = {"Wh": 1.0, "kWh": _KILO}
_POWER = {"W": 1.0, "kW": _KILO, "VA": 1.0, "kVA": _KILO}
_REACTIVE = {"var": 1.0, "kvar": _KILO}
_RATIO = {"Percent": 1.0, "%": 1.0}


@dataclass(frozen=True, kw_only=True)
class _Quantity:
    """How a measurand is read: its key, units and how phases make a total."""

    key: str
    units: Mapping[str, float]
    default: float = 1.0
    total: str = "sum"


QUANTITIES: dict[str, _Quantity] = {
    "Energy.Active.Import.Register": _Quantity(key="energy", units=_ENERGY),
    "Energy.Active.Export.Register": _Quantity(key="energy_export", units=_ENERGY),
    "Power.Active.Import": _Quantity(key="power", units=_POWER),
    "Power.Active.Export": _Quantity(key="power_export", units=_POWER),
    "Power.Offered": _Quantity(key="power_offered", units=_POWER),
    "Power.Reactive.Import": _Quantity(key="reactive_power", units=_REACTIVE),
    "Power.Factor": _Quantity(key="power_factor", units={}, total="mean"),
    "Current.Import": _Quantity(
        key="current", units={"A": 1.0, "mA": 1 / _KILO}, total="max"
    ),
    "Current.Export": _Quantity(
        key="current_export", units={"A": 1.0, "mA": 1 / _KILO}, total="max"
    ),
    "Current.Offered": _Quantity(
        key="current_offered", units={"A": 1.0, "mA": 1 / _KILO}, total="max"
    ),
    "Voltage": _Quantity(key="voltage", units={"V": 1.0}, total="mean"),
    "Frequency": _Quantity(
        key="frequency", units={"Hertz": 1.0, "Hz": 1.0}, total="mean"
    ),
    "Temperature": _Quantity(
        key="temperature",
        units={"Celsius": 1.0, "Celcius": 1.0, "Fahrenheit": 1.0, "K": 1.0},
        total="mean",
    ),
    "SoC": _Quantity(key="soc", units=_RATIO | {"V": 1.0}, total="mean"),
    "RPM": _Quantity(key="fan_speed", units={}, total="mean"),
}
"""One Heidelberg sends the state of charge in volts; it is percent all the same."""

_CONTEXT_RANK = {
    "Sample.Periodic": 0,
    "Trigger": 1,
    "Sample.Clock": 2,
    "Other": 3,
    "Interruption.End": 4,
    "Interruption.Begin": 5,
    "Transaction.End": 6,
    "Transaction.Begin": 7,
}

_KINDS = {
    "Transaction.Begin": RegisterKind.BEGIN,
    "Transaction.End": RegisterKind.END,
}

_TOTALS: dict[str, Callable[[Sequence[float]], float]] = {
    "sum": sum,
    "max": max,
    "mean": lambda values: sum(values) / len(values),
}


def number(text: str) -> float | None:
    """Read a value; None for what is no number to count with (`NaN`, signed data)."""
    cleaned = text.strip()
    if len(cleaned) > 40 or not _NUMBER.fullmatch(cleaned):
        return None
    value = float(cleaned)
    return value if abs(value) <= MAX_NUMBER else None


def _canonical(sample: Sample, quantity: _Quantity) -> float | None:
    value = None if sample.signed else number(sample.value)
    if value is None:
        return None
    if sample.unit is None:
        return value * quantity.default
    if not quantity.units:
        return value
    factor = quantity.units.get(sample.unit)
    if factor is None:
        return None
    if sample.unit == "Fahrenheit":
        return (value - 32) / 1.8
    if sample.unit == "K":
        return value - 273.15
    return value * factor


def _phase(sample: Sample) -> str | None:
    """Return `l1`, `l2` or `l3`, "" for an overall value, None for what is neither."""
    if not sample.phase:
        return ""
    found = _PHASE.fullmatch(sample.phase)
    return f"l{found.group(1)}" if found else None


def _split_measurand(measurand: str) -> tuple[str, str | None]:
    """Split `Voltage.L1-N`, as one maker writes it, into measurand and phase."""
    base, _, last = measurand.rpartition(".")
    return (base, last) if _PHASE.fullmatch(last) else (measurand, None)


def readings(bucket: Sequence[Sample]) -> dict[str, Reading]:
    """Return the readings of one bucket, by key (`power`, `current_l1`).

    Where one thing is told twice, the periodic outlet value wins. A total that is
    not told is made from the phases: powers and energies add up, of currents the
    greatest counts, of the rest the mean.
    """
    best: dict[tuple[str, str], tuple[tuple[int, int], float]] = {}
    for sample in bucket:
        measurand, suffix = _split_measurand(sample.measurand)
        quantity = QUANTITIES.get(measurand)
        if quantity is None:
            continue
        value = _canonical(sample, quantity)
        phase = _phase(sample) if suffix is None else f"l{suffix[1]}"
        if value is None or phase is None:
            continue
        rank = (sample.location != "Outlet", _CONTEXT_RANK.get(sample.context, 3))
        known = best.get((quantity.key, phase))
        if known is None or rank < known[0]:
            best[quantity.key, phase] = (rank, value)
    return _with_totals(bucket[0].at, {key: value for key, (_, value) in best.items()})


def registers(samples: Iterable[Sample]) -> list[RegisterValue]:
    """Return what the energy register showed in the data of a stop, oldest first.

    The context tells what a value was read for (OCPP 1.6 §7.35): one of the beginning
    is not of the time that is given with it where all comes in one bucket.
    """
    found = []
    for bucket in by_time(samples):
        kinds: dict[RegisterKind, list[Sample]] = {}
        for sample in bucket:
            kind = _KINDS.get(sample.context, RegisterKind.SAMPLE)
            kinds.setdefault(kind, []).append(sample)
        for kind, part in kinds.items():
            energy = readings(part).get("energy")
            if energy is not None:
                found.append(RegisterValue(at=energy.at, wh=energy.value, kind=kind))
    return found


def _with_totals(
    at: datetime, values: dict[tuple[str, str], float]
) -> dict[str, Reading]:
    found = {
        f"{key}_{phase}" if phase else key: value
        for (key, phase), value in values.items()
    }
    for quantity in QUANTITIES.values():
        phases = [
            values[quantity.key, phase]
            for phase in ("l1", "l2", "l3")
            if (quantity.key, phase) in values
        ]
        if phases and quantity.key not in found:
            found[quantity.key] = _TOTALS[quantity.total](phases)
    return {key: Reading(value=value, at=at) for key, value in found.items()}


def power_from_current(
    found: Mapping[str, Reading], known: Mapping[str, Reading]
) -> Reading | None:
    """Return current times voltage over the phases, where no power is told.

    `found` are the readings of the bucket, `known` older ones that lend the voltage,
    which hardly changes. None without a current or without any voltage.
    """

    def voltage(key: str) -> float | None:
        for source in (found, known):
            for name in (key, "voltage"):
                if name in source and source[name].value > 0:
                    return source[name].value
        return None

    pairs = [
        (found[f"current_{phase}"], voltage(f"voltage_{phase}"))
        for phase in ("l1", "l2", "l3")
        if f"current_{phase}" in found
    ] or [(found[key], voltage("voltage")) for key in ("current",) if key in found]
    parts = [
        current.value * volts
        for current, volts in pairs
        if volts is not None
    ]  # fmt: skip
    if not pairs or len(parts) < len(pairs):
        return None
    return Reading(value=sum(parts), at=pairs[0][0].at)


def is_history(at: datetime, known: Reading | None, now: datetime) -> bool:
    """Say whether a value is too old to replace the known one.

    Time jumps when a charger's clock is set: a value of these minutes is always the
    present, whatever stands there.
    """
    return known is not None and at < known.at and now - at > HISTORY_AGE


def is_past(at: datetime, known: Reading | None, now: datetime) -> bool:
    """Say whether a register was read before the known one.

    `known` does not count when it lies in a future that the charger's clock has since
    been set back from.
    """
    return known is not None and at < known.at <= now + HISTORY_AGE


def by_time(samples: Iterable[Sample]) -> list[list[Sample]]:
    """Group samples into buckets of one moment each, oldest first."""
    buckets: dict[datetime, list[Sample]] = {}
    for sample in samples:
        buckets.setdefault(sample.at, []).append(sample)
    return [buckets[at] for at in sorted(buckets)]
