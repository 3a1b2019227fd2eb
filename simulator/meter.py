"""The meter of a connector: its lifetime register, and what it says in MeterValues."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from .quirks import Quirks

type Json = dict[str, Any]


class Context(StrEnum):
    """Why a sample was taken (OCPP 1.6 §7.33)."""

    BEGIN = "Transaction.Begin"
    END = "Transaction.End"
    PERIODIC = "Sample.Periodic"
    CLOCK = "Sample.Clock"
    TRIGGER = "Trigger"


@dataclass(frozen=True, kw_only=True)
class Reading:
    """All that the meter of a connector knows at one moment."""

    register_wh: float
    interval_wh: float
    """Energy since the previous sample of the same kind."""
    current_a: float
    """Per phase in use."""
    offered_a: float
    """Per phase."""
    phases: int
    """Phases of the charge point."""
    phases_used: int
    voltage_v: float
    soc_percent: float | None
    temperature_c: float

    @property
    def power_w(self) -> float:
        """Return the power over all phases."""
        return self.current_a * self.voltage_v * self.phases_used


@dataclass(frozen=True, kw_only=True)
class _Value:
    """One sampled value before it is written down."""

    measurand: str
    number: float
    unit: str | None
    phase: str | None = None
    decimals: int = 1
    location: str = "Outlet"


def sampled_values(
    reading: Reading, measurands: list[str], context: Context, quirks: Quirks
) -> list[Json]:
    """Return the sampledValue list for measurands in order (OCPP 1.6 §7.43)."""
    return [
        _written(value, context, quirks)
        for measurand in measurands
        if quirks.delivered_measurands is None
        or measurand in quirks.delivered_measurands
        for value in _values(reading, measurand, quirks)
    ]


def _values(reading: Reading, measurand: str, quirks: Quirks) -> Iterator[_Value]:
    make = _MEASURANDS.get(measurand)
    if make:
        yield from make(reading, quirks)


def _register(reading: Reading, quirks: Quirks) -> Iterator[_Value]:
    yield _energy("Energy.Active.Import.Register", reading.register_wh, quirks)


def _interval(reading: Reading, quirks: Quirks) -> Iterator[_Value]:
    yield _energy("Energy.Active.Import.Interval", reading.interval_wh, quirks)


def _power_offered(reading: Reading, quirks: Quirks) -> Iterator[_Value]:
    watts = reading.offered_a * reading.voltage_v * reading.phases
    yield _Value(measurand="Power.Offered", number=watts, unit="W")


def _current_offered(reading: Reading, quirks: Quirks) -> Iterator[_Value]:
    yield _Value(measurand="Current.Offered", number=reading.offered_a, unit="A")


def _currents(reading: Reading, quirks: Quirks) -> Iterator[_Value]:
    for phase in range(1, reading.phases + 1):
        yield _Value(
            measurand="Current.Import",
            number=reading.current_a if phase <= reading.phases_used else 0.0,
            unit="A",
            phase=_phase(reading, phase, "", quirks),
            decimals=2,
        )


def _voltages(reading: Reading, quirks: Quirks) -> Iterator[_Value]:
    for phase in range(1, reading.phases + 1):
        yield _Value(
            measurand="Voltage",
            number=reading.voltage_v,
            unit="V",
            phase=_phase(reading, phase, "-N", quirks),
        )


def _charge(reading: Reading, quirks: Quirks) -> Iterator[_Value]:
    if reading.soc_percent is not None:
        yield _Value(
            measurand="SoC", number=reading.soc_percent, unit="Percent", location="EV"
        )


def _temperature(reading: Reading, quirks: Quirks) -> Iterator[_Value]:
    yield _Value(
        measurand="Temperature",
        number=reading.temperature_c,
        unit="Celsius",
        location="Body",
    )


def _frequency(reading: Reading, quirks: Quirks) -> Iterator[_Value]:
    # The specification names no unit for it (errata 3.84).
    yield _Value(measurand="Frequency", number=50.0, unit=None, decimals=2)


def _power_factor(reading: Reading, quirks: Quirks) -> Iterator[_Value]:
    yield _Value(measurand="Power.Factor", number=1.0, unit=None, decimals=2)


def _energy(measurand: str, wh: float, quirks: Quirks) -> _Value:
    if quirks.kilowatt_hours:
        return _Value(measurand=measurand, number=wh / 1000, unit="kWh", decimals=3)
    decimals = 6 if quirks.fractional_values else 0
    return _Value(measurand=measurand, number=wh, unit="Wh", decimals=decimals)


def _power(reading: Reading, quirks: Quirks) -> Iterator[_Value]:
    measurand = "Power.Active.Import"
    if not quirks.per_phase_only:
        phase = "L1" if reading.phases == 1 and quirks.tagged_single_phase else None
        yield _Value(measurand=measurand, number=reading.power_w, unit="W", phase=phase)
        return
    for phase_number in range(1, reading.phases + 1):
        in_use = phase_number <= reading.phases_used
        power = reading.current_a * reading.voltage_v if in_use else 0.0
        yield _Value(
            measurand=measurand, number=power, unit="W", phase=f"L{phase_number}"
        )


def _phase(reading: Reading, number: int, suffix: str, quirks: Quirks) -> str | None:
    if reading.phases == 1 and not (
        quirks.tagged_single_phase or quirks.per_phase_only
    ):
        return None
    return f"L{number}{suffix}"


def _written(value: _Value, context: Context, quirks: Quirks) -> Json:
    number = f"{value.number:.{6 if quirks.fractional_values else value.decimals}f}"
    written: Json = {"value": float(number) if quirks.numbers_as_values else number}
    if not quirks.no_context:
        written["context"] = context.value
    written["measurand"] = value.measurand
    if value.phase:
        written["phase"] = value.phase
    written["location"] = value.location
    if value.unit and not quirks.no_units:
        written["unit"] = value.unit
    return written


_MEASURANDS: dict[str, Callable[[Reading, Quirks], Iterator[_Value]]] = {
    "Current.Import": _currents,
    "Current.Offered": _current_offered,
    "Energy.Active.Import.Interval": _interval,
    "Energy.Active.Import.Register": _register,
    "Frequency": _frequency,
    "Power.Active.Import": _power,
    "Power.Factor": _power_factor,
    "Power.Offered": _power_offered,
    "SoC": _charge,
    "Temperature": _temperature,
    "Voltage": _voltages,
}
