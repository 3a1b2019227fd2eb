"""The demonstration's own proof: switch a charger on and off, and see it happen."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any, override

from simulator import Car

from .home import HomeError
from .night import Bill, Curves, watch
from .scene import BAYS, ZONE, Bay, Scene

STEP_SECONDS = 60
SMALL = 1 / 40
"""Batteries are this part of their size, so that a night can be short."""
NIGHT_HOURS = 18
SETTLE_SECONDS = 12
GAIN_PERCENT = 3
"""How much is charged in the short night."""


class CheckFailed(Exception):
    """Something did not happen; says what."""


class _Table:
    """What was seen, row by row."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, str, str]] = []

    def add(self, charger: str, step: str, seen: str) -> None:
        self.rows.append((charger, step, seen))

    @override
    def __str__(self) -> str:
        rows = [("charger", "step", "seen"), *self.rows]
        widths = [max(len(row[column]) for row in rows) for column in range(3)]
        lines = ["  ".join(map(str.ljust, row, widths, strict=True)) for row in rows]
        lines.insert(1, "  ".join("-" * width for width in widths))
        return "\n".join(line.rstrip() for line in lines)


async def _until(
    scene: Scene, what: str, seen: Callable[[dict[str, Any]], str | None]
) -> str:
    """Ask for the states until `seen` tells something; returns it."""
    try:
        async with asyncio.timeout(STEP_SECONDS):
            while True:
                found = seen(await scene.home.states())
                if found is not None:
                    return found
                await asyncio.sleep(0.5)
    except TimeoutError:
        raise CheckFailed(f"{what}: not seen within {STEP_SECONDS} s") from None


def _number(states: dict[str, Any], entity_id: str) -> float | None:
    try:
        return float(states[entity_id]["state"])
    except KeyError, ValueError:
        return None


def _unit(states: dict[str, Any], entity_id: str) -> str:
    unit: str = states[entity_id]["attributes"]["unit_of_measurement"]
    return unit


async def check(scene: Scene) -> bool:
    """Go through the main job on both chargers; print a table; True if all was seen."""
    table = _Table()
    try:
        for bay in BAYS:
            await _check_charger(scene, bay.identity, bay.name, table)
        await _check_night(scene, table)
        _check_log(scene.home.log)
        for bay in BAYS:
            _check_charge_point(scene, bay.identity)
    except (CheckFailed, HomeError) as error:
        print(table)
        print(f"\nFailed: {error}")
        return False
    print(table)
    return True


def _check_log(log: str) -> None:
    """See that nothing of ours was complained about."""
    complaints = [
        line
        for line in log.splitlines()
        if "ocpp_charging" in line
        and (" WARNING " in line or " ERROR " in line)
        # Home Assistant says so of every integration that is not its own.
        and "has not been tested by Home Assistant" not in line
    ]
    if complaints:
        raise CheckFailed("complaints in the log:\n" + "\n".join(complaints))


def _check_charge_point(scene: Scene, identity: str) -> None:
    """See that the central system broke no rule that the charger noticed."""
    charger = scene.chargers[identity]
    if charger.violations or charger.errors:
        raise CheckFailed(f"{identity}: {charger.violations} {charger.errors}")


async def _check_charger(scene: Scene, identity: str, name: str, table: _Table) -> None:
    ids = scene.entities[identity]
    switch = ids["switch.charging"]

    def state(states: dict[str, Any], key: str, wanted: str) -> str | None:
        found = states.get(ids[key], {}).get("state")
        return wanted if found == wanted else None

    seen = await _until(
        scene,
        f"{name} waits",
        lambda states: state(states, "charging_state", "waiting"),
    )
    table.add(name, "car plugged in", seen)
    before = _number(await scene.home.states(), ids["energy"])
    table.add(name, "meter before", f"{before} kWh")

    await scene.home.call("switch", "turn_on", entity_id=switch)
    seen = await _until(
        scene,
        f"{name} charges",
        lambda states: state(states, "charging_state", "charging"),
    )
    table.add(name, "switched on", seen)

    def powered(states: dict[str, Any]) -> str | None:
        power = _number(states, ids["power"]) or 0
        return f"{power:g} {_unit(states, ids['power'])}" if power > 0 else None

    table.add(name, "power", await _until(scene, f"{name} draws power", powered))

    def risen(states: dict[str, Any]) -> str | None:
        energy = _number(states, ids["energy"])
        if energy is None or before is None or energy <= before:
            return None
        return f"{energy} kWh"

    table.add(name, "energy rises", await _until(scene, f"{name} meters", risen))

    await scene.home.call("switch", "turn_off", entity_id=switch)

    def stopped(states: dict[str, Any]) -> str | None:
        off = state(states, "switch.charging", "off")
        power = _number(states, ids["power"])
        return f"off, {power:g} now" if off and power == 0 else None

    table.add(name, "switched off", await _until(scene, f"{name} stops", stopped))
    await scene.read_entities()
    ids = scene.entities[identity]
    states = await scene.home.states()
    session = _number(states, ids["session_energy"])
    unit = _unit(states, ids["session_energy"])
    table.add(name, "session", f"{session} {unit}")


async def _check_night(scene: Scene, table: _Table) -> None:
    """Let both cars charge by plan, and see that they are ready, and what it cost."""
    home = scene.home
    curves = Curves.short(datetime.now(ZONE))
    ready_by = curves.start + NIGHT_HOURS * curves.hour
    await curves.tell(home)
    # What is told is read a moment later, as it may come in several parts.
    await asyncio.sleep(SETTLE_SECONDS)
    goals: dict[str, int] = {}
    for bay in BAYS:
        ids = scene.entities[bay.identity]
        goals[bay.identity] = round(_car(scene, bay).soc_percent) + GAIN_PERCENT
        await home.call(
            "number", "set_value",
            entity_id=ids["target_soc"], value=goals[bay.identity],
        )  # fmt: skip
        await home.call(
            "time", "set_value",
            entity_id=ids["ready_by"], time=ready_by.strftime("%H:%M:%S"),
        )  # fmt: skip
        await home.call(
            "select", "select_option", entity_id=ids["mode"], option="smart"
        )
    states = await home.states()
    for bay in BAYS:
        ids = scene.entities[bay.identity]
        table.add(bay.name, "plan", states[ids["reason"]]["state"])
    bills = {
        bay.identity: Bill.of(scene.chargers[bay.identity], curves) for bay in BAYS
    }
    await watch(list(bills.values()), ready_by)
    for bay in BAYS:
        _check_bill(scene, bay, goals[bay.identity], bills[bay.identity], table)


def _check_bill(scene: Scene, bay: Bay, goal: int, bill: Bill, table: _Table) -> None:
    """See that a car was ready, and tell what waiting was worth.

    What it saves is told, and no condition: on a busy machine seconds are hours.
    """
    soc = _car(scene, bay).soc_percent
    now = bill.at_once(7360 if bay.phases == 1 else 11040)
    table.add(bay.name, "ready at departure", f"{soc:.1f} % of {goal} %")
    table.add(
        bay.name,
        "night's cost",
        f"{bill.cost / SMALL:.2f} EUR, at once {now / SMALL:.2f} EUR (to scale)",
    )
    if soc < goal - 0.5:
        raise CheckFailed(f"{bay.name}: {soc:.1f} % of {goal} % at departure")


def _car(scene: Scene, bay: Bay) -> Car:
    """Return the car at a charger, as it is now."""
    charger = scene.chargers[bay.identity]
    charger.refresh()
    car = charger.connector(1).car
    assert car is not None
    return car
