"""What the steps about signals share: how they keep, and how they show."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from homeassistant.config_entries import ConfigFlowResult, OptionsFlow
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.selector import (
    EntitySelector,
    EntitySelectorConfig,
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
)
from homeassistant.util import dt as dt_util

from .charging.series import Series
from .const import DOMAIN
from .hub import OcppConfigEntry
from .signals.demand.settings import CONF_SOURCES
from .signals.house_battery import CONF_BATTERY_POWER
from .signals.keeper import Topic
from .signals.meter import HouseSettings
from .signals.prices.settings import CONF_TITLE
from .signals.solar import CONF_FORECASTS

CONF_SOURCE: Final = "source"


class SignalSteps(OptionsFlow):
    """Keeps what the owner decides about a signal, and says what it comes from."""

    config_entry: OcppConfigEntry

    @callback
    def _keep(self, topic: Topic, data: Mapping[str, Any] | None) -> ConfigFlowResult:
        """End with a signal's settings, or without them."""
        options = {**self.config_entry.options, topic.value: data}
        if data is None:
            del options[topic.value]
        return self.async_create_entry(data=options)

    def _told_by(self, topic: Topic) -> str:
        """Return in a few words what a signal comes from at present."""
        data = self.config_entry.options.get(topic)
        if data is None:
            return "–"
        match topic:
            case Topic.SOLAR:
                titles = [each[CONF_TITLE] for each in data[CONF_FORECASTS]]
            case Topic.GRID:
                titles = [each[CONF_TITLE] for each in data[CONF_SOURCES]]
            case Topic.HOUSE:
                entities = HouseSettings.from_data(data).entities
                titles = [self._name_of(each) for each in entities]
            case Topic.SURPLUS:
                battery = data.get(CONF_BATTERY_POWER)
                titles = [self._name_of(battery)] if battery else []
            case _:
                titles = [data[CONF_TITLE]]
        return ", ".join(titles) or "✓"

    def _name_of(self, entity_id: str) -> str:
        """Return what an entity is called; its id when it is not there."""
        state = self.hass.states.get(entity_id)
        return entity_id if state is None else state.name


def number_selector(unit: str, low: float, high: float) -> NumberSelector:
    """Return a field for a number of any precision."""
    return NumberSelector(
        NumberSelectorConfig(
            min=low,
            max=high,
            step="any",
            mode=NumberSelectorMode.BOX,
            unit_of_measurement=unit,
        )
    )


@callback
def others_entity(hass: HomeAssistant, domains: Iterable[str]) -> EntitySelector:
    """Return a field for an entity of these domains, and none of this integration.

    What comes of a signal cannot be its source: a price would grow by its fees with
    every reading, and a planned session would forbid itself.
    """
    wanted = set(domains)
    own = [
        entry.entity_id
        for entry in er.async_get(hass).entities.values()
        if entry.platform == DOMAIN and entry.domain in wanted
    ]
    return EntitySelector(
        EntitySelectorConfig(domain=sorted(wanted), exclude_entities=sorted(own))
    )


def choice(labels: Iterable[str], *, multiple: bool = False) -> SelectSelector:
    """Return a list to choose from; what is chosen is its place as text."""
    return SelectSelector(
        SelectSelectorConfig(
            options=[
                SelectOptionDict(value=str(index), label=label)
                for index, label in enumerate(labels)
            ],
            mode=SelectSelectorMode.LIST,
            multiple=multiple,
        )
    )


def suggested(data: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Return what a field suggests: what was typed or chosen before."""
    return {"suggested_value": data.get(key)}


def rounded(value: float | None, digits: int = 0) -> str:
    """Return a number as it is shown."""
    return "–" if value is None else f"{round(value, digits) + 0.0:.{digits}f}"


def clock(when: datetime | None) -> str:
    """Return a time as it is shown: local, to the minute."""
    return "–" if when is None else f"{dt_util.as_local(when):%Y-%m-%d %H:%M}"


def kwh(series: Series) -> str:
    """Return the energy of a power in W."""
    return f"{sum(item.value * item.hours for item in series) / 1000:.1f} kWh"


def hour_table(series: Series, now: datetime) -> str:
    """Return the mean of each of the next 24 hours in two columns, in Markdown."""
    hour = timedelta(hours=1)
    start = now.replace(minute=0, second=0, microsecond=0)
    cells = [
        f"{dt_util.as_local(begin):%H:%M} | {rounded(series.mean(begin, begin + hour))}"
        for begin in (start + index * hour for index in range(24))
    ]
    rows = (
        f"| {left} | {right} |"
        for left, right in zip(cells[:12], cells[12:], strict=True)
    )
    return "\n".join(("| | | | |", "|---|---|---|---|", *rows))
