"""The demonstration's own proof: chargers obey, cars are ready, and it was cheaper."""

import asyncio
from collections.abc import AsyncIterator, Callable
import contextlib
from datetime import UTC, datetime
from typing import Any, override

from simulator import Car, ManualClock

from .bays import BAYS, Bay
from .curves import Curves
from .home import Home, HomeError
from .night import Night, at_once, cost, keep_time
from .scene import ZONE, Scene, patience

HOME_AT = 17
"""In which hour of the day cars come home, whatever time it is."""
WORTH_PERCENT = 25
"""What plans save at least against charging at once: with these curves over 50."""
SUN_PERCENT = 25
"""What a car that stays for a day takes from the roof at least: here over 80."""
HELD = {"profile", "merged"}
"""How a plan is held by a charger that goes on with it alone."""


class CheckFailed(Exception):
    """Something did not happen; says what."""


@contextlib.asynccontextmanager
async def _kept(clock: ManualClock) -> AsyncIterator[Callable[[], object]]:
    """Have the clock go with the world's until what is yielded is called."""
    time = asyncio.create_task(keep_time(clock))
    try:
        yield time.cancel
    finally:
        time.cancel()


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
    async with patience(what):
        while True:
            found = seen(await scene.home.states())
            if found is not None:
                return found
            await asyncio.sleep(0.25)


def _number(states: dict[str, Any], entity_id: str) -> float | None:
    try:
        return float(states[entity_id]["state"])
    except KeyError, ValueError:
        return None


def _unit(states: dict[str, Any], entity_id: str) -> str:
    unit: str = states[entity_id]["attributes"]["unit_of_measurement"]
    return unit


async def check(home: Home) -> bool:
    """Go through the main job on both chargers; print a table; True if all was seen."""
    table = _Table()
    now = datetime.now(ZONE)
    curves, clock = Curves.from_hour(now, HOME_AT), ManualClock(now.astimezone(UTC))
    try:
        async with _kept(clock) as let_go, Scene.built(home, curves, clock) as scene:
            for bay in BAYS:
                await _check_switch(scene, bay, table)
            await scene.steer("smart")
            for bay in BAYS:
                await _check_plan(scene, bay, table)
            _check_log(home.log)
            let_go()
            await _check_night(scene, Night(clock, scene.chargers), curves, table)
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


async def _check_switch(scene: Scene, bay: Bay, table: _Table) -> None:
    """Switch charging on and off, and see it happen."""
    identity, name = bay.identity, bay.name
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


async def _check_plan(scene: Scene, bay: Bay, table: _Table) -> None:
    """See that a charger holds its plan, and that the sun is in one for a day."""
    connector = scene.chargers[bay.identity].connector(1)
    async with patience(f"{bay.name}'s sensors of its plan"):
        while "held_by" not in scene.entities[bay.identity]:
            await asyncio.sleep(0.25)
            await scene.read_entities()
    ids = scene.entities[bay.identity]
    share = 0.0

    def held(states: dict[str, Any]) -> str | None:
        nonlocal share
        by = states[ids["held_by"]]["state"]
        if by not in HELD or connector.transaction is None:
            return None
        share = 100 * states[ids["plan"]]["attributes"].get("solar_share", 0.0)
        return f"on the charger, {share:.0f} % from the roof"

    table.add(bay.name, "plan", await _until(scene, f"{bay.name} has a plan", held))
    if bay.mode == "smart_solar" and share < SUN_PERCENT:
        raise CheckFailed(f"{bay.name}: only {share:.0f} % are planned from the roof")


async def _check_night(
    scene: Scene, night: Night, curves: Curves, table: _Table
) -> None:
    """Cut the network, let time pass: cars are ready when they leave, and cheaply."""
    for charger in scene.chargers.values():
        await charger.disconnect()
    for bay in sorted(BAYS, key=lambda bay: bay.stays):
        await night.sleep(bay.leaves(scene.came))
        soc, goal = _car(scene, bay).soc_percent, bay.target_soc
        table.add(bay.name, "ready, network cut", f"{soc:.1f} % of {goal} %")
        if soc < goal - 0.5:
            raise CheckFailed(f"{bay.name}: {soc:.1f} % of {goal} % at departure")
        await scene.chargers[bay.identity].unplug(1)
    _check_cost(night, curves, table)


def _check_cost(night: Night, curves: Curves, table: _Table) -> None:
    """See that waiting was worth it."""
    paid = cost(curves, night.start, list(night.taken.values()))
    hasty = cost(
        curves,
        night.start,
        [at_once(sum(night.taken[bay.identity]), bay.most_w) for bay in BAYS],
    )
    saved = 100 * (1 - paid / hasty)
    seen = f"{paid:.2f} EUR, at once {hasty:.2f} EUR: {saved:.0f} % saved"
    table.add("both", "cost", seen)
    if saved < WORTH_PERCENT:
        raise CheckFailed(f"plans saved {saved:.0f} % only")


def _car(scene: Scene, bay: Bay) -> Car:
    """Return the car at a charger, as it is now."""
    charger = scene.chargers[bay.identity]
    charger.refresh()
    car = charger.connector(1).car
    assert car is not None
    return car
