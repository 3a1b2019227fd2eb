"""Whatever habits a charger has with limits and stops, it charges when it is to."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import Any

from homeassistant.util import dt as dt_util
import pytest

from custom_components.ocpp_charging.csms.model import HeldBy, RateUnit, ScheduleOrigin
from custom_components.ocpp_charging.planning import ConnectorPlan, Mode
from simulator import PRESETS, Car, Quirks
from simulator.quirks import AfterPowerLoss

from ..conftest import FAST
from .conftest import BERLIN, PRICE, Home, Make, car

HABITS = (
    "none",
    "ignores-maximum-profile",
    "stack-level-zero",
    "watts-only",
    "amperes-only",
    "rejects-measurands",
    "default-profile-only",
    "tx-profile-only",
    "maximum-profile-only",
    "rejects-tx-profile",
    "rejects-absolute",
    "rejects-relative",
    "three-periods",
    "one-period",
    "one-profile",
    "disobeys-profiles",
    "ignores-every-purpose",
    "rejects-profile-in-start",
    "forgets-profiles",
    "keeps-tx-profiles",
    "core-only",
    "ends-below-minimum",
    "garbage-tag",
    "meter-values-after-stop",
    "negative-transaction-ids",
    "zero-transaction-ids",
    "rejects-remote-stop",
    "one-session-per-plug",
    "stuck-when-suspended",
    "least-limit",
    "goes-on-at-zero",
    "set-in-app",
    "absolute-unanswered",
    "starts-late",
    "slow-answers",
    "starts-by-itself",
    "starts-and-goes-on",
    "unadvertised",
    "huge-idle-id",
    "watts-and-energy",
)
"""Each is what real chargers were seen to do with limits, starts or stops."""
PLAYED = {
    **PRESETS,
    "one-period": Quirks(max_periods=1),
    "one-profile": Quirks(),
    "ignores-every-purpose": Quirks(
        ignored_purposes=frozenset(
            {"ChargePointMaxProfile", "TxDefaultProfile", "TxProfile"}
        )
    ),
    "starts-by-itself": Quirks(),
    "starts-and-goes-on": PRESETS["rejects-remote-stop"],
    "unadvertised": Quirks(),
    "slow-answers": Quirks(),
    "watts-and-energy": Quirks(
        watts_only=True,
        delivered_measurands=frozenset({"Energy.Active.Import.Register"}),
    ),
    "huge-idle-id": Quirks(idle_transaction_id=2**63 - 1),
    "rejects-profile-in-start": replace(
        PRESETS["tx-profile-only"], rejects_profile_in_start=True
    ),
}
OPTIONS: dict[str, dict[str, Any]] = {
    "one-profile": {"configuration": {"MaxChargingProfilesInstalled": "1"}},
    "unadvertised": {
        "configuration": {"SupportedFeatureProfiles": "Core,RemoteTrigger"}
    },
    "starts-by-itself": {"autostart_tag": "itself"},
    "starts-and-goes-on": {"autostart_tag": "itself"},
}
HELD = {HeldBy.PROFILE, HeldBy.MERGED, HeldBy.START_STOP, HeldBy.IGNORED}


GIVES_UP_S = {"absolute-unanswered": 1801.0}
"""How long is waited for an answer that never comes: longer than time passes at one go,
or an answer that is under way then would be given up, too."""

WAITS_S = {"starts-late": 1.0, "slow-answers": 1.0}
"""Where a charger takes its time, some has to pass while it is waited for."""


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch, habit: str) -> None:
    """Let nobody be held for dead when minutes pass at one go."""
    timing = replace(
        FAST,
        call_timeout=GIVES_UP_S.get(habit, 1e6),
        confirm=1e6,
        ping_interval=1e9,
        silence=1e9,
        silence_without_pongs=1e9,
    )
    monkeypatch.setattr("custom_components.ocpp_charging.hub.TIMING", timing)


async def home_with(home: Make, habit: str) -> Home:
    """Return a home whose charger has a habit, and whose charger is patient too."""
    made = await home(
        car(),
        soc=40,
        quirks=PLAYED[habit],
        call_timeout_s=1e6,
        **OPTIONS.get(habit, {}),
    )
    made.gives_up_s = GIVES_UP_S.get(habit)
    made.waits_s = WAITS_S.get(habit)
    if habit == "slow-answers":
        made.cp.faults.delay_answers(25.0)
    return made


async def settles(made: Home, so: Callable[[], object]) -> None:
    """Wait until something is so; what was refused is tried again after a while."""
    await made.comes(so, step=61, steps=12)


async def wish(made: Home, one: ConnectorPlan, *, current: bool, **wishes: Any) -> None:
    """Wish something, and wait until the charger does it."""
    # Two sessions that begin at one moment, with one register, would be the same.
    await made.pass_time(seconds=1)
    await one.async_set(steered=True, **wishes)
    await made.pass_time(seconds=31)

    def so() -> bool:
        flowing = made.cp.connector(1).current_a > 0
        # A session that the charger ended at 0 A has nothing left to hold.
        ended = one.connector.last_transaction is not None
        over = ended and one.connector.transaction is None and not current
        return flowing is current and (over or one.connector.held_by in HELD)

    await settles(made, so)


@pytest.mark.parametrize("habit", HABITS)
async def test_a_car_waits_for_its_plan_charges_and_stops(
    home: Make, habit: str
) -> None:
    made = await home_with(home, habit)
    await made.cp.plug(1, Car(battery_kwh=60, soc_percent=40))
    one = made.of()
    await made.told(one, lambda: one.plugged_in)
    await made.pass_time(seconds=11)
    await wish(
        made, one, current=False, mode=Mode.SMART, ready_by=time(7), target_soc=60
    )
    await wish(made, one, current=True, mode=Mode.FAST)
    await wish(made, one, current=False, mode=Mode.OFF)
    assert made.cp.violations == []


@pytest.mark.parametrize("habit", ["none"])
async def test_who_is_slow_to_tell_its_schedule_is_not_thought_to_ignore_the_plan(
    home: Make, habit: str
) -> None:
    made = await home_with(home, habit)

    def late(_payload: object) -> None:
        made.freezer.tick(timedelta(seconds=31))

    made.cp.answers["GetCompositeSchedule"] = late
    await made.cp.plug(1, Car(battery_kwh=60, soc_percent=40))
    one = made.of()
    await made.told(one, lambda: one.plugged_in)
    await wish(
        made, one, current=False, mode=Mode.SMART, ready_by=time(7), target_soc=60
    )
    await settles(made, lambda: one.held_by is HeldBy.PROFILE)
    await settles(made, lambda: one.charger.features.plan_unit)
    features = one.charger.features
    assert features.plan_unit is RateUnit.AMPERE
    assert features.plan_origin is ScheduleOrigin.ABSOLUTE


CHEAP = (
    datetime(2026, 11, 21, 1, tzinfo=BERLIN),
    datetime(2026, 11, 21, 5, tzinfo=BERLIN),
)
MORNING = datetime(2026, 11, 21, 7, tzinfo=BERLIN)
STEP = timedelta(minutes=5)
LONG = timedelta(minutes=30)
WATCHED = CHEAP[0] + timedelta(hours=2), CHEAP[1] + timedelta(minutes=40)
"""While it is expected to begin and end, time passes in small steps."""
LATE = 3 * STEP
"""So much later it may end: what changes in a step is known at its end, the state of
charge one step after that."""


OUTSIDE_WH = {"disobeys-profiles": 500, "set-in-app": 10_000}
"""What is drawn at other hours: until it is found out who ignores profiles, and what
can't be drawn in time as somebody has set less in the maker's app."""


async def the_night_passes(
    made: Home, the_car: Car, until: datetime = MORNING
) -> float:
    """Let the night pass; return what was drawn outside of the cheap hours, in Wh."""
    outside = 0.0
    start, end = CHEAP
    while (now := dt_util.utcnow()) < until:
        step = STEP if WATCHED[0] <= now < WATCHED[1] else LONG
        before = made.cp.connector(1).register_wh
        await made.pass_time(seconds=step.total_seconds())
        for _ in range(3):
            await made.cp.call("Heartbeat", {})
            await made.settle()
        made.soc(the_car.soc_percent)
        drawn = made.cp.connector(1).register_wh - before
        if now + step <= start or now >= end + LATE:
            outside += drawn
    return outside


@pytest.mark.parametrize("habit", HABITS)
async def test_a_car_charges_in_the_hours_of_its_plan_only_and_is_ready(
    home: Make, habit: str
) -> None:
    made = await home_with(home, habit)
    the_car = Car(battery_kwh=60, soc_percent=40)
    await made.cp.plug(1, the_car)
    one = made.of()
    await made.told(one, lambda: one.plugged_in)
    await made.pass_time(seconds=11)
    await wish(
        made, one, current=False, mode=Mode.SMART, ready_by=time(7), target_soc=60
    )
    outside_wh = await the_night_passes(made, the_car)
    assert outside_wh < OUTSIDE_WH.get(habit, 100)
    assert the_car.soc_percent >= 59
    assert made.cp.violations == []


TWICE_CHEAP = {
    **PRICE,
    "periods": [
        {"start": "20:00", "end": "21:00", "amount": 0.10},
        {"start": "05:00", "end": "07:00", "amount": 0.20},
    ],
}


@pytest.mark.parametrize("habit", ["none"])
async def test_a_car_that_takes_less_than_it_may_is_ready_all_the_same(
    home: Make, habit: str
) -> None:
    made = await home(car(), soc=40, options={"price": TWICE_CHEAP}, call_timeout_s=1e6)
    the_car = Car(battery_kwh=60, soc_percent=40, max_current_a=8)
    await made.cp.plug(1, the_car)
    one = made.of()
    await made.told(one, lambda: one.plugged_in)
    await made.pass_time(seconds=11)
    await wish(
        made, one, current=False, mode=Mode.SMART, ready_by=time(7), target_soc=75
    )
    assert one.problem is not None
    assert one.problem.car.max_power_w == 16 * 3 * 230
    while dt_util.now().hour < 21:
        await made.pass_time(seconds=STEP.total_seconds())
        await made.cp.call("Heartbeat", {})
        await made.settle()
        made.soc(the_car.soc_percent)
    # It could take more if it would; it is only not reckoned with.
    assert the_car.soc_percent > 45
    assert one.problem.car.max_power_w == pytest.approx(8 * 3 * 230, rel=0.02)
    assert made.cp.connector(1).offered_a in {0, 16}
    await the_night_passes(made, the_car)
    assert the_car.soc_percent >= 74


LOSES_POWER = {f"power-{each.name.lower()}": each for each in AfterPowerLoss}
"""What becomes of the session when the power fails."""


@pytest.mark.parametrize("habit", LOSES_POWER)
async def test_a_car_is_ready_though_its_charger_loses_power_while_it_charges(
    home: Make, habit: str
) -> None:
    made = await home(
        car(),
        soc=40,
        quirks=Quirks(after_power_loss=LOSES_POWER[habit]),
        call_timeout_s=1e6,
    )
    the_car = Car(battery_kwh=60, soc_percent=40)
    await made.cp.plug(1, the_car)
    one = made.of()
    await made.told(one, lambda: one.plugged_in)
    await made.pass_time(seconds=11)
    await wish(
        made, one, current=False, mode=Mode.SMART, ready_by=time(7), target_soc=60
    )
    outside_wh = await the_night_passes(made, the_car, CHEAP[1] - timedelta(hours=1))
    boots = one.charger.boots
    await made.cp.reboot(hard=True)
    for _ in range(100):
        # Little by little: to dial takes a few turns of the loop, too.
        await made.pass_time(seconds=1)
        if one.charger.boots > boots and one.charger.ready:
            break
    await settles(made, lambda: made.cp.connector(1).current_a > 0)
    outside_wh += await the_night_passes(made, the_car)
    assert outside_wh < 100
    assert the_car.soc_percent >= 59
    assert made.cp.violations == []


@pytest.mark.parametrize("habit", ["absolute-unanswered"])
async def test_what_was_never_answered_is_soon_not_asked_any_more(
    home: Make, habit: str
) -> None:
    made = await home_with(home, habit)
    one = made.of()
    silences = []
    for _ in range(2):
        before = made.cp.wire.unanswered
        await made.cp.plug(1, Car(battery_kwh=60, soc_percent=40))
        await made.told(one, lambda: one.plugged_in)
        await made.pass_time(seconds=11)
        await wish(
            made, one, current=False, mode=Mode.SMART, ready_by=time(7), target_soc=60
        )
        await settles(made, lambda: one.held_by is HeldBy.PROFILE)
        silences.append(made.cp.wire.unanswered - before)
        await made.unplug()
        await made.settle()
    # Before its session and in it, and never again once it is known what it takes.
    assert silences[0] <= 3
    assert silences[1] == 0
