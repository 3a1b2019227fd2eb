"""What the tests of the actions share: a way to use them on a charger."""

from datetime import UTC, datetime
from typing import Any

from homeassistant.core import Context, HomeAssistant, SupportsResponse
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import device_registry as dr
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.ocpp_charging.csms.pki import make_authority, make_ecdsa_key
from custom_components.ocpp_charging.devices import place_id
from custom_components.ocpp_charging.services import ACTIONS
from simulator import ChargePoint

from .conftest import DOMAIN, IDENTITY
from .csms.certificates import pem

BY_NAME = {action.name: action for action in ACTIONS}

RAW: dict[str, Any] = {
    "chargingProfileId": 7,
    "stackLevel": 1,
    "chargingProfilePurpose": "TxDefaultProfile",
    "chargingProfileKind": "Relative",
    "chargingSchedule": {
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 8.5}],
    },
}

ROOT = pem(make_authority(make_ecdsa_key(), datetime.now(UTC)))
"""An authority's certificate."""


class Caller:
    """Uses actions on the devices of one charger."""

    def __init__(self, hass: HomeAssistant, entry: MockConfigEntry) -> None:
        self.hass = hass
        self.entry = entry

    def device(self, connector: int | None = None) -> str:
        registry = dr.async_get(self.hass)
        place = place_id(self.entry.entry_id, IDENTITY, connector or 0)
        device: dr.AnyDeviceEntry | None
        if connector is None:
            device = registry.async_get_device_by_identifier(
                (DOMAIN, place), self.entry.entry_id
            )
        else:
            device = registry.async_get_child_device_by_identifier(
                (DOMAIN, place), self.entry.entry_id
            )
        assert device is not None
        return device.id

    async def __call__(
        self,
        name: str,
        *,
        of: int | None = None,
        context: Context | None = None,
        **data: Any,
    ) -> Any:
        """Use an action on the charger, or the connector `of`; return its response."""
        data.setdefault("device_id", self.device(of))
        return await self.hass.services.async_call(
            DOMAIN,
            name,
            data,
            blocking=True,
            context=context,
            return_response=BY_NAME[name].response is not SupportsResponse.NONE,
        )

    async def refused(self, name: str, **data: Any) -> HomeAssistantError:
        """Use an action that is refused; return the error."""
        with pytest.raises(HomeAssistantError) as raised:
            await self(name, **data)
        return raised.value


def last(cp: ChargePoint, action: str) -> Any:
    return cp.received_calls(action)[-1]


async def charge(use: Caller, cp: ChargePoint, connector: int = 1) -> int:
    """Have a car charge; return the transaction's id."""
    await cp.plug(connector)
    response = await use("start_transaction", of=connector)
    transaction_id: int = response["transaction_id"]
    # The answer that tells the charger its id is still on the way.
    await cp.wait_for(lambda one: one.connector(connector).transaction_id)
    return transaction_id
