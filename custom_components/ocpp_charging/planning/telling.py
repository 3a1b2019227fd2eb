"""A plan as an action's response: numbers, times and words."""

from datetime import datetime
from typing import Any

from homeassistant.util import dt as dt_util

from ..charging import Plan, Problem, Signals, Totals
from .together import Beside
from .words import Words


def plan_response(
    plan: Plan, problem: Problem, words: Words, currency: str
) -> dict[str, Any]:
    """Return a plan as JSON; powers in kW, times by the owner's clock.

    Cost and CO2 are None where nothing is known of them.
    """
    signals = problem.signals
    shortfall, ready_by = plan.shortfall, problem.goal.ready_by
    return {
        "ready_by": _time(ready_by),
        "needed_kwh": round(plan.needed_kwh, 3),
        "met": plan.met,
        "currency": currency,
        **_totals(plan.totals, signals),
        "at_once": None if plan.at_once is None else _totals(plan.at_once, signals),
        "at_the_latest": None
        if plan.at_the_latest is None
        else _totals(plan.at_the_latest, signals),
        "shortfall": None
        if shortfall is None
        else {
            "energy_kwh": round(shortfall.energy_kwh, 3),
            "ready_at": _time(shortfall.ready_at),
            "text": words.shortfall(shortfall, ready_by),
        },
        "eased": [{"key": one.value, "text": words.eased(one)} for one in plan.eased],
        "periods": [
            {
                "start": _time(one.start),
                "end": _time(one.end),
                "power_kw": round(one.power_w / 1000, 3),
                "energy_kwh": round(one.energy_kwh, 3),
            }
            for one in plan.periods
        ],
        "steps": [
            {
                "start": _time(one.start),
                "end": _time(one.end),
                "power_kw": round(one.power_w / 1000, 3),
                "reason": one.reason.key.value,
                "text": words.reason(one.reason, problem),
            }
            for one in plan.steps
        ],
    }


def beside_response(beside: Beside) -> dict[str, Any]:
    """Return what a what-if does to another car, as JSON."""
    vehicle, signals = beside.connector.vehicle, beside.problem.signals
    return {
        "charger": beside.connector.title,
        "connector": beside.connector.key[1],
        "car": None if vehicle is None else vehicle.settings.name,
        "ready_by": _time(beside.problem.goal.ready_by),
        "before": _outcome(beside.before, signals),
        "after": _outcome(beside.after, signals),
    }


def _outcome(plan: Plan, signals: Signals) -> dict[str, Any]:
    missing = 0.0 if plan.shortfall is None else plan.shortfall.energy_kwh
    return {
        "met": plan.met,
        "missing_kwh": round(missing, 3),
        **_totals(plan.totals, signals),
    }


def _totals(totals: Totals, signals: Signals) -> dict[str, Any]:
    return {
        "energy_kwh": round(totals.energy_kwh, 3),
        "cost": round(totals.cost, 4) if signals.price else None,
        "co2_kg": round(totals.co2_kg, 4) if signals.co2 else None,
        "solar_share": round(totals.solar_share, 4),
        "unpriced_kwh": round(totals.unpriced_kwh, 3),
        "starts": totals.starts,
        "finish": _time(totals.finish),
    }


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else dt_util.as_local(moment).isoformat()
