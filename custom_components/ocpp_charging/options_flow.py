"""The flow of a central system's options: what needs no new listener."""

from typing import Any, Final

from homeassistant.config_entries import ConfigFlowResult
import probatio

from .charger_flow import INTERVAL_SELECTOR
from .const import CONF_SAMPLE_INTERVAL, DEFAULT_SAMPLE_INTERVAL
from .database_flow import DatabaseFlow
from .planning_flow import PlanningFlow
from .signal_flow import SignalFlow
from .smart_flow import SmartFlow
from .tag_flow import tag_options

SUBJECTS: Final = [
    "smart",
    "measuring",
    "prices",
    "signals",
    "planning",
    "tags",
    "database",
]
"""The steps that the menu offers, one for each subject."""


class OcppOptionsFlow(SmartFlow, DatabaseFlow, SignalFlow, PlanningFlow):
    """Changes the settings, with the chargers connected."""

    async def async_step_init(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask what is to be changed."""
        return self.async_show_menu(step_id="init", menu_options=SUBJECTS)

    async def async_step_measuring(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask how often chargers shall measure."""
        if user_input is not None:
            return self._save(user_input)
        present = self.config_entry.options.get(
            CONF_SAMPLE_INTERVAL, int(DEFAULT_SAMPLE_INTERVAL.total_seconds())
        )
        return self.async_show_form(
            step_id="measuring",
            data_schema=probatio.Schema(
                {
                    probatio.Required(
                        CONF_SAMPLE_INTERVAL, default=present
                    ): INTERVAL_SELECTOR
                }
            ),
        )

    async def async_step_tags(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask who may charge besides the tags on the list, and when it counts."""
        if user_input is not None:
            return self._save(user_input)
        return self.async_show_form(
            step_id="tags", data_schema=tag_options(self.config_entry.options)
        )
