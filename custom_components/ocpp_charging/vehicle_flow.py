"""The flow of a car's subentry: adding one, and changing it later, in four steps."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from homeassistant.config_entries import (
    SOURCE_RECONFIGURE,
    ConfigEntry,
    ConfigSubentryFlow,
    SubentryFlowResult,
)
from homeassistant.const import ATTR_UNIT_OF_MEASUREMENT, CONF_NAME, PERCENTAGE
from homeassistant.core import callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.selector import (
    EntitySelector,
    EntitySelectorConfig,
    EntityWithDeviceFilterSelectorConfig as Filter,
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
    TimeSelector,
)
import probatio

from .const import (
    CONF_BATTERY_KWH,
    CONF_DEPARTURES,
    CONF_EFFICIENCY,
    CONF_ENERGY_KWH,
    CONF_HOME_ENTITY,
    CONF_LIMIT_ENTITY,
    CONF_MAX_CURRENT_A,
    CONF_MIN_CURRENT_A,
    CONF_MINIMUM_SOC,
    CONF_PHASES,
    CONF_PLUGGED_ENTITY,
    CONF_PREFERRED_CHARGER,
    CONF_PRIORITY,
    CONF_SOC_ENTITY,
    CONF_TAGS,
    CONF_TAPER_FROM,
    CONF_TARGET_SOC,
    DEFAULT_CAR_CURRENT_A,
    DEFAULT_EFFICIENCY,
    DEFAULT_MIN_CURRENT_A,
    DEFAULT_PHASES,
    SUBENTRY_CHARGER,
    SUBENTRY_VEHICLE,
)
from .signal_steps import number_selector, suggested
from .tag_names import SUBENTRY_TAG
from .vehicles.choices import RESERVED_NAMES
from .vehicles.found import find_car
from .vehicles.settings import DAYS, ENTITY_KEYS, PRIORITIES

_DEFAULTS: Final[Mapping[str, Any]] = {
    CONF_PHASES: str(DEFAULT_PHASES),
    CONF_MIN_CURRENT_A: DEFAULT_MIN_CURRENT_A,
    CONF_MAX_CURRENT_A: DEFAULT_CAR_CURRENT_A,
    CONF_EFFICIENCY: DEFAULT_EFFICIENCY,
}

PHASES_SELECTOR: Final = SelectSelector(
    SelectSelectorConfig(
        options=["1", "2", "3"],
        translation_key="vehicle_phases",
        mode=SelectSelectorMode.LIST,
    )
)
CURRENT_SELECTOR: Final = number_selector("A", 1, 80)
ENERGY_SELECTOR: Final = number_selector("kWh", 1, 500)
SOC_SELECTOR: Final = number_selector("%", 1, 100)
PRIORITY_SELECTOR: Final = SelectSelector(
    SelectSelectorConfig(options=[*PRIORITIES], translation_key="car_priority")
)


def _entities(*filters: Filter) -> EntitySelector:
    return EntitySelector(EntitySelectorConfig(filter=list(filters)))


_HELPERS: Final = Filter(domain="input_number")
_SWITCHES: Final = Filter(domain=["binary_sensor", "input_boolean"])

ENTITY_SELECTORS: Final[Mapping[str, EntitySelector]] = {
    CONF_SOC_ENTITY: _entities(
        Filter(domain="sensor", unit_of_measurement=PERCENTAGE),
        _HELPERS,
    ),
    CONF_LIMIT_ENTITY: _entities(
        Filter(domain=["sensor", "number"], unit_of_measurement=PERCENTAGE),
        _HELPERS,
    ),
    CONF_PLUGGED_ENTITY: _entities(_SWITCHES, Filter(domain="sensor")),
    CONF_HOME_ENTITY: _entities(
        Filter(domain=["device_tracker", "person", "zone"]),
        _SWITCHES,
    ),
}


class VehicleSubentryFlow(ConfigSubentryFlow):
    """Adds a car, or changes one.

    Each step takes over what belongs to it; what is left empty is not kept.
    """

    def __init__(self) -> None:
        """Begin with nothing typed."""
        self._title = ""
        self._data: dict[str, Any] = {}

    # Name and battery

    async def async_step_user(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Ask what car it is."""
        return await self._async_car("user", user_input)

    async def async_step_reconfigure(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Show what car it is, to be changed."""
        if user_input is None:
            subentry = self._get_reconfigure_subentry()
            self._title, self._data = subentry.title, dict(subentry.data)
        return await self._async_car("reconfigure", user_input)

    async def _async_car(
        self, step_id: str, user_input: dict[str, Any] | None
    ) -> SubentryFlowResult:
        errors: dict[str, str] = {}
        shown = {CONF_NAME: self._title, **_DEFAULTS, **self._data}
        shown[CONF_PHASES] = str(shown[CONF_PHASES])
        if user_input is not None:
            shown = {CONF_NAME: "", **user_input}
            name = user_input[CONF_NAME].strip()
            errors = self._wrong_car(name, user_input)
            if not errors:
                self._title = name
                self._take(_CAR_KEYS, user_input)
                self._data[CONF_PHASES] = int(user_input[CONF_PHASES])
                return await self.async_step_entities()
        fields: dict[Any, Any] = {
            probatio.Required(
                CONF_NAME, description=suggested(shown, CONF_NAME)
            ): TextSelector(),
            probatio.Optional(
                CONF_BATTERY_KWH, description=suggested(shown, CONF_BATTERY_KWH)
            ): ENERGY_SELECTOR,
            probatio.Required(CONF_PHASES, default=shown[CONF_PHASES]): PHASES_SELECTOR,
            probatio.Required(
                CONF_MIN_CURRENT_A, default=shown[CONF_MIN_CURRENT_A]
            ): CURRENT_SELECTOR,
            probatio.Required(
                CONF_MAX_CURRENT_A, default=shown[CONF_MAX_CURRENT_A]
            ): CURRENT_SELECTOR,
            probatio.Required(
                CONF_EFFICIENCY, default=shown[CONF_EFFICIENCY]
            ): number_selector("%", 50, 100),
            probatio.Optional(
                CONF_TAPER_FROM, description=suggested(shown, CONF_TAPER_FROM)
            ): number_selector("%", 50, 99),
        }
        return self._form(step_id, fields, errors)

    def _wrong_car(self, name: str, typed: Mapping[str, Any]) -> dict[str, str]:
        errors: dict[str, str] = {}
        if not name:
            errors[CONF_NAME] = "name_missing"
        elif name.casefold() in RESERVED_NAMES | self._names():
            errors[CONF_NAME] = "name_taken"
        if typed[CONF_MAX_CURRENT_A] < typed[CONF_MIN_CURRENT_A]:
            errors[CONF_MAX_CURRENT_A] = "max_below_min"
        return errors

    # The entities of the car's own integration

    async def async_step_entities(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Ask what tells of the car, and propose what is likely its own."""
        errors: dict[str, str] = {}
        if user_input is not None:
            errors = self._wrong_entities(user_input)
            if not errors:
                self._take(ENTITY_KEYS, user_input)
                return await self.async_step_habits()
            shown: Mapping[str, str] = user_input
        elif self.source == SOURCE_RECONFIGURE:
            shown = self._data
        else:
            shown = find_car(self.hass, self._title, self._taken())
        fields = {
            probatio.Optional(key, description=suggested(shown, key)): selector
            for key, selector in ENTITY_SELECTORS.items()
        }
        return self._form("entities", fields, errors)

    def _wrong_entities(self, typed: Mapping[str, str]) -> dict[str, str]:
        errors: dict[str, str] = {}
        registry = er.async_get(self.hass)
        for key, entity_id in typed.items():
            state = self.hass.states.get(entity_id)
            unit = state and state.attributes.get(ATTR_UNIT_OF_MEASUREMENT)
            percent = key in {CONF_SOC_ENTITY, CONF_LIMIT_ENTITY}
            new = entity_id != self._data.get(key)
            # One that was there before may come again.
            if new and state is None and registry.async_get(entity_id) is None:
                errors[key] = "no_entity"
            elif percent and unit and unit != PERCENTAGE:
                errors[key] = "not_percent"
            elif key == CONF_PLUGGED_ENTITY and unit:
                # A number with a unit is none of the words for a plug, ever.
                errors[key] = "not_plug"
        if CONF_LIMIT_ENTITY in typed and (
            typed[CONF_LIMIT_ENTITY] == typed.get(CONF_SOC_ENTITY)
        ):
            errors[CONF_LIMIT_ENTITY] = "same_entity"
        return errors

    # Tags, charger, and how much

    async def async_step_habits(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Ask what the car is known by, and how much it is to be charged."""
        errors: dict[str, str] = {}
        shown: Mapping[str, Any] = {CONF_PRIORITY: "normal", **self._data}
        if user_input is not None:
            errors = self._wrong_habits(user_input)
            if not errors:
                self._take(_HABIT_KEYS, user_input)
                return await self.async_step_departures()
            shown = user_input
        fields: dict[Any, Any] = {}
        for key, kind, multiple in (
            (CONF_TAGS, SUBENTRY_TAG, True),
            (CONF_PREFERRED_CHARGER, SUBENTRY_CHARGER, False),
        ):
            titles = _titles(self._get_entry(), kind)
            if titles:
                known = _known(shown.get(key), titles)
                field = probatio.Optional(key, description={"suggested_value": known})
                fields[field] = _choice(titles, multiple=multiple)
        for key, selector in (
            (CONF_TARGET_SOC, SOC_SELECTOR),
            (CONF_MINIMUM_SOC, SOC_SELECTOR),
            (CONF_ENERGY_KWH, ENERGY_SELECTOR),
            (CONF_PRIORITY, PRIORITY_SELECTOR),
        ):
            fields[probatio.Optional(key, description=suggested(shown, key))] = selector
        return self._form("habits", fields, errors)

    def _wrong_habits(self, typed: Mapping[str, Any]) -> dict[str, str]:
        errors: dict[str, str] = {}
        if typed.get(CONF_MINIMUM_SOC, 0) > typed.get(CONF_TARGET_SOC, 100):
            errors[CONF_MINIMUM_SOC] = "minimum_above_target"
        battery_kwh = self._data.get(CONF_BATTERY_KWH)
        if battery_kwh and typed.get(CONF_ENERGY_KWH, 0) > battery_kwh:
            errors[CONF_ENERGY_KWH] = "more_than_battery"
        return errors

    # When it leaves

    async def async_step_departures(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Ask when the car leaves on which day, and keep it all."""
        if user_input is None:
            shown = self._data.get(CONF_DEPARTURES, {})
            fields = {
                probatio.Optional(day, description=suggested(shown, day)): (
                    TimeSelector()
                )
                for day in DAYS
            }
            return self._form("departures", fields, {}, last_step=True)
        self._data[CONF_DEPARTURES] = {
            day: user_input[day] for day in DAYS if user_input.get(day)
        }
        if self.source == SOURCE_RECONFIGURE:
            return self.async_update_and_abort(
                self._get_entry(),
                self._get_reconfigure_subentry(),
                title=self._title,
                data=self._data,
            )
        return self.async_create_entry(title=self._title, data=self._data)

    # What the steps share

    def _form(
        self,
        step_id: str,
        fields: Mapping[Any, Any],
        errors: dict[str, str],
        *,
        last_step: bool = False,
    ) -> SubentryFlowResult:
        return self.async_show_form(
            step_id=step_id,
            data_schema=probatio.Schema(dict(fields)),
            errors=errors,
            description_placeholders={"name": self._title},
            last_step=last_step,
        )

    @callback
    def _take(self, keys: Iterable[str], typed: Mapping[str, Any]) -> None:
        """Keep what was typed in a step, and nothing that was taken out."""
        for key in keys:
            self._data.pop(key, None)
            if typed.get(key):
                self._data[key] = typed[key]

    def _others(self) -> Iterable[Any]:
        own = (
            self._reconfigure_subentry_id if self.source == SOURCE_RECONFIGURE else None
        )
        return (
            subentry
            for subentry in self._get_entry().get_subentries_of_type(SUBENTRY_VEHICLE)
            if subentry.subentry_id != own
        )

    def _names(self) -> frozenset[str]:
        return frozenset(each.title.casefold() for each in self._others())

    def _taken(self) -> frozenset[str]:
        """Return the entities that are another car's."""
        return frozenset(
            each.data[key]
            for each in self._others()
            for key in ENTITY_KEYS
            if key in each.data
        )


_CAR_KEYS: Final = (
    CONF_BATTERY_KWH,
    CONF_PHASES,
    CONF_MIN_CURRENT_A,
    CONF_MAX_CURRENT_A,
    CONF_EFFICIENCY,
    CONF_TAPER_FROM,
)
_HABIT_KEYS: Final = (
    CONF_TAGS,
    CONF_PREFERRED_CHARGER,
    CONF_TARGET_SOC,
    CONF_MINIMUM_SOC,
    CONF_ENERGY_KWH,
    CONF_PRIORITY,
)


def _titles(entry: ConfigEntry, kind: str) -> dict[str, str]:
    """Return the names of an entry's subentries of a type, by their ids."""
    return {
        subentry.subentry_id: subentry.title
        for subentry in entry.get_subentries_of_type(kind)
    }


def _known(chosen: Any, titles: Mapping[str, str]) -> Any:
    """Return what was chosen before, without what is gone since."""
    if isinstance(chosen, list):
        return [each for each in chosen if each in titles]
    return chosen if chosen in titles else None


def _choice(titles: Mapping[str, str], *, multiple: bool) -> SelectSelector:
    return SelectSelector(
        SelectSelectorConfig(
            options=[
                SelectOptionDict(value=each, label=title)
                for each, title in titles.items()
            ],
            mode=SelectSelectorMode.DROPDOWN,
            multiple=multiple,
        )
    )
