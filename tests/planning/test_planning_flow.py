"""The options about how plans are made."""

from datetime import timedelta

from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.ocpp_charging.charging import Tie
from custom_components.ocpp_charging.planning.peak import PeakSettings
from custom_components.ocpp_charging.planning.settings import PlanningSettings

from ..flows import assert_texts, suggested


async def test_what_is_preferred_is_asked_kept_and_shown_again(
    hass: HomeAssistant, central_entry: MockConfigEntry
) -> None:
    flow = hass.config_entries.options
    result = await flow.async_init(central_entry.entry_id)
    assert "planning" in result["menu_options"]
    result = await flow.async_configure(result["flow_id"], {"next_step_id": "planning"})
    assert_texts(result, "options")
    assert suggested(result, "threshold") == 0.05
    answers = {
        "start_cost": 0.1,
        "threshold": 0.2,
        "greenest_co2_price": 2.0,
        "tie": "earlier",
        "minimum_run_minutes": 30,
        "minimum_pause_minutes": 15,
        "random_delay_seconds": 600,
        "peak_price": 4.2,
        "peak_window_minutes": "15",
        "peak_so_far": "sensor.peak",
    }
    result = await flow.async_configure(result["flow_id"], answers)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done()
    settings = central_entry.runtime_data.planning.settings
    assert settings == PlanningSettings(
        start_cost=0.1,
        threshold=0.2,
        greenest=2.0,
        tie=Tie.EARLIER,
        minimum_run=timedelta(minutes=30),
        minimum_pause=timedelta(minutes=15),
        random_delay=timedelta(minutes=10),
        peak=PeakSettings(
            price_per_kw=4.2, window=timedelta(minutes=15), so_far="sensor.peak"
        ),
    )
    assert settings.preferences(100).co2_price == 2
    result = await flow.async_init(central_entry.entry_id)
    result = await flow.async_configure(result["flow_id"], {"next_step_id": "planning"})
    assert suggested(result, "tie") == "earlier"
    assert suggested(result, "random_delay_seconds") == 600
    assert suggested(result, "peak_price") == 4.2
    assert suggested(result, "peak_window_minutes") == "15"
    assert suggested(result, "peak_so_far") == "sensor.peak"
