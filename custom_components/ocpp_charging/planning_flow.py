"""The options about how plans are made."""

from typing import Any, Final

from homeassistant.config_entries import ConfigFlowResult
from homeassistant.helpers.selector import (
    EntitySelector,
    EntitySelectorConfig,
    EntityWithDeviceFilterSelectorConfig as Filter,
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
    SelectSelector,
    SelectSelectorConfig,
)
import probatio

from .charging import Tie
from .planning.random_delay import MOST
from .planning.settings import (
    CONF_GREENEST,
    CONF_MINIMUM_PAUSE,
    CONF_MINIMUM_RUN,
    CONF_PEAK_PRICE,
    CONF_PEAK_SO_FAR,
    CONF_PEAK_WINDOW,
    CONF_PLANNING,
    CONF_RANDOM_DELAY,
    CONF_START_COST,
    CONF_THRESHOLD,
    CONF_TIE,
)
from .signal_steps import SignalSteps, number_selector, suggested

TIE_SELECTOR: Final = SelectSelector(
    SelectSelectorConfig(options=[each.value for each in Tie], translation_key="tie")
)
WINDOW_SELECTOR: Final = SelectSelector(
    SelectSelectorConfig(options=["15", "30", "60"], translation_key="peak_window")
)
PEAK_SELECTOR: Final = EntitySelector(
    EntitySelectorConfig(
        filter=[
            Filter(domain="sensor", device_class="power"),
            Filter(domain="input_number"),
        ]
    )
)
MINUTES_SELECTOR: Final = NumberSelector(
    NumberSelectorConfig(
        min=0,
        max=240,
        step=5,
        mode=NumberSelectorMode.BOX,
        unit_of_measurement="min",
    )
)
DELAY_SELECTOR: Final = NumberSelector(
    NumberSelectorConfig(
        min=0,
        max=MOST.total_seconds(),
        step=60,
        mode=NumberSelectorMode.BOX,
        unit_of_measurement="s",
    )
)


class PlanningFlow(SignalSteps):
    """The step about planning, for a central system's options."""

    async def async_step_planning(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask what is preferred among plans."""
        if user_input is not None:
            options = {**self.config_entry.options, CONF_PLANNING: user_input}
            return self.async_create_entry(data=options)
        present = self.config_entry.runtime_data.planning.settings
        peak = present.peak
        money = self.config_entry.runtime_data.planning.currency
        return self.async_show_form(
            step_id="planning",
            data_schema=probatio.Schema(
                {
                    probatio.Required(
                        CONF_START_COST, default=present.start_cost
                    ): number_selector(money, 0, 1_000_000),
                    probatio.Required(
                        CONF_THRESHOLD, default=present.threshold
                    ): number_selector(money, 0, 1_000_000),
                    probatio.Required(
                        CONF_GREENEST, default=present.greenest
                    ): number_selector(f"{money}/kg", 0, 1_000_000),
                    probatio.Required(
                        CONF_TIE, default=present.tie.value
                    ): TIE_SELECTOR,
                    probatio.Required(
                        CONF_MINIMUM_RUN,
                        default=present.minimum_run.total_seconds() / 60,
                    ): MINUTES_SELECTOR,
                    probatio.Required(
                        CONF_MINIMUM_PAUSE,
                        default=present.minimum_pause.total_seconds() / 60,
                    ): MINUTES_SELECTOR,
                    probatio.Required(
                        CONF_RANDOM_DELAY,
                        default=present.random_delay.total_seconds(),
                    ): DELAY_SELECTOR,
                    probatio.Required(
                        CONF_PEAK_PRICE, default=peak.price_per_kw if peak else 0.0
                    ): number_selector(f"{money}/kW", 0, 1_000_000),
                    probatio.Required(
                        CONF_PEAK_WINDOW,
                        default=f"{peak.window.total_seconds() / 60:.0f}"
                        if peak
                        else "60",
                    ): WINDOW_SELECTOR,
                    probatio.Optional(
                        CONF_PEAK_SO_FAR,
                        description=suggested(
                            self.config_entry.options.get(CONF_PLANNING) or {},
                            CONF_PEAK_SO_FAR,
                        ),
                    ): PEAK_SELECTOR,
                }
            ),
        )
