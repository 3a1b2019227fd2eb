"""What the tests of the id tags share."""

from typing import Any

from homeassistant.config_entries import ConfigSubentryData
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.ocpp_charging.tag_list import tag_unique_id
from simulator import ChargePoint

from .conftest import DOMAIN

ANNA = "04A1B2C3"
STRANGER = "DEADBEEF"


def tag_subentry(id_tag: str = ANNA, title: str = "Anna", **data: Any) -> Any:
    """Return a tag's subentry, to be part of a config entry."""
    return ConfigSubentryData(
        data={"id_tag": id_tag, "enabled": True, **data},
        subentry_type="tag",
        title=title,
        unique_id=tag_unique_id(id_tag),
    )


def tags_of(entry: MockConfigEntry) -> dict[str, dict[str, Any]]:
    """Return the data of an entry's tags by their names."""
    return {
        subentry.title: dict(subentry.data)
        for subentry in entry.get_subentries_of_type("tag")
    }


async def authorize(charge_point: ChargePoint, id_tag: str) -> dict[str, Any]:
    """Ask whether a tag may charge; return the idTagInfo."""
    answer = await charge_point.call("Authorize", {"idTag": id_tag})
    info: dict[str, Any] = answer["idTagInfo"]
    return info


def scanned(hass: HomeAssistant) -> list[dict[str, Any]]:
    """Return a list that collects Home Assistant's own events of scanned tags."""
    found: list[dict[str, Any]] = []

    @callback
    def note(event: Event[Any]) -> None:
        found.append(dict(event.data))

    hass.bus.async_listen("tag_scanned", note)
    return found


def questions(hass: HomeAssistant) -> list[ir.IssueEntry]:
    """Return the open questions about unknown cards."""
    return [
        issue
        for (domain, _), issue in ir.async_get(hass).issues.items()
        if domain == DOMAIN and issue.translation_key == "unknown_tag" and issue.active
    ]
