"""The one form that sets smart charging up: prices, fuse, time, preference, car."""

from collections.abc import Mapping
from datetime import time
from types import MappingProxyType
from typing import Any, Final

from homeassistant.config_entries import (
    ConfigEntryState,
    ConfigFlowResult,
    ConfigSubentry,
)
from homeassistant.core import callback
from homeassistant.helpers.selector import (
    BooleanSelector,
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TimeSelector,
)
from homeassistant.util import dt as dt_util
import probatio

from .circuit_flow import MAIN_SELECTOR, usual_title
from .const import (
    CONF_BATTERY_KWH,
    CONF_LIMIT_A,
    DOMAIN,
    SUBENTRY_CIRCUIT,
    SUBENTRY_VEHICLE,
)
from .planning import ConnectorPlan, Mode, Wishes
from .planning.circuits import HomeCircuits
from .price_flow import CONF_SOURCE, PriceFlow
from .signal_steps import SignalSteps, suggested
from .signals.prices.found import Candidate, async_find
from .signals.prices.present_value import READER as PRESENT_VALUE
from .signals.prices.settings import (
    CONF_REVERSED,
    CONF_TITLE,
    CONF_UNIT,
    Side,
    UnitChoice,
)
from .vehicle_flow import ENERGY_SELECTOR

CONF_STEERED: Final = "steered"
CONF_READY_BY: Final = "ready_by"
CONF_GREENNESS: Final = "greenness"
CONF_MAIN_FUSE_A: Final = "main_fuse_a"

KEEP: Final = "keep"
"""The choice of the source that there is, or of none where there is none."""

GREENNESS_SELECTOR: Final = NumberSelector(
    NumberSelectorConfig(
        min=0,
        max=100,
        step=5,
        mode=NumberSelectorMode.SLIDER,
        unit_of_measurement="%",
    )
)


class SmartFlow(PriceFlow, SignalSteps):
    """The step about smart charging, for a central system's options."""

    async def async_step_smart(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for all that a home with one charger needs, and set it up."""
        if self.config_entry.state is not ConfigEntryState.LOADED:
            return self.async_abort(reason="not_loaded")
        plans = list(self.config_entry.runtime_data.planning.connectors.values())
        if not plans:
            return self.async_abort(reason="no_connector")
        other: str | None = None
        if user_input is not None:
            chosen = self._chosen(user_input)
            other = None if chosen is None else self._other_currency(chosen.reading)
            if other is None:
                return await self._async_set_up(plans, user_input)
        else:
            self._found = await async_find(self.hass, dt_util.utcnow(), DOMAIN)
        return self.async_show_form(
            step_id="smart",
            data_schema=self.add_suggested_values_to_schema(
                probatio.Schema(self._fields(plans[0])), user_input
            ),
            errors={} if other is None else {CONF_SOURCE: "feed_in_currency"},
            description_placeholders={"other": other or ""},
        )

    def _chosen(self, typed: Mapping[str, Any]) -> Candidate | None:
        """Return the source that prices are to come from; None: the present one."""
        chosen = typed.get(CONF_SOURCE, KEEP)
        return None if chosen == KEEP else self._found[int(chosen)]

    def _fields(self, plan: ConnectorPlan) -> dict[Any, Any]:
        """Return the fields; what is set up in its own place is not asked for."""
        wishes = plan.wishes
        clock = None if wishes.ready_by is None else wishes.ready_by.isoformat()
        fields: dict[Any, Any] = {
            # Who comes here for the first time comes to turn it on.
            probatio.Required(
                CONF_STEERED, default=wishes.steered or wishes == Wishes()
            ): BooleanSelector(),
        }
        present = self.config_entry.options.get(Side.PRICE)
        if present or self._found:
            # With a price of this hour alone nothing is planned: the owner's to choose.
            plans = self._found and self._found[0].source.reader != PRESENT_VALUE.key
            default = KEEP if present or not plans else "0"
            fields[probatio.Required(CONF_SOURCE, default=default)] = _sources(
                (present or {}).get(CONF_TITLE, "–"),
                [self._label(each) for each in self._found],
            )
        fields |= {
            probatio.Optional(
                CONF_READY_BY,
                description=suggested({CONF_READY_BY: clock}, CONF_READY_BY),
            ): TimeSelector(),
            probatio.Required(
                CONF_GREENNESS, default=wishes.greenness
            ): GREENNESS_SELECTOR,
        }
        if not self._has_fuse:
            fields[probatio.Optional(CONF_MAIN_FUSE_A)] = MAIN_SELECTOR
        if not self.config_entry.get_subentries_of_type(SUBENTRY_VEHICLE):
            fields[probatio.Optional(CONF_BATTERY_KWH)] = ENERGY_SELECTOR
        return fields

    @property
    def _has_fuse(self) -> bool:
        home = HomeCircuits.of(self.config_entry)
        return home is not None and home.has_main

    async def _async_set_up(
        self, plans: list[ConnectorPlan], typed: Mapping[str, Any]
    ) -> ConfigFlowResult:
        if amperes := typed.get(CONF_MAIN_FUSE_A):
            self._add(SUBENTRY_CIRCUIT, {CONF_LIMIT_A: [amperes] * 3})
        if battery := typed.get(CONF_BATTERY_KWH):
            self._add(SUBENTRY_VEHICLE, {CONF_BATTERY_KWH: battery})
        clock, shown = typed.get(CONF_READY_BY), plans[0].wishes
        wished = {
            "steered": typed[CONF_STEERED],
            "greenness": typed[CONF_GREENNESS],
            "ready_by": None if clock is None else time.fromisoformat(clock),
        }
        for plan in plans:
            # What was not changed in the form may be otherwise at other connectors.
            changes: dict[str, Any] = {
                name: value
                for name, value in wished.items()
                if plan.wishes == Wishes() or value != getattr(shown, name)
            }
            by_plan = changes.get("steered", plan.wishes.steered)
            if by_plan and not plan.wishes.mode.follows_plan:
                changes["mode"] = Mode.SMART
            if changes:
                await plan.async_set(**changes)
        options = dict(self.config_entry.options)
        if (chosen := self._chosen(typed)) is not None:
            options[Side.PRICE.value] = _price(chosen)
        return self.async_create_entry(data=options)

    @callback
    def _add(self, kind: str, data: Mapping[str, Any]) -> None:
        """Add a fuse or a car, to be changed later in its own place."""
        self.hass.config_entries.async_add_subentry(
            self.config_entry,
            ConfigSubentry(
                data=MappingProxyType(dict(data)),
                subentry_type=kind,
                title=usual_title(self.hass, kind),
                unique_id=None,
            ),
        )


def _sources(present: str, found: list[str]) -> SelectSelector:
    """Return the choice of a source of prices, the present one first."""
    labels = {KEEP: present, **{str(index): each for index, each in enumerate(found)}}
    return SelectSelector(
        SelectSelectorConfig(
            options=[
                SelectOptionDict(value=key, label=label)
                for key, label in labels.items()
            ],
            mode=SelectSelectorMode.DROPDOWN,
        )
    )


def _price(candidate: Candidate) -> dict[str, Any]:
    """Return a source as it is kept: read as it says, and without fees."""
    return {
        **candidate.source.as_data(),
        CONF_TITLE: candidate.title,
        CONF_UNIT: UnitChoice.AUTO.value,
        CONF_REVERSED: False,
    }
