"""The options about how the sun is followed, and about the house's battery."""

from collections.abc import Mapping
from typing import Any, Final

from homeassistant.config_entries import ConfigFlowResult
from homeassistant.data_entry_flow import section
from homeassistant.helpers.selector import (
    BooleanSelector,
    EntitySelector,
    EntitySelectorConfig,
)
from homeassistant.util import dt as dt_util
import probatio

from .signal_steps import SignalSteps, number_selector, rounded, suggested
from .signals.house_battery import (
    CONF_BATTERY_FIRST,
    CONF_BATTERY_FULL,
    CONF_BATTERY_KWH,
    CONF_BATTERY_POWER,
    CONF_BATTERY_RESERVE,
    CONF_BATTERY_REVERSED,
    CONF_BATTERY_SOC,
    CONF_GRID_SHARE,
    CONF_MINIMUM_OFF,
    CONF_MINIMUM_ON,
    CONF_START_AFTER,
    CONF_START_POWER,
    CONF_STOP_AFTER,
    CONF_TIMES,
    SunSettings,
    read_battery,
)
from .signals.keeper import Topic
from .signals.meter import HouseSettings, measure

_SENSOR: Final = EntitySelector(EntitySelectorConfig(domain=["sensor"]))
_POWER: Final = number_selector("W", 0, 20000)
_PERCENT: Final = number_selector("%", 0, 100)
_MINUTES: Final = number_selector("min", 0, 60)
_TIMES: Final = {
    CONF_START_AFTER: _MINUTES,
    CONF_STOP_AFTER: _MINUTES,
    CONF_MINIMUM_ON: _MINUTES,
    CONF_MINIMUM_OFF: _MINUTES,
    CONF_BATTERY_FULL: _PERCENT,
}


class SunFlow(SignalSteps):
    """The steps about charging with the sun, for a central system's options."""

    _sun_chosen: SunSettings

    async def async_step_surplus(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for the battery's entities, and how the sun is followed."""
        errors: dict[str, str] = {}
        data = user_input or self.config_entry.options.get(Topic.SURPLUS) or {}
        if user_input is not None:
            self._sun_chosen = SunSettings.from_data(user_input)
            errors = self._wrong_with_battery(self._sun_chosen)
            if not errors and self._sun_chosen.battery_power is None:
                return self._keep(Topic.SURPLUS, self._sun_chosen.as_data())
            if not errors:
                return await self.async_step_surplus_confirm()
        return self.async_show_form(
            step_id="surplus",
            data_schema=_schema(data),
            errors=errors,
            last_step=False,
        )

    def _wrong_with_battery(self, chosen: SunSettings) -> dict[str, str]:
        """Return what the battery's entities lack, by field."""
        battery, rules = read_battery(self.hass, chosen), chosen.rules
        if chosen.battery_power is None:
            asked = chosen.battery_soc or rules.battery_reserve_w
            needed = asked or rules.battery_first_soc is not None
            return {CONF_BATTERY_POWER: "battery_power_needed"} if needed else {}
        if battery.power_w is None:
            return {CONF_BATTERY_POWER: "no_battery_power"}
        if chosen.battery_soc is not None and battery.soc is None:
            return {CONF_BATTERY_SOC: "no_battery_soc"}
        if chosen.battery_soc is None and rules.battery_first_soc is not None:
            return {CONF_BATTERY_SOC: "battery_soc_needed"}
        return {}

    async def async_step_surplus_confirm(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Show what the battery does now by the chosen sign, and keep the choice."""
        chosen = self._sun_chosen
        if user_input is not None:
            return self._keep(Topic.SURPLUS, chosen.as_data())
        battery = read_battery(self.hass, chosen)
        known = battery.power_w
        age = None if battery.at is None else dt_util.utcnow() - battery.at
        house = self.config_entry.options.get(Topic.HOUSE) or {}
        grid = measure(self.hass, HouseSettings.from_data(house)).power_w
        return self.async_show_form(
            step_id="surplus_confirm",
            data_schema=probatio.Schema({}),
            description_placeholders={
                "taken": rounded(None if known is None else max(0.0, known)),
                "given": rounded(None if known is None else max(0.0, -known)),
                "age": "–" if age is None else f"{age.total_seconds():.0f} s",
                "soc": rounded(battery.soc),
                "drawn": rounded(None if grid is None else max(0.0, grid)),
                "fed_in": rounded(None if grid is None else max(0.0, -grid)),
            },
        )


def _schema(data: Mapping[str, Any]) -> probatio.Schema:
    """Return the form, filled with what is so now."""
    usual = SunSettings().as_data()
    times = data.get(CONF_TIMES) or {}
    return probatio.Schema(
        {
            probatio.Optional(
                CONF_BATTERY_POWER, description=suggested(data, CONF_BATTERY_POWER)
            ): _SENSOR,
            probatio.Required(
                CONF_BATTERY_REVERSED, default=data.get(CONF_BATTERY_REVERSED, False)
            ): BooleanSelector(),
            probatio.Optional(
                CONF_BATTERY_SOC, description=suggested(data, CONF_BATTERY_SOC)
            ): _SENSOR,
            probatio.Optional(
                CONF_BATTERY_KWH, description=suggested(data, CONF_BATTERY_KWH)
            ): number_selector("kWh", 0.1, 1000),
            probatio.Optional(
                CONF_BATTERY_FIRST, description=suggested(data, CONF_BATTERY_FIRST)
            ): _PERCENT,
            **{
                probatio.Required(key, default=data.get(key, usual[key])): field
                for key, field in (
                    (CONF_BATTERY_RESERVE, _POWER),
                    (CONF_GRID_SHARE, _PERCENT),
                    (CONF_START_POWER, _POWER),
                )
            },
            probatio.Required(CONF_TIMES): section(
                probatio.Schema(
                    {
                        probatio.Required(
                            key, default=times.get(key, usual[CONF_TIMES][key])
                        ): field
                        for key, field in _TIMES.items()
                    }
                ),
                {"collapsed": True},
            ),
        }
    )
