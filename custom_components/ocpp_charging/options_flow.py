"""The flow of a central system's options: what needs no new listener."""

from typing import Any

from homeassistant.config_entries import ConfigFlowResult, OptionsFlow
import probatio

from .charger_flow import INTERVAL_SELECTOR
from .const import CONF_SAMPLE_INTERVAL, DEFAULT_SAMPLE_INTERVAL


class OcppOptionsFlow(OptionsFlow):
    """Changes the settings, with the chargers connected."""

    async def async_step_init(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask how often chargers shall measure."""
        if user_input is not None:
            return self.async_create_entry(data=user_input)
        present = self.config_entry.options.get(
            CONF_SAMPLE_INTERVAL, int(DEFAULT_SAMPLE_INTERVAL.total_seconds())
        )
        return self.async_show_form(
            step_id="init",
            data_schema=probatio.Schema(
                {
                    probatio.Required(
                        CONF_SAMPLE_INTERVAL, default=present
                    ): INTERVAL_SELECTOR
                }
            ),
        )
