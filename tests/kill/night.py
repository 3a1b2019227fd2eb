"""Sets the owner's wishes, in a Home Assistant that is made to be killed.

This file becomes an integration of that Home Assistant, which is an ordinary process
with an ordinary configuration folder. It wishes what an owner would, and prints
`held` and the plan's hours when a connector's plan is on its charger.
"""

import asyncio
from collections.abc import Callable
import json
import os
from typing import Any

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant

from custom_components.ocpp_charging.csms.model import HeldBy
from custom_components.ocpp_charging.planning import ConnectorPlan, Mode, Planning


async def async_setup(hass: HomeAssistant, config: dict[str, Any]) -> bool:
    """Wait for the chargers in the background."""
    _wishing = hass.async_create_background_task(_wish(hass, config["night"]), "night")
    return True


async def _wish(hass: HomeAssistant, wishes: dict[str, Any]) -> None:
    while True:
        for entry in hass.config_entries.async_entries("ocpp_charging"):
            if entry.state is ConfigEntryState.LOADED:
                central = entry.runtime_data.central
                print(json.dumps({"port": central.port}), flush=True)
                plans = entry.runtime_data.planning
                await _hold_all(plans, wishes["chargers"], Mode(wishes["mode"]))
                return
        await asyncio.sleep(0.05)


async def _hold_all(plans: Planning, chargers: int, mode: Mode) -> None:
    await _until(lambda: len(plans.connectors) >= chargers)
    await asyncio.gather(*(_hold(one, mode) for one in plans.connectors.values()))


async def _until(so: Callable[[], object]) -> None:
    # What tells of one of these does not tell of the others: it is looked at.
    while not so():  # noqa: ASYNC110
        await asyncio.sleep(0.05)


async def _hold(plan: ConnectorPlan, mode: Mode) -> None:
    await plan.async_set(steered=True, mode=mode)
    held = {HeldBy.PROFILE, HeldBy.MERGED}
    await _until(lambda: plan.connector.transaction and plan.connector.held_by in held)
    periods = [
        (one.start.isoformat(), one.end.isoformat(), one.power_w)
        for one in (plan.plan.periods if plan.plan is not None else ())
    ]
    line = {"held": plan.charger.identity, "periods": periods}
    os.write(1, f"{json.dumps(line)}\n".encode())
