"""What meter values mean (OCPP 1.6 §3.16, §7.30 to §7.49), and what chargers do."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, strategies as st
import pytest

from custom_components.ocpp_charging.csms import metering
from custom_components.ocpp_charging.csms.charger import Charger
from custom_components.ocpp_charging.csms.connector import Connector
from custom_components.ocpp_charging.csms.energy import JITTER_WH, EnergyRegister
from custom_components.ocpp_charging.csms.metering import Sample
from custom_components.ocpp_charging.csms.model import Reading, Transaction
from custom_components.ocpp_charging.csms.v16.meter_values import (
    MAX_SAMPLES,
    read_samples,
)
from tests.csms.raw import RawCharger, stamp

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
ENERGY = "Energy.Active.Import.Register"
POWER = "Power.Active.Import"
CURRENT = "Current.Import"


def sampled(value: Any, measurand: str | None = None, **more: Any) -> dict[str, Any]:
    """Return a sampledValue as a charger writes it."""
    item = {"value": value, **more}
    return item if measurand is None else item | {"measurand": measurand}


def read(*items: Any, at: str = NOW.isoformat()) -> dict[str, float]:
    """Return the readings of one bucket of a MeterValues message."""
    payload = {"meterValue": [{"timestamp": at, "sampledValue": list(items)}]}
    samples = read_samples(payload, NOW)
    if not samples:
        return {}
    return {
        key: round(reading.value, 6)
        for key, reading in metering.readings(samples).items()
    }


# The values

BUCKETS: dict[str, tuple[list[dict[str, Any]], dict[str, float]]] = {
    "the defaults": ([sampled("12345")], {"energy": 12345}),
    "null and empty attributes": (
        [sampled("5", phase="", unit=None, context="", location=None, measurand="")],
        {"energy": 5},
    ),
    "kWh": ([sampled("1.234", unit="kWh")], {"energy": 1234}),
    "kW": ([sampled("7.4", POWER, unit="kW")], {"power": 7400}),
    "VA as power": ([sampled("100", POWER, unit="VA")], {"power": 100}),
    "mA": ([sampled("16000", CURRENT, unit="mA")], {"current": 16}),
    "kvar": (
        [sampled("1", "Power.Reactive.Import", unit="kvar")],
        {"reactive_power": 1000},
    ),
    "no unit": ([sampled("7400", POWER)], {"power": 7400}),
    "an unknown unit": ([sampled("7", POWER, unit="hp")], {}),
    "the unit of another quantity": ([sampled("7", POWER, unit="A")], {}),
    "a number in place of text": ([sampled(7400.5, POWER)], {"power": 7400.5}),
    "an exponent": ([sampled("7.4e3", POWER)], {"power": 7400}),
    "spaces": ([sampled(" 7400 ", POWER)], {"power": 7400}),
    "a decimal comma is not a thousand": ([sampled("7,4", POWER)], {}),
    "empty": ([sampled("", POWER)], {}),
    "NaN": ([sampled("NaN", POWER)], {}),
    "Infinity": ([sampled("inf", POWER)], {}),
    "Python's own numbers": ([sampled("1_000", POWER), sampled("٣", CURRENT)], {}),
    "a number beyond all measure": (
        [sampled(str(2**63)), sampled("1e300", POWER), sampled(1e400, CURRENT)],
        {},
    ),
    "truth": ([sampled(True, POWER)], {}),
    "signed data": (
        [sampled("1234", format="SignedData"), sampled("OCMF|{}|x", "Voltage")],
        {},
    ),
    "Celcius": ([sampled("21", "Temperature", unit="Celcius")], {"temperature": 21}),
    "Fahrenheit": (
        [sampled("212", "Temperature", unit="Fahrenheit")],
        {"temperature": 100},
    ),
    "Kelvin": ([sampled("293.15", "Temperature", unit="K")], {"temperature": 20}),
    "Hertz": ([sampled("50.01", "Frequency", unit="Hertz")], {"frequency": 50.01}),
    "Hz": ([sampled("50.01", "Frequency", unit="Hz")], {"frequency": 50.01}),
    "SoC in volts": ([sampled("80", "SoC", unit="V")], {"soc": 80}),
    "SoC in percent": ([sampled("80", "SoC", unit="Percent")], {"soc": 80}),
    "what has no unit": (
        [sampled("0.98", "Power.Factor", unit="x"), sampled("900", "RPM")],
        {"power_factor": 0.98, "fan_speed": 900},
    ),
    "unknown measurands": (
        [sampled("1", "Energy.Active.Import.Interval"), sampled("1", "Vendor.X")],
        {},
    ),
    "power per phase adds up": (
        [sampled(str(1000 * n), POWER, phase=f"L{n}") for n in (1, 2, 3)],
        {"power_l1": 1000, "power_l2": 2000, "power_l3": 3000, "power": 6000},
    ),
    "the total that is told counts": (
        [sampled("5990", POWER), sampled("3000", POWER, phase="L1")],
        {"power_l1": 3000, "power": 5990},
    ),
    "of currents the greatest counts": (
        [sampled("6", CURRENT, phase="L1"), sampled("16", CURRENT, phase="L2")],
        {"current_l1": 6, "current_l2": 16, "current": 16},
    ),
    "of voltages the mean": (
        [
            sampled("228", "Voltage", phase="L1-N"),
            sampled("232", "Voltage", phase="L2"),
        ],
        {"voltage_l1": 228, "voltage_l2": 232, "voltage": 230},
    ),
    "between phases is not to neutral": (
        [sampled("400", "Voltage", phase="L1-L2"), sampled("5", CURRENT, phase="N")],
        {},
    ),
    "a phase behind the measurand": (
        [sampled("231", "Voltage.L1-N"), sampled("7", "Current.Import.L2")],
        {"voltage_l1": 231, "voltage": 231, "current_l2": 7, "current": 7},
    ),
    "energy tagged with the one phase": (
        [sampled("500", ENERGY, phase="L1")],
        {"energy_l1": 500, "energy": 500},
    ),
    "the present beats the session's begin": (
        [
            sampled("100", context="Transaction.Begin"),
            sampled("900", context="Sample.Periodic"),
            sampled("100", context="Transaction.Begin"),
        ],
        {"energy": 900},
    ),
    "an unknown context is one like another": (
        [sampled("100", context="Nonsense")],
        {"energy": 100},
    ),
    "outlet beats inlet, body and cable": (
        [
            sampled("1", POWER, location="Inlet"),
            sampled("2", POWER, location="Outlet", context="Other"),
            sampled("3", POWER, location="Body"),
        ],
        {"power": 2},
    ),
    "inlet where there is nothing else": (
        [sampled("1", POWER, location="Inlet")],
        {"power": 1},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BUCKETS)
def test_a_bucket_reads(name: str) -> None:
    items, expected = BUCKETS[name]
    assert read(*items) == expected


def test_every_measurand_has_a_key() -> None:
    items = [sampled("1", measurand) for measurand in metering.QUANTITIES]
    assert set(read(*items)) == {
        "energy", "energy_export", "power", "power_export", "power_offered",
        "reactive_power", "power_factor", "current", "current_export",
        "current_offered", "voltage", "frequency", "temperature", "soc", "fan_speed",
    }  # fmt: skip


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"meterValue": None},
        {"meterValue": "x"},
        {"meterValue": [None, 1, "x", []]},
        {"meterValue": [{"sampledValue": None}]},
        {"meterValue": [{"sampledValue": [None, 1, "x", {}, {"value": None}]}]},
        {"meterValue": [{"timestamp": 5, "sampledValue": []}]},
    ],
)
def test_what_is_no_sampled_value_is_left_out(payload: dict[str, Any]) -> None:
    assert read_samples(payload, NOW) == []


def test_a_lone_object_in_place_of_a_list_is_one_bucket() -> None:
    payload = {"meterValue": {"timestamp": "2026-11-01T11:00:00+01:00",
                              "sampledValue": sampled("5")}}  # fmt: skip
    (sample,) = read_samples(payload, NOW)
    assert (sample.value, sample.at) == ("5", datetime(2026, 11, 1, 10, tzinfo=UTC))


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-11-01T11:00:00Z", datetime(2026, 11, 1, 11, tzinfo=UTC)),
        ("2026-11-01T11:00:00.123Z", datetime(2026, 11, 1, 11, 0, 0, 123000, UTC)),
        ("2026-11-01T13:00:00+02:00", datetime(2026, 11, 1, 11, tzinfo=UTC)),
        ("2026-11-01T11:00:00", datetime(2026, 11, 1, 11, tzinfo=UTC)),
        ("yesterday", NOW),
        ("0001-01-01T00:00:00+14:00", NOW),
        (None, NOW),
        (1e9, NOW),
    ],
)
def test_times_are_read_with_fractions_and_offsets(text: Any, at: datetime) -> None:
    payload = {"meterValue": [{"timestamp": text, "sampledValue": [sampled("1")]}]}
    assert read_samples(payload, NOW)[0].at == at


def test_a_message_with_too_many_values_is_cut() -> None:
    bucket = {"sampledValue": [sampled("1")] * (MAX_SAMPLES + 5)}
    assert len(read_samples({"meterValue": [bucket]}, NOW)) == MAX_SAMPLES


def test_buckets_are_taken_in_the_order_of_time() -> None:
    samples = [
        Sample(at=NOW + timedelta(minutes=minute), value=str(minute))
        for minute in (2, 0, 1, 0)
    ]
    buckets = metering.by_time(samples)
    found = [[sample.value for sample in bucket] for bucket in buckets]
    assert found == [["0", "0"], ["1"], ["2"]]


# Power from current and voltage


def values(**found: float) -> dict[str, Reading]:
    """Return readings of one moment."""
    return {key: Reading(value=value, at=NOW) for key, value in found.items()}


@pytest.mark.parametrize(
    ("found", "known", "power"),
    [
        (values(current_l1=10, voltage_l1=230), {}, 2300),
        (
            values(current_l1=10, current_l2=5, voltage_l1=230, voltage_l2=220),
            {},
            3400,
        ),
        (values(current_l1=10, current_l2=10, voltage=230), {}, 4600),
        (values(current_l1=10), values(voltage_l1=231), 2310),
        (values(current_l1=10), values(voltage=232), 2320),
        (values(current=10, voltage=230), {}, 2300),
        (values(current_l1=10, voltage_l1=0), values(voltage_l1=229), 2290),
        (values(current_l1=10, current_l2=10, voltage_l1=230), {}, None),
        (values(current_l1=10), {}, None),
        (values(voltage_l1=230), values(current_l1=10), None),
        ({}, {}, None),
    ],
)
def test_power_is_the_sum_of_current_times_voltage(
    found: dict[str, Reading], known: dict[str, Reading], power: float | None
) -> None:
    result = metering.power_from_current(found, known)
    assert (None if result is None else result.value) == power


# On a connector


async def test_meter_values_reach_the_connector(
    raw: RawCharger, connector: Connector
) -> None:
    assert await raw.meter(sampled("5000"), sampled("7.4", POWER, unit="kW")) == {}
    assert connector.reading("energy") == 5000
    assert connector.reading("power") == 7400
    assert connector.reading("voltage") is None


async def test_power_is_made_of_current_where_no_power_is_told(
    raw: RawCharger, connector: Connector
) -> None:
    await raw.meter(
        *(sampled("10", CURRENT, phase=f"L{n}") for n in (1, 2, 3)),
        *(sampled("230", "Voltage", phase=f"L{n}-N") for n in (1, 2, 3)),
    )
    assert connector.reading("power") == 6900
    await raw.meter(sampled("0", CURRENT, phase="L1"))
    assert connector.reading("power") == 0
    await raw.meter(sampled("1000", POWER), sampled("10", CURRENT, phase="L1"))
    assert connector.reading("power") == 1000


async def test_connector_0_is_the_main_meter_and_books_on_no_other(
    raw: RawCharger, charger: Charger, connector: Connector
) -> None:
    await raw.meter(
        sampled("99000", location="Inlet"), sampled("3", CURRENT), connector_id=0
    )
    assert charger.main.reading("energy") == 99000
    assert charger.main.reading("power") is None
    assert connector.readings == {}


@pytest.mark.parametrize("connector_id", [-1, 65535, None, "x", True, 10**30])
async def test_meter_values_are_never_refused(
    raw: RawCharger, charger: Charger, connector_id: Any
) -> None:
    assert await raw.meter(sampled("1"), connector_id=connector_id) == {}
    assert set(charger.connectors) <= {1}


async def test_only_what_changed_is_told(
    raw: RawCharger, charger: Charger, connector: Connector
) -> None:
    items = [sampled("5000"), sampled("7400", POWER), sampled("230", "Voltage")]
    await raw.meter(*items)
    told: list[Any] = []
    charger.listen_all(told.append)
    await raw.meter(*items)
    assert told == []
    await raw.meter(items[0], sampled("7300", POWER), items[2])
    assert told == [frozenset({(1, "power")})]


async def test_an_observer_that_fails_does_not_disturb_the_others(
    raw: RawCharger, charger: Charger, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[str] = []

    def fail() -> None:
        raise RuntimeError("a bug")

    charger.listen(1, "power", fail)
    stop = charger.listen(1, "power", lambda: told.append("power"))
    await raw.meter(sampled("1", POWER))
    assert told == ["power"]
    assert "observer" in caplog.text
    stop()
    await raw.meter(sampled("2", POWER))
    assert told == ["power"]


# Out of the queue


async def test_history_does_not_overwrite_the_present(
    raw: RawCharger, connector: Connector
) -> None:
    now = datetime.now(UTC)
    await raw.meter(sampled("7400", POWER), sampled("5000"))
    await raw.meter(
        sampled("1", POWER), sampled("4000"), at=now - timedelta(minutes=30)
    )
    assert connector.reading("power") == 7400
    assert connector.reading("energy") == 5000


async def test_the_buckets_of_one_message_count_by_their_time(
    raw: RawCharger, connector: Connector
) -> None:
    now = datetime.now(UTC)
    buckets = [
        {"timestamp": stamp(now), "sampledValue": [sampled("20", POWER)]},
        {
            "timestamp": stamp(now - timedelta(minutes=1)),
            "sampledValue": [sampled("10", POWER)],
        },
    ]
    await raw.call("MeterValues", {"connectorId": 1, "meterValue": buckets})
    assert connector.reading("power") == 20


async def test_a_replay_is_not_taken_for_a_register_that_began_anew(
    raw: RawCharger, connector: Connector
) -> None:
    now = datetime.now(UTC)
    await raw.register(10_000)
    for minute, value in ((4, 8000), (3, 8500), (2, 9000)):
        await raw.register(value, at=now - timedelta(minutes=minute))
    assert connector.reading("energy") == 10_000


async def test_a_clock_that_is_set_back_does_not_stop_the_readings(
    raw: RawCharger, connector: Connector
) -> None:
    future = datetime.now(UTC) + timedelta(hours=2)
    await raw.meter(sampled("7400", POWER), sampled("5000"), at=future)
    await raw.meter(sampled("3700", POWER), sampled("5100"))
    assert connector.reading("power") == 3700
    assert connector.reading("energy") == 5100


@pytest.mark.parametrize(("hours", "known"), [(-7, False), (-7, True), (2, False)])
async def test_a_clock_that_is_hours_off_is_a_clock_all_the_same(
    raw: RawCharger, charger: Charger, connector: Connector, hours: int, known: bool
) -> None:
    if known:
        charger.remember(clock_offset_s=hours * 3600.0)

    def charger_time(minutes: float = 0) -> datetime:
        return datetime.now(UTC) + timedelta(hours=hours, minutes=minutes)

    await raw.status("Charging", timestamp=stamp(charger_time()))
    # That a clock is slow must be seen twice: the status may only have waited.
    believed = hours * 3600 if known or hours > 0 else None
    assert charger.clock_offset_s == (believed and pytest.approx(believed, abs=2))
    await raw.meter(sampled("7400", POWER), sampled("5000"), at=charger_time())
    await raw.meter(sampled("1", POWER), sampled("4000"), at=charger_time(-30))
    await raw.meter(sampled("2", POWER), sampled("4100"), at=charger_time(-29))
    assert connector.reading("power") == 7400
    assert connector.reading("energy") == 5000
    await raw.status("SuspendedEV")
    assert connector.reading("power") == 0
    await raw.status("Charging")
    await raw.meter(sampled("3700", POWER), at=charger_time())
    assert connector.reading("power") == 3700


async def test_a_slow_clock_that_nobody_knows_of_does_not_stop_the_readings(
    raw: RawCharger, charger: Charger, connector: Connector
) -> None:
    def charger_time() -> datetime:
        return datetime.now(UTC) - timedelta(hours=2)

    await raw.status("Charging")
    started = await raw.start(timestamp=stamp(charger_time()))
    await raw.meter(sampled("7400", POWER), at=charger_time())
    await raw.status("SuspendedEV")
    assert connector.reading("power") == 0
    await raw.status("Charging")
    await raw.meter(sampled("3700", POWER), at=charger_time())
    assert connector.reading("power") == 3700
    await raw.stop(started["transactionId"], 1500, timestamp=stamp(charger_time()))
    assert connector.reading("power") == 0
    await raw.meter(sampled("20", POWER), at=charger_time())
    assert connector.reading("power") == 20
    assert charger.clock_offset_s is None


async def test_a_time_beyond_the_calendar_harms_nothing(
    raw: RawCharger, connector: Connector
) -> None:
    await raw.status("Charging", timestamp="9999-12-31T23:59:59Z")
    await raw.meter(sampled("3700", POWER))
    assert connector.reading("power") == 3700


async def test_a_clock_near_the_end_of_time_harms_nothing(
    raw: RawCharger, charger: Charger, connector: Connector
) -> None:
    charger.memory.clock_offset_s = 1e12
    await raw.meter(sampled("3700", POWER))
    assert connector.reading("power") == 3700


async def test_a_charger_without_a_clock_is_read(
    raw: RawCharger, connector: Connector
) -> None:
    at = datetime(1970, 1, 1, tzinfo=UTC)
    for second, power in enumerate((7400, 3700)):
        await raw.meter(sampled(str(power), POWER), at=at + timedelta(seconds=second))
        assert connector.reading("power") == power


# The register


def transaction(meter_start: int | None = 1000) -> Transaction:
    return Transaction(
        transaction_id=1,
        connector_id=1,
        id_tag=None,
        started_at=NOW,
        meter_start_wh=meter_start,
    )


def lifetimes(*given_wh: float) -> list[float | None]:
    """Return what the lifetime becomes with each register value; None: unchanged."""
    register = EnergyRegister()
    return [register.take(value, None).lifetime_wh for value in given_wh]


def test_the_lifetime_follows_the_register() -> None:
    assert lifetimes(100, 100, 200.5) == [100, 100, 200.5]


def test_jitter_does_not_lower_it() -> None:
    assert lifetimes(1000, 1000 - JITTER_WH, 999, 998, 1001) == [
        1000, None, None, None, 1001,
    ]  # fmt: skip


def test_a_stray_0_does_not_lower_it() -> None:
    assert lifetimes(1000, 0, 1100, 0, 0, 0, 1200) == [
        1000, None, 1100, None, None, None, 1200,
    ]  # fmt: skip


def test_one_low_value_does_not_lower_it() -> None:
    assert lifetimes(1000, 300, 1100, 200, 1200) == [1000, None, 1100, None, 1200]


def test_a_register_that_really_began_anew_is_believed_at_the_second_value() -> None:
    assert lifetimes(1000, 5, 10, 20) == [1000, None, 10, 20]


def test_a_session_is_the_difference_of_the_register() -> None:
    register, session = EnergyRegister(), transaction(1000)
    step = register.take(1500, session)
    assert (step.lifetime_wh, step.session_wh) == (1500, 500)
    step = register.finish(1600, session)
    assert (step.lifetime_wh, step.session_wh) == (1600, 600)


def test_samples_that_count_from_the_session_are_known_by_being_lower() -> None:
    register, session = EnergyRegister(), transaction(5000)
    steps = [register.take(value, session) for value in (0, 100, 200)]
    assert [step.session_wh for step in steps] == [0, 100, 200]
    assert [step.lifetime_wh for step in steps] == [5000, 5100, 5200]
    assert register.finish(5250, session).session_wh == 250


def test_a_last_value_that_counts_from_the_session_too() -> None:
    register, session = EnergyRegister(), transaction(5000)
    step = register.finish(250, session)
    assert (step.lifetime_wh, step.session_wh) == (5250, 250)


def test_a_stop_1_wh_below_the_start_is_an_empty_session() -> None:
    step = EnergyRegister().finish(999, transaction(1000))
    assert step.session_wh == 0


def test_an_adopted_session_counts_from_when_it_was_found() -> None:
    register, session = EnergyRegister(), transaction(None)
    assert register.take(5000, session).session_wh == 0
    assert register.take(5300, session).session_wh == 300
    assert register.finish(5400, session).session_wh == 400
    assert EnergyRegister().finish(5400, transaction(None)).session_wh == 0


def test_a_stray_0_in_a_session_does_not_make_it_count_from_its_start() -> None:
    register, session = EnergyRegister(), transaction(90_000)
    values = (90_500, 0, 91_000)
    assert [register.take(value, session).session_wh for value in values] == [
        500, 0, 1000,
    ]  # fmt: skip


def test_a_low_value_in_a_session_does_not_make_a_session_of_a_lifetime() -> None:
    register, session = EnergyRegister(), transaction(5_000_000)
    values = (5_000_500, 7, 5_001_000)
    steps = [register.take(value, session) for value in values]
    assert steps[-1].session_wh == 1000
    assert steps[-1].lifetime_wh == 5_001_000


def test_a_start_of_0_that_cannot_be_true_is_what_was_known_before() -> None:
    register, session = EnergyRegister(), transaction(0)
    register.take(5_000_000, None)
    register.begin(0)
    step = register.take(5_000_400, session)
    assert (step.lifetime_wh, step.session_wh) == (5_000_400, 400)
    assert register.finish(5_000_900, session).session_wh == 900


def test_a_start_of_0_that_cannot_be_true_is_else_the_first_value() -> None:
    register, session = EnergyRegister(), transaction(0)
    assert register.take(5_000_400, session).session_wh == 0
    assert register.finish(5_000_900, session).session_wh == 500
    assert EnergyRegister().finish(5_000_900, transaction(0)).session_wh == 0


def test_a_session_that_begins_lower_shows_a_register_that_began_anew() -> None:
    register = EnergyRegister()
    register.take(5000, None)
    register.begin(4990)
    assert register.take(4995, None).lifetime_wh is None
    register.begin(0)
    assert register.take(100, transaction(0)).lifetime_wh == 100


register_values = st.floats(0, 1e9) | st.integers(0, 2000) | st.sampled_from([0, 1, 50])


@given(st.lists(st.tuples(register_values, st.booleans()), max_size=30))
def test_the_lifetime_never_falls_but_for_a_confirmed_reset(
    given_wh: list[tuple[float, bool]],
) -> None:
    register = EnergyRegister()
    last: float | None = None
    lower: float | None = None
    for value, past in given_wh:
        step = register.take(value, None, past=past).lifetime_wh
        if step is None:
            if not past:
                lower = value
            continue
        if last is not None and step < last:
            assert not past
            assert lower is not None
            assert 0 < lower <= value
            assert value < last - JITTER_WH
        last, lower = step, None


@given(
    st.integers(0, 10**6) | st.none(),
    st.lists(register_values, max_size=20),
)
def test_a_session_never_shows_less_than_nothing(
    meter_start: int | None, given_wh: list[float]
) -> None:
    register, session = EnergyRegister(), transaction(meter_start)
    for value in given_wh:
        step = register.take(value, session)
        assert step.session_wh is not None
        assert step.session_wh >= 0


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12)
    | st.sampled_from([*metering.QUANTITIES, "L1", "L1-N", "kWh", "Celsius", "12.5"]),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(
        st.sampled_from(
            ["timestamp", "sampledValue", "value", "measurand", "phase", "unit",
             "context", "location", "format"]
        ),
        inner,
        max_size=6,
    ),
    max_leaves=25,
)  # fmt: skip


@given(anything)
def test_no_message_makes_reading_fail(content: Any) -> None:
    samples = read_samples({"meterValue": content}, NOW)
    for bucket in metering.by_time(samples):
        found = metering.readings(bucket)
        metering.power_from_current(found, found)
        assert all(abs(reading.value) <= 4e12 for reading in found.values())


@given(st.text(max_size=45) | st.from_regex(r"-?\d+(\.\d+)?([eE]-?\d{1,3})?"))
def test_a_value_is_a_number_to_count_with_or_none(text: str) -> None:
    found = metering.number(text)
    assert found is None or abs(found) <= metering.MAX_NUMBER
