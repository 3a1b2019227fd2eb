"""What the states of cars' entities mean, in the words of many car integrations.

A word that may mean either, such as `not_charging`, is in neither table.
"""

from typing import Final

from homeassistant.const import STATE_HOME
from homeassistant.core import State

_PLUGGED: Final = """
    on true yes connected connectedac connecteddc connectedlocked connectedcharging
    plugged pluggedin pluggedwaitingforcharge cableconnected cablelocked
    charging chargingac chargingdc chargingactive chargestart chargestarted starting
    complete completed chargingcomplete chargecomplete charged fullycharged
    chargefinished chargingfinished chargeended finished targetreached
    readyforcharging readytocharge waitingforcharging waitingtocharge waitingforcharge
    plannedcharging scheduled chargingscheduled chargingpaused chargepaused paused
    suspended stopped nopower conservation pending preparing
    chargepurposereachedandconservation chargepurposereachedandnotconservationcharging
"""
_UNPLUGGED: Final = """
    off false no disconnected unplugged notconnected notplugged notpluggedin
    unconnected nocable cableunplugged cabledisconnected cablenotconnected noplug
"""

PLUGGED: Final = frozenset(_PLUGGED.split())
"""Words for a plug in the car: small letters, and nothing between them."""

UNPLUGGED: Final = frozenset(_UNPLUGGED.split())
"""Words for no plug in the car."""

_PERSONS: Final = frozenset({"device_tracker", "person"})
"""Their states are the names of zones, `home` for the home."""


def is_plugged(state: State) -> bool | None:
    """Say whether a car reports a plug; `None` where its word does not tell."""
    word = "".join(filter(str.isalnum, state.state.casefold()))
    if word in PLUGGED:
        return True
    return False if word in UNPLUGGED else None


def is_home(state: State) -> bool | None:
    """Say whether a car is at home.

    A zone counts the persons in it: the car is at home while there is one.
    """
    if state.domain in _PERSONS:
        return state.state == STATE_HOME
    if state.domain == "zone":
        return state.state.isdecimal() and int(state.state) > 0
    return {"on": True, STATE_HOME: True, "off": False, "not_home": False}.get(
        state.state
    )
