"""The options about CO2 and the sun, and the menu of all signals but prices."""

from datetime import timedelta
from typing import Any, Final

from homeassistant.config_entries import ConfigFlowResult
from homeassistant.const import CONF_ENTITY_ID
from homeassistant.helpers.selector import (
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
)
from homeassistant.util import dt as dt_util
import probatio

from .charging.series import Series
from .const import DOMAIN
from .house_flow import HouseFlow
from .signal_steps import (
    CONF_SOURCE,
    choice,
    clock,
    hour_table,
    kwh,
    others_entity,
    rounded,
)
from .signals.co2.reading import (
    DOMAINS as CO2_DOMAINS,
    Co2Known,
    Co2Reader,
    Co2Settings,
    chosen,
    find as find_co2,
)
from .signals.keeper import Topic
from .signals.solar import (
    CONF_CAUTION,
    CONF_FORECASTS,
    Caution,
    Forecast,
    SolarKnown,
    SolarSettings,
    async_find as async_find_solar,
    async_in_dashboard,
    async_read as async_read_solar,
)
from .sun_flow import SunFlow

AHEAD: Final = timedelta(hours=24)
CAUTION_SELECTOR: Final = SelectSelector(
    SelectSelectorConfig(
        options=[each.value for each in Caution], translation_key="caution"
    )
)


class SignalFlow(HouseFlow, SunFlow):
    """The steps about all signals but prices, for a central system's options."""

    _co2: list[tuple[Co2Settings, Co2Known]]
    _co2_chosen: Co2Settings
    _solar: dict[str, tuple[Forecast, Series]]
    _solar_chosen: SolarSettings

    async def async_step_signals(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask which signal it is about."""
        topics = [Topic.CO2, Topic.SOLAR, Topic.SURPLUS, Topic.HOUSE, Topic.GRID]
        return self.async_show_menu(
            step_id="signals",
            menu_options=[topic.value for topic in topics],
            description_placeholders={
                topic.value: self._told_by(topic) for topic in topics
            },
        )

    # CO2

    async def async_step_co2(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask how the CO2 of the grid is known."""
        options = ["co2_found", "co2_entity"]
        if Topic.CO2 in self.config_entry.options:
            options.append("co2_none")
        return self.async_show_menu(
            step_id="co2",
            menu_options=options,
            description_placeholders={"source": self._told_by(Topic.CO2)},
        )

    async def async_step_co2_found(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Let the owner choose among the entities that tell CO2."""
        if user_input is not None:
            self._co2_chosen = self._co2[int(user_input[CONF_SOURCE])][0]
            return await self.async_step_co2_confirm()
        now = dt_util.utcnow()
        self._co2 = find_co2(self.hass, now, DOMAIN)
        if not self._co2:
            return self._ask_co2({"base": "no_co2_found"})
        labels = [
            f"{settings.title} · {rounded(known.series.at(now))} g/kWh"
            for settings, known in self._co2
        ]
        return self.async_show_form(
            step_id="co2_found",
            data_schema=probatio.Schema(
                {probatio.Required(CONF_SOURCE, default="0"): choice(labels)}
            ),
            last_step=False,
        )

    async def async_step_co2_entity(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Take an entity that the owner names."""
        if user_input is None:
            return self._ask_co2({})
        state = self.hass.states.get(user_input[CONF_ENTITY_ID])
        found = chosen(self.hass, state, dt_util.utcnow()) if state else None
        if found is None:
            return self._ask_co2({CONF_ENTITY_ID: "no_co2"})
        self._co2_chosen = found[0]
        return await self.async_step_co2_confirm()

    def _ask_co2(self, errors: dict[str, str]) -> ConfigFlowResult:
        return self.async_show_form(
            step_id="co2_entity",
            data_schema=probatio.Schema(
                {
                    probatio.Required(CONF_ENTITY_ID): others_entity(
                        self.hass, CO2_DOMAINS
                    )
                }
            ),
            errors=errors,
            last_step=False,
        )

    async def async_step_co2_confirm(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Show the next 24 hours as they were read, and keep the source."""
        if user_input is not None:
            return self._keep(Topic.CO2, self._co2_chosen.as_data())
        now = dt_util.utcnow()
        reader = Co2Reader(self.hass)
        known = await reader.async_read(self._co2_chosen, Co2Known(), now)
        return self.async_show_form(
            step_id="co2_confirm",
            data_schema=probatio.Schema({}),
            description_placeholders={
                "source": self._co2_chosen.title,
                "until": clock(known.series.end),
                "learned_from": clock(known.learned_from),
                "hours_seen": str(known.hours_seen),
                "left_out": str(sum(known.problems.values())),
                "table": hour_table(known.series, now),
            },
        )

    async def async_step_co2_none(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Do without CO2."""
        return self._keep(Topic.CO2, None)

    # The sun

    async def async_step_solar(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Let the owner choose the forecasts that are added up."""
        if user_input is not None:
            return await self._async_take_solar(user_input)
        found = await async_find_solar(self.hass)
        self._solar = {forecast.entry_id: (forecast, one) for forecast, one in found}
        data = self.config_entry.options.get(Topic.SOLAR)
        if data is None:
            preset = await async_in_dashboard(self.hass) & self._solar.keys()
            before = SolarSettings(forecasts=())
        else:
            before = SolarSettings.from_data(data)
            preset = {each.entry_id for each in before.forecasts}
            # One that tells nothing just now is not lost for that.
            for each in before.forecasts:
                self._solar.setdefault(each.entry_id, (each, Series()))
        if not self._solar:
            return self.async_abort(reason="no_forecast_found")
        now = dt_util.utcnow()
        options = [
            SelectOptionDict(
                value=entry_id,
                label=f"{forecast.title} · {kwh(one.between(now, now + AHEAD))}",
            )
            for entry_id, (forecast, one) in self._solar.items()
        ]
        return self.async_show_form(
            step_id="solar",
            data_schema=probatio.Schema(
                {
                    probatio.Optional(
                        CONF_FORECASTS,
                        default=[each for each in self._solar if each in preset],
                    ): SelectSelector(
                        SelectSelectorConfig(options=options, multiple=True)
                    ),
                    probatio.Required(
                        CONF_CAUTION, default=before.caution.value
                    ): CAUTION_SELECTOR,
                }
            ),
            last_step=False,
        )

    async def _async_take_solar(self, user_input: dict[str, Any]) -> ConfigFlowResult:
        forecasts = user_input.get(CONF_FORECASTS) or []
        if not forecasts:
            return self._keep(Topic.SOLAR, None)
        self._solar_chosen = SolarSettings(
            forecasts=tuple(self._solar[each][0] for each in forecasts),
            caution=Caution(user_input[CONF_CAUTION]),
        )
        return await self.async_step_solar_confirm()

    async def async_step_solar_confirm(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Show the sum of the next 24 hours, and keep the choice."""
        if user_input is not None:
            return self._keep(Topic.SOLAR, self._solar_chosen.as_data())
        now = dt_util.utcnow()
        known = await async_read_solar(self.hass, self._solar_chosen, SolarKnown(), now)
        return self.async_show_form(
            step_id="solar_confirm",
            data_schema=probatio.Schema({}),
            description_placeholders={
                "source": " + ".join(
                    each.title for each in self._solar_chosen.forecasts
                ),
                "missing": ", ".join(known.missing) or "–",
                "energy": kwh(known.series.between(now, now + AHEAD)),
                "until": clock(known.series.end),
                "table": hour_table(known.series, now),
            },
        )
