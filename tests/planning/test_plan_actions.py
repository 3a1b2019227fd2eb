"""The actions about plans."""

from datetime import date, time
from typing import Any

from homeassistant.core import HomeAssistant
import probatio
import pytest
from syrupy.assertion import SnapshotAssertion

from custom_components.ocpp_charging.planning import Mode

from ..actions import Caller
from .conftest import Home, Make, car


def caller(made: Home) -> Caller:
    return Caller(made.hass, made.entry)


async def test_what_if_is_answered_with_reasons_and_comparisons(
    home: Make, snapshot: SnapshotAssertion
) -> None:
    made = await home(car(target_soc=80.0), soc=50)
    one = await made.plug()
    before = one.plan
    told = await caller(made)(
        "get_plan", of=1, target_soc=70, ready_by="2026-11-21 07:00:00"
    )
    assert told == snapshot
    assert told["cost"] == pytest.approx(0.2 * 20 / 1.5, abs=1e-3)
    assert told["at_once"]["cost"] == pytest.approx(0.3 * 20 / 1.5, abs=1e-3)
    assert one.plan is before


async def test_every_goal_can_be_asked_for(home: Make) -> None:
    made = await home(car(target_soc=80.0), soc=50)
    await made.plug()
    use = caller(made)
    told = await use(
        "get_plan",
        of=1,
        energy_kwh=50,
        ready_by="2026-11-21 00:00:00",
        not_before="2026-11-20 21:00:00",
        minimum_kwh=1,
        greenness=30,
        one_block=True,
    )
    assert told["met"] is False
    assert told["needed_kwh"] == 50
    assert told["periods"][0]["start"].startswith("2026-11-20T18:03")
    assert told["periods"][1]["start"] == "2026-11-20T21:00:00+01:00"
    assert " kWh will be missing at 00:00." in told["shortfall"]["text"]
    told = await use("get_plan", of=1, price_cap=0.25, co2_cap=100, minimum_soc=51)
    assert told["steps"][0]["reason"] == "minimum"


async def test_a_goal_is_set_and_cleared(home: Make) -> None:
    made = await home(car(target_soc=80.0), soc=50)
    one = await made.plug()
    use = caller(made)
    told = await use(
        "set_goal", of=1, mode="smart", ready_by="2026-11-22T07:30:00", target_soc=90
    )
    assert told["plan"]["ready_by"] == "2026-11-22T07:30:00+01:00"
    assert one.wishes.mode is Mode.SMART
    assert one.wishes.ready_on == date(2026, 11, 22)
    await use("set_goal", of=1, ready_by="06:15", price_cap=0.4)
    assert one.wishes.ready_on is None
    assert one.wishes.ready_by == time(6, 15)
    told = await use("clear_goal", of=1)
    assert told["plan"]["ready_by"] is None
    assert one.wishes.price_cap is None
    assert one.wishes.mode is Mode.SMART


async def test_a_plan_is_made_anew(home: Make) -> None:
    made = await home(car(target_soc=80.0), soc=50)
    one = await made.plug()
    before = one.plan
    told = await caller(made)("replan", of=1)
    assert one.plan is not before
    assert told["plan"]["needed_kwh"] == 20


@pytest.mark.parametrize(
    ("name", "data", "key"),
    [
        ("get_plan", {}, "connector_needed"),
        ("get_plan", {"of": 1, "ready_by": "2026-11-20 17:00:00"}, "time_is_past"),
        ("set_goal", {"of": 1, "ready_by": "2026-11-20 17:00:00"}, "time_is_past"),
        ("get_plan", {"of": 1, "target_soc": 80}, "soc_unknown"),
        ("get_plan", {"of": 1, "ready_by": "2029-11-20 17:00:00"}, "time_too_far"),
        ("set_goal", {"of": 1, "ready_by": "2029-11-20 17:00:00"}, "time_too_far"),
        (
            "get_plan",
            {
                "of": 1,
                "not_before": "2026-11-21 07:00:00",
                "ready_by": "2026-11-21 07:00:00",
            },
            "begins_after_end",
        ),
        ("set_goal", {"of": 1, "target_soc": 80, "target_kwh": 10}, "two_targets"),
        ("get_plan", {"of": 1, "target_soc": 80, "energy_kwh": 10}, "two_targets"),
        (
            "get_plan",
            {"of": 1, "minimum_kwh": 20, "energy_kwh": 10},
            "minimum_above_target",
        ),
        (
            "set_goal",
            {"of": 1, "target_soc": 50, "minimum_soc": 60},
            "minimum_above_target",
        ),
        ("replan", {"of": 1}, "no_car"),
    ],
)
async def test_what_cannot_be_is_refused_in_words(
    home: Make, name: str, data: dict[str, Any], key: str
) -> None:
    made = await home()
    error = await caller(made).refused(name, **data)
    assert error.translation_key == key
    assert "{" not in str(error)


async def test_a_minimum_above_the_target_that_holds_is_refused_and_changes_nothing(
    home: Make,
) -> None:
    made = await home(car(target_soc=80.0, minimum_soc=40.0), soc=50)
    one = await made.plug()
    before, use = one.wishes, caller(made)
    for name in ("set_goal", "get_plan"):
        error = await use.refused(name, of=1, minimum_soc=90)
        assert "90 %" in str(error)
        assert "80 %" in str(error)
        error = await use.refused(name, of=1, target_soc=30)
        assert "40 %" in str(error)
        assert "30 %" in str(error)
    assert one.wishes == before
    await use("set_goal", of=1, target_soc=30, minimum_soc=20)
    assert one.wishes.minimum_soc == 20
    await use("set_goal", of=1, target_kwh=5)
    await use("set_goal", of=1, minimum_soc=90)
    assert one.wishes.minimum_soc == 90


async def test_of_two_targets_the_later_counts(home: Make) -> None:
    made = await home(car(target_soc=80.0), soc=50)
    await made.plug()
    use = caller(made)
    told = await use("set_goal", of=1, target_kwh=5)
    assert told["plan"]["needed_kwh"] == 5
    told = await use("set_goal", of=1, target_soc=95)
    assert told["plan"]["needed_kwh"] == 30
    told = await use("set_goal", of=1, target_kwh=7)
    assert told["plan"]["needed_kwh"] == 7


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"target_soc": 120},
        {"ready_by": "soon"},
        {"mode": "warp"},
        {"price_cap": float("nan")},
        {"target_kwh": "inf"},
    ],
)
async def test_what_is_no_wish_is_refused(home: Make, data: dict[str, Any]) -> None:
    made = await home()
    with pytest.raises(probatio.Invalid):
        await caller(made)("set_goal", of=1, **data)


async def test_the_answer_is_in_the_language_of_the_home(
    home: Make, hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = {
        "component.ocpp_charging.selector.plan_reason.options.cheaper_later": (
            "Wartet: {at} ist {percent} % billiger"
        )
    }
    monkeypatch.setattr(
        "custom_components.ocpp_charging.planning.words.async_get_cached_translations",
        lambda _hass, language, _part, _domain: texts if language == "de" else {},
    )
    made = await home(car(target_soc=80.0), soc=50)
    await hass.config.async_update(language="de")
    told = await caller(made)("get_plan", of=1, ready_by="2026-11-21 07:00:00")
    assert told["steps"][0]["text"] == "Wartet: 03:11 ist 33 % billiger"
