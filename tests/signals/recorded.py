"""Hours of the past in a real recorder, and forecasts of made-up integrations."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from homeassistant.components.recorder.models import (
    StatisticData,
    StatisticMeanType,
    StatisticMetaData,
)
from homeassistant.components.recorder.statistics import async_import_statistics
from homeassistant.config_entries import HANDLERS, ConfigEntry, ConfigFlow
from homeassistant.core import HomeAssistant
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    MockModule,
    mock_integration,
    mock_platform,
)
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
)

HOUR = timedelta(hours=1)


def hours_before(now: datetime, count: int) -> list[datetime]:
    """Return the full hours before now, the oldest first."""
    full = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return [full - index * HOUR for index in range(count, 0, -1)]


async def record_means(
    hass: HomeAssistant,
    entity_id: str,
    unit: str,
    hours: Iterable[datetime],
    mean: Callable[[datetime], float],
) -> None:
    """Put means of hours into the recorder, as it makes them of a measurement."""
    unit_class = {"W": "power", "kW": "power", "A": "electric_current"}.get(unit)
    async_import_statistics(
        hass,
        StatisticMetaData(
            mean_type=StatisticMeanType.ARITHMETIC,
            has_sum=False,
            name=None,
            source="recorder",
            statistic_id=entity_id,
            unit_class=unit_class,
            unit_of_measurement=unit,
        ),
        [
            StatisticData(start=hour, mean=mean(hour), min=0, max=mean(hour))
            for hour in hours
        ],
    )
    await async_wait_recording_done(hass)


async def record_energy(
    hass: HomeAssistant,
    entity_id: str,
    hours: Iterable[datetime],
    kwh: Callable[[datetime], float],
) -> None:
    """Put a counter into the recorder that goes on by so many kWh in each hour."""
    total = 0.0
    rows: list[StatisticData] = []
    first = True
    for hour in hours:
        if first:
            # From here on the recorder knows by how much it went on.
            rows.append(StatisticData(start=hour - HOUR, state=0.0, sum=0.0))
            first = False
        total += kwh(hour)
        rows.append(StatisticData(start=hour, state=total, sum=total))
    async_import_statistics(
        hass,
        StatisticMetaData(
            mean_type=StatisticMeanType.NONE,
            has_sum=True,
            name=None,
            source="recorder",
            statistic_id=entity_id,
            unit_class="energy",
            unit_of_measurement="kWh",
        ),
        rows,
    )
    await async_wait_recording_done(hass)


type Forecaster = Callable[[HomeAssistant, str], Awaitable[Mapping[str, Any] | None]]


async def forecaster(
    hass: HomeAssistant, domain: str, title: str, ask: Forecaster
) -> MockConfigEntry:
    """Return the entry of an integration with a platform for the energy dashboard."""

    async def done(_hass: HomeAssistant, _entry: ConfigEntry) -> bool:
        return True

    class Energy:
        """What `energy.py` of that integration has."""

        async_get_solar_forecast = staticmethod(ask)

    mock_integration(
        hass, MockModule(domain, async_setup_entry=done, async_unload_entry=done)
    )
    mock_platform(hass, f"{domain}.config_flow", None)
    mock_platform(hass, f"{domain}.energy", Energy)
    HANDLERS[domain] = ConfigFlow
    entry = MockConfigEntry(domain=domain, title=title)
    entry.add_to_hass(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    return entry


async def dashboard(hass: HomeAssistant, *sources: Mapping[str, Any]) -> None:
    """Set Home Assistant's energy dashboard up, with these sources."""
    from homeassistant.components.energy.data import async_get_manager

    manager = await async_get_manager(hass)
    manager.data = manager.default_preferences()
    manager.data["energy_sources"] = [dict(source) for source in sources]  # type: ignore[misc]
