"""An integration for the demonstration: it forecasts the sun, as Forecast.Solar does.

Home Assistant loads it as `custom_components/demo_house`.
"""

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant


async def async_setup_entry(_hass: HomeAssistant, _entry: ConfigEntry) -> bool:
    """Begin; what it forecasts is asked for by the energy platform."""
    return True


async def async_unload_entry(_hass: HomeAssistant, _entry: ConfigEntry) -> bool:
    """End; nothing is left."""
    return True
