"""The demonstration's own proof: switch a charger on and off, and see it happen."""

import asyncio
from collections.abc import Callable
from typing import Any, override

from .home import HomeError
from .scene import BAYS, Scene

STEP_SECONDS = 60


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
