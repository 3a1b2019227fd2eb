"""The options about what the house draws and what the grid asks for."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from homeassistant.config_entries import ConfigEntryState, ConfigFlowResult
from homeassistant.helpers.selector import (
    BooleanSelector,
    EntitySelector,
    EntitySelectorConfig,
    TextSelector,
)
from homeassistant.util import dt as dt_util
import probatio

from .const import DOMAIN
from .signal_steps import (
    SignalSteps,
    choice,
    clock,
    hour_table,
    number_selector,
    others_entity,
    rounded,
    suggested,
)
from .signals.base_load import BaseLoad, BaseLoadReader
from .signals.demand.asked import Asked
from .signals.demand.found import find as find_demand
from .signals.demand.reading import async_ask, tells_begin
from .signals.demand.settings import (
    CONF_ENTITY,
    CONF_EXTRA_PRICE,
    CONF_LIMIT_W,
    CONF_SOURCES,
    CONF_WORDS,
    KINDS,
    DemandSettings,
    DemandSource,
    Kind,
)
from .signals.keeper import Lack, Topic
from .signals.meter import (
    CONF_FED_IN_POWER,
    CONF_GRID_POWER,
    CONF_PHASES,
    CONF_REVERSED,
    CONF_VOLTAGE,
    DEFAULT_VOLTAGE,
    HouseSettings,
    measure,
)
from .signals.prices.settings import CONF_TITLE

METER_SELECTOR: Final = EntitySelector(EntitySelectorConfig(domain=["sensor"]))
_ERRORS: Final = {Lack.OTHER_UNIT: "not_watts", Lack.NO_END: "no_end"}
PHASES_SELECTOR: Final = EntitySelector(
    EntitySelectorConfig(domain=["sensor"], multiple=True)
)


class HouseFlow(SignalSteps):
    """The steps about the house and the grid, for a central system's options."""

    _house_chosen: HouseSettings
    _grid_chosen: DemandSource

    # The house

    async def async_step_house(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask what is to be done about the house."""
        options = ["house_meter"]
        if Topic.HOUSE in self.config_entry.options:
            options.append("house_none")
        return self.async_show_menu(
            step_id="house",
            menu_options=options,
            description_placeholders={"source": self._told_by(Topic.HOUSE)},
        )

    async def async_step_house_meter(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask which entities measure at the connection to the grid."""
        errors: dict[str, str] = {}
        data = user_input or self.config_entry.options.get(Topic.HOUSE) or {}
        if user_input is not None:
            self._house_chosen = HouseSettings.from_data(user_input)
            missing = measure(self.hass, self._house_chosen).missing
            if len(self._house_chosen.phases) > 3:
                errors[CONF_PHASES] = "too_many_phases"
            elif missing:
                errors["base"] = "no_meter"
            else:
                return await self.async_step_house_confirm()
        return self.async_show_form(
            step_id="house_meter",
            data_schema=probatio.Schema(
                {
                    probatio.Optional(
                        CONF_GRID_POWER, description=suggested(data, CONF_GRID_POWER)
                    ): METER_SELECTOR,
                    probatio.Optional(
                        CONF_FED_IN_POWER,
                        description=suggested(data, CONF_FED_IN_POWER),
                    ): METER_SELECTOR,
                    probatio.Optional(
                        CONF_PHASES, description=suggested(data, CONF_PHASES)
                    ): PHASES_SELECTOR,
                    probatio.Required(
                        CONF_REVERSED, default=data.get(CONF_REVERSED, False)
                    ): BooleanSelector(),
                    probatio.Required(
                        CONF_VOLTAGE, default=data.get(CONF_VOLTAGE, DEFAULT_VOLTAGE)
                    ): number_selector("V", 90, 300),
                }
            ),
            errors=errors,
            last_step=False,
        )

    async def async_step_house_confirm(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Show what is measured and what is usual, and keep the choice."""
        if user_input is not None:
            return self._keep(Topic.HOUSE, self._house_chosen.as_data())
        now = dt_util.utcnow()
        measured = measure(self.hass, self._house_chosen)
        reader = BaseLoadReader(self.hass, self.config_entry)
        usual = await reader.async_read(self._house_chosen, BaseLoad(), now)
        age = measured.age(now)
        currents = " / ".join(rounded(each, 1) for each in measured.currents_a)
        return self.async_show_form(
            step_id="house_confirm",
            data_schema=probatio.Schema({}),
            description_placeholders={
                "power": rounded(measured.power_w),
                "currents": currents or "–",
                "age": "–" if age is None else f"{age.total_seconds():.0f} s",
                "hours_seen": str(usual.hours_seen),
                "table": hour_table(usual.series, now),
            },
        )

    async def async_step_house_none(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Do without the house."""
        return self._keep(Topic.HOUSE, None)

    # What the grid asks for

    @property
    def _price_currency(self) -> str:
        """Return what a price on top is in: as the price that it is added to."""
        if self.config_entry.state is not ConfigEntryState.LOADED:
            return self.hass.config.currency
        return self.config_entry.runtime_data.prices.price.currency

    def _sources(self) -> tuple[DemandSource, ...]:
        data = self.config_entry.options.get(Topic.GRID) or {}
        return DemandSettings.from_data(data).sources

    async def async_step_grid(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask what is to be done about what the grid asks for."""
        options = ["grid_add"]
        if self._sources():
            options.append("grid_remove")
        return self.async_show_menu(
            step_id="grid",
            menu_options=options,
            description_placeholders={"source": self._told_by(Topic.GRID)},
        )

    async def async_step_grid_add(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for an entity, and what it means when it asks for something."""
        errors: dict[str, str] = {}
        data = user_input or {}
        if user_input is not None:
            state = self.hass.states.get(user_input[CONF_ENTITY])
            title = state.name if state else user_input[CONF_ENTITY]
            source = DemandSource.from_data({**user_input, CONF_TITLE: title})
            is_event = source.kind is not Kind.WATTS or (
                state is not None and tells_begin(state)
            )
            if is_event and source.limit_w is None and source.extra_price is None:
                errors["base"] = "neither_limit_nor_price"
            else:
                asked = await async_ask(self.hass, source, dt_util.utcnow())
                if isinstance(asked, Lack):
                    errors[CONF_ENTITY] = _ERRORS.get(asked, "no_demand")
            if not errors:
                self._grid_chosen = source
                return await self.async_step_grid_confirm()
        return self._ask_grid(data, errors)

    def _ask_grid(
        self, data: Mapping[str, Any], errors: dict[str, str]
    ) -> ConfigFlowResult:
        found = find_demand(self.hass, DOMAIN)
        currency = self._price_currency
        return self.async_show_form(
            step_id="grid_add",
            data_schema=probatio.Schema(
                {
                    probatio.Required(
                        CONF_ENTITY, description=suggested(data, CONF_ENTITY)
                    ): others_entity(self.hass, KINDS),
                    probatio.Optional(
                        CONF_LIMIT_W, description=suggested(data, CONF_LIMIT_W)
                    ): number_selector("W", 0, 1e6),
                    probatio.Optional(
                        CONF_EXTRA_PRICE, description=suggested(data, CONF_EXTRA_PRICE)
                    ): number_selector(f"{currency}/kWh", -1000, 1000),
                    probatio.Optional(
                        CONF_WORDS, description=suggested(data, CONF_WORDS)
                    ): TextSelector(),
                }
            ),
            errors=errors,
            description_placeholders={
                "found": "\n".join(
                    f"- {state.name} ({state.entity_id})" for state in found
                )
                or "–"
            },
            last_step=False,
        )

    async def async_step_grid_confirm(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Show what a source asks for in the days to come, and add it."""
        source = self._grid_chosen
        if user_input is not None:
            others = (
                each for each in self._sources() if each.entity_id != source.entity_id
            )
            settings = DemandSettings(sources=(*others, source))
            return self._keep(Topic.GRID, settings.as_data())
        told = await async_ask(self.hass, source, dt_util.utcnow())
        asked = [] if isinstance(told, Lack) else [*told]
        currency = self._price_currency
        return self.async_show_form(
            step_id="grid_confirm",
            data_schema=probatio.Schema({}),
            description_placeholders={
                "source": source.title,
                "meaning": " · ".join(
                    _meaning(asked[0] if asked else source, currency)
                ),
                "events": _events(asked, currency),
            },
        )

    async def async_step_grid_remove(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Let the owner choose what counts no longer."""
        sources = self._sources()
        if user_input is not None:
            gone = {sources[int(index)] for index in user_input.get(CONF_SOURCES, ())}
            kept = DemandSettings(
                sources=tuple(each for each in sources if each not in gone)
            )
            data = kept.as_data() if kept.sources else None
            return self._keep(Topic.GRID, data)
        return self.async_show_form(
            step_id="grid_remove",
            data_schema=probatio.Schema(
                {
                    # Of a required list the form would choose the first.
                    probatio.Optional(CONF_SOURCES): choice(
                        [each.title for each in sources], multiple=True
                    )
                }
            ),
        )


def _events(asked: Iterable[Asked], currency: str) -> str:
    """Return what is asked for as a list in Markdown."""
    lines = (
        " · ".join(
            (
                f"- {clock(each.start)} – {clock(each.end)}",
                each.title,
                *_meaning(each, currency),
            )
        )
        for each in asked
    )
    return "\n".join(lines) or "–"


def _meaning(of: Asked | DemandSource, currency: str) -> Iterable[str]:
    """Yield the limit and the price on top, those that there are."""
    if of.limit_w is not None:
        yield f"{of.limit_w:.0f} W"
    if of.extra_price is not None:
        yield f"{of.extra_price:+g} {currency}/kWh"
