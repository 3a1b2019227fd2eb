"""When plans are made, and when not."""

import asyncio
from datetime import time
import threading
from typing import Any
from unittest.mock import patch

from homeassistant.core import HomeAssistant
import pytest

from custom_components.ocpp_charging.charging import Plan, Problem, plan as real_plan
from custom_components.ocpp_charging.planning import (
    Asked,
    Mode,
    Wishes,
    together,
)

from ..conftest import central_system, charger_subentry, set_up
from ..entities import meter
from .conftest import Make, car

CHEAP = {"reader": "typed", "title": "Flat", "amount": 0.1}


class Counted:
    """Counts the plans that are made."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.at_work = self.most_at_work = 0
        self.may_end = threading.Event()
        self.may_end.set()

    def __call__(self, problem: Problem, now: Any) -> Plan:
        self.problems.append(problem)
        self.at_work += 1
        self.most_at_work = max(self.most_at_work, self.at_work)
        try:
            assert self.may_end.wait(10)
            return real_plan(problem, now)
        finally:
            self.at_work -= 1

    def __len__(self) -> int:
        return len(self.problems)


@pytest.fixture
def made_plans(monkeypatch: pytest.MonkeyPatch) -> Counted:
    counted = Counted()
    monkeypatch.setattr(together, "make_plan", counted)
    return counted


async def test_nothing_is_planned_while_no_car_is_there(
    home: Make, made_plans: Counted
) -> None:
    made = await home(car(target_soc=80.0), soc=50)
    one = made.of()
    made.soc(60)
    made.hass.config_entries.async_update_entry(made.entry, options={"price": CHEAP})
    await made.pass_time(hours=1)
    await one.async_set(ready_by=time(7))
    assert not made_plans
    await made.plug()
    assert len(made_plans) == 1
    assert one.plan is not None
    await made.unplug()
    assert one.plan is None
    assert one.reason is None
    await made.pass_time(hours=1)
    assert len(made_plans) == 1


@pytest.mark.parametrize(
    "happens", ["price", "soc", "limit", "transaction", "energy", "quarter", "car"]
)
async def test_what_matters_makes_a_new_plan(
    home: Make, made_plans: Counted, happens: str
) -> None:
    made = await home(car(target_soc=80.0), soc=50)
    one = await made.plug()
    await made.pass_time(seconds=20)
    count = len(made_plans)
    match happens:
        case "price":
            made.hass.config_entries.async_update_entry(
                made.entry, options={"price": CHEAP}
            )
        case "soc":
            made.soc(50.4)
            await made.pass_time(seconds=11)
            assert len(made_plans) == count
            made.soc(51)
        case "limit":
            one.charger.publish(1, one.connector.set_limit(10.0))
        case "transaction":
            await made.charge()
        case "energy":
            transaction = await made.charge()
            await made.pass_time(seconds=11)
            count = len(made_plans)
            for wh in ("100", "200", "400"):
                assert len(made_plans) == count
                await meter(
                    made.cp,
                    transaction_id=transaction,
                    Energy_Active_Import_Register=wh,
                )
                await made.pass_time(seconds=11)
        case "quarter":
            await made.pass_time(minutes=12)
        case "car":
            (subentry,) = made.entry.get_subentries_of_type("vehicle")
            made.hass.config_entries.async_update_subentry(
                made.entry, subentry, data={**subentry.data, "target_soc": 90.0}
            )
    await made.settle()
    await made.pass_time(seconds=11)
    assert len(made_plans) > count


async def test_what_flaps_makes_one_plan_in_ten_seconds(
    home: Make, made_plans: Counted
) -> None:
    made = await home(car(target_soc=80.0), soc=50)
    await made.plug()
    await made.pass_time(seconds=20)
    count = len(made_plans)
    for tenth in range(40):
        made.soc(40 + tenth % 2 * 20)
        await made.pass_time(seconds=0.5)
    assert len(made_plans) - count <= 3


async def test_there_is_one_plan_at_work_and_the_last_wish_wins(
    home: Make, made_plans: Counted
) -> None:
    made = await home(car(target_soc=80.0), soc=50)
    one = await made.plug()
    count = len(made_plans)
    made_plans.may_end.clear()
    wishes = [
        asyncio.ensure_future(one.async_set(target_soc=float(percent)))
        for percent in range(60, 91)
    ]
    await asyncio.sleep(0)
    made_plans.may_end.set()
    await asyncio.gather(*wishes)
    assert made_plans.problems[-1].goal.target_soc == 90
    assert one.problem is not None
    assert one.problem.goal.target_soc == 90
    assert len(made_plans) - count == 2
    assert made_plans.most_at_work == 1


async def test_a_plan_is_kept_to_but_not_when_the_owner_changes_the_goal(
    home: Make, made_plans: Counted
) -> None:
    made = await home(car(target_soc=80.0), soc=50)
    one = await made.plug()
    before = one.plan
    await one.async_replan()
    assert made_plans.problems[-1].state.plan is before
    await one.async_set(ready_by=time(7))
    assert made_plans.problems[-1].state.plan is None
    await one.async_replan(afresh=True)
    assert made_plans.problems[-1].state.plan is None


async def test_what_if_changes_nothing(home: Make, made_plans: Counted) -> None:
    made = await home(car(target_soc=80.0), soc=50)
    one = await made.plug()
    before = (one.plan, one.problem, one.wishes, one.need)
    told = await one.async_what_if(Asked(energy_kwh=3.0, greenness=50.0))
    assert told.plan.needed_kwh == 3
    assert told.problem.preferences.co2_price == pytest.approx(1.25)
    assert (one.plan, one.problem, one.wishes, one.need) == before


async def test_without_a_car_what_if_is_about_the_only_one(home: Make) -> None:
    made = await home(car(target_soc=80.0), soc=50)
    told = await made.of().async_what_if(Asked())
    assert told.plan.needed_kwh == pytest.approx(20)
    assert made.of().plan is None


async def test_a_failure_is_logged_once_and_shown_until_it_is_over(
    home: Make, caplog: pytest.LogCaptureFixture
) -> None:
    made = await home(car(target_soc=80.0), soc=50)
    one = await made.plug()
    with patch.object(together, "make_plan", side_effect=RuntimeError("bug")):
        for _ in range(3):
            await one.async_replan()
    assert one.failed
    assert one.plan is None
    assert caplog.text.count("No plan could be made for CP1 #1") == 1
    await one.async_replan()
    assert not one.failed
    assert one.plan is not None
    caplog.clear()


async def test_wishes_outlive_a_restart_and_go_with_the_entry(
    home: Make, hass: HomeAssistant, hass_storage: dict[str, Any]
) -> None:
    made = await home(car(target_soc=80.0), soc=50)
    wished: dict[str, Any] = {
        "mode": Mode.SMART,
        "ready_by": time(6, 30),
        "greenness": 25.0,
    }
    await made.of().async_set(**wished)
    await made.cp.stop()
    assert await hass.config_entries.async_reload(made.entry.entry_id)
    assert made.of().wishes == Wishes(**wished)
    key = f"ocpp_charging.{made.entry.entry_id}.wishes"
    assert key in hass_storage
    await hass.config_entries.async_remove(made.entry.entry_id)
    assert key not in hass_storage


async def test_wishes_go_with_their_charger(home: Make, hass: HomeAssistant) -> None:
    made = await home()
    await made.of().async_set(mode=Mode.SMART)
    planning = made.entry.runtime_data.planning
    (subentry,) = made.entry.get_subentries_of_type("charger")
    hass.config_entries.async_remove_subentry(made.entry, subentry.subentry_id)
    await made.settle()
    assert not planning.connectors
    assert planning.kept.get((subentry.subentry_id, 1)) == Wishes()


@pytest.mark.parametrize(
    "kept",
    [{"mode": "warp"}, {"ready_by": "late"}, {"target_soc": 400}, {"passing": 3}],
)
async def test_wishes_of_another_version_are_no_reason_to_fail(
    hass: HomeAssistant,
    unloads: None,
    hass_storage: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
    kept: dict[str, Any],
) -> None:
    entry = central_system(charger_subentry(), options={"planning": {"tie": "never"}})
    (subentry_id,) = entry.subentries
    key = f"ocpp_charging.{entry.entry_id}.wishes"
    hass_storage[key] = {
        "version": 1,
        "minor_version": 1,
        "key": key,
        "data": {f"{subentry_id}/1": kept},
    }
    await set_up(hass, entry)
    kept_wishes = entry.runtime_data.planning.kept
    assert kept_wishes.get((subentry_id, 1)) == Wishes()
    assert "cannot be used" in caplog.text
