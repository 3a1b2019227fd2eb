"""The manual's examples of actions, run on a charger: an answer, or plain words."""

from pathlib import Path
import re
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.template import Template
from homeassistant.util.yaml import parse_yaml
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from .actions import Caller, charge
from .conftest import DOMAIN, Simulated

PAGE = (Path(__file__).parents[1] / "docs/actions.md").read_text()
ELSEWHERE = {"get_log"}
"""The charger sends a file to Home Assistant's own web server: see test_files.py."""


REFUSED = {
    "cancel_reservation": "nothing is reserved",
    "data_transfer": "UnknownVendorId",
    "install_certificate": "no certificate authority of its own",
    "reserve": "Occupied",
    "update_firmware": "no file that Home Assistant may give",
}
"""What this charger cannot do: a car charges at it, and nothing is encrypted."""


def rendered(hass: HomeAssistant, value: Any) -> Any:
    """Return a value as an automation hands it over."""
    if isinstance(value, str) and "{{" in value:
        return Template(value, hass).async_render(parse_result=False)
    return value


def examples() -> list[Any]:
    """Return the examples of actions, each with a stable id."""
    parsed = [
        parse_yaml(block) for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    ]
    steps = [each for each in parsed if isinstance(each, dict) and "action" in each]
    return [
        pytest.param(
            step["action"].removeprefix(f"{DOMAIN}."),
            step["data"],
            id=f"{number}-{step['action'].removeprefix(f'{DOMAIN}.')}",
        )
        for number, step in enumerate(steps)
        if step["action"].removeprefix(f"{DOMAIN}.") not in ELSEWHERE
    ]


@pytest.mark.parametrize(("name", "data"), examples())
async def test_an_example_is_answered_or_refused_in_plain_words(
    hass: HomeAssistant,
    charger_entry: MockConfigEntry,
    simulated: Simulated,
    name: str,
    data: dict[str, Any],
) -> None:
    cp = await simulated(charger_entry)
    use = Caller(hass, charger_entry)
    await charge(use, cp)
    of = 1 if "connector" in data.get("device_id", "") else None
    given = {
        field: rendered(hass, value)
        for field, value in data.items()
        if field != "device_id"
    }
    refused = None
    try:
        await use(name, of=of, **given)
    except HomeAssistantError as error:
        refused = error
    assert (refused is not None) is (name in REFUSED)
    if refused is not None:
        assert refused.translation_domain == DOMAIN
        assert REFUSED[name] in str(refused)
