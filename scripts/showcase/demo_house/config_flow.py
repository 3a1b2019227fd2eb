"""Adds the roof of the demonstration, without a question."""

from typing import Any, override

from homeassistant.config_entries import ConfigFlow, ConfigFlowResult


class DemoHouseFlow(ConfigFlow, domain="demo_house"):
    """Has one step and asks nothing."""

    @override
    async def async_step_user(
        self, _user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Add the roof."""
        return self.async_create_entry(title="Roof", data={})
