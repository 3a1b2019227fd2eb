"""The flow of a fuse's subentry: adding one, and changing it later, in two steps."""

from collections.abc import Mapping
from typing import Any, Final

from homeassistant.config_entries import (
    SOURCE_RECONFIGURE,
    ConfigSubentryFlow,
    SubentryFlowResult,
)
from homeassistant.const import CONF_NAME
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.selector import (
    EntitySelector,
    EntitySelectorConfig,
    EntityWithDeviceFilterSelectorConfig as Filter,
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
)
from homeassistant.helpers.translation import async_get_cached_translations
import probatio

from .const import (
    CONF_CHARGERS,
    CONF_LIMIT_A,
    CONF_METER,
    CONF_OTHER_A,
    CONF_PARENT,
    CONF_SAFE_A,
    CONF_WIRING,
    DOMAIN,
    SUBENTRY_CHARGER,
    SUBENTRY_CIRCUIT,
)
from .planning.circuits import STRAIGHT, CircuitSettings, HomeCircuits
from .signal_steps import number_selector, suggested
from .signals.meter import measure

CONF_LIMIT_L2_A: Final = "limit_l2_a"
CONF_LIMIT_L3_A: Final = "limit_l3_a"

LIMIT_SELECTOR: Final = number_selector("A", 0, 500)
MAIN_SELECTOR: Final = number_selector("A", 1, 500)
SAFE_SELECTOR: Final = number_selector("A", 0, 80)
METER_SELECTOR: Final = EntitySelector(
    EntitySelectorConfig(
        filter=[Filter(domain="sensor", device_class=["current", "power"])],
        multiple=True,
    )
)

WIRINGS: Final = ("123", "231", "312", "132", "213", "321", "1", "2", "3")
"""The house's phases behind a charger's L1, L2 and L3, in this order."""
WIRING_SELECTOR: Final = SelectSelector(
    SelectSelectorConfig(
        options=[
            SelectOptionDict(
                value=each, label=" – ".join(f"L{phase}" for phase in each)
            )
            for each in WIRINGS
        ],
        mode=SelectSelectorMode.DROPDOWN,
    )
)


class CircuitSubentryFlow(ConfigSubentryFlow):
    """Adds a fuse, or changes one. The first is the main fuse."""

    def __init__(self) -> None:
        """Begin with nothing typed."""
        self._title = ""
        self._data: dict[str, Any] = {}

    # What the fuse bears, and what hangs on it

    async def async_step_user(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Ask about the main fuse, or where there is one, for a smaller one."""
        home = HomeCircuits.of(self._get_entry())
        if home is None or not home.has_main:
            return await self.async_step_main(user_input)
        return await self.async_step_below(user_input)

    async def async_step_reconfigure(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Show a fuse, to be changed."""
        subentry = self._get_reconfigure_subentry()
        self._title, self._data = subentry.title, dict(subentry.data)
        if CONF_PARENT in self._data and self._above():
            return await self.async_step_below(user_input)
        return await self.async_step_main(user_input)

    async def async_step_main(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Ask what the main fuse bears."""
        return await self._async_fuse("main", user_input, below=False)

    async def async_step_below(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Ask what a smaller fuse bears, what feeds it, and what hangs on it."""
        return await self._async_fuse("below", user_input, below=True)

    async def _async_fuse(
        self, step_id: str, user_input: dict[str, Any] | None, *, below: bool
    ) -> SubentryFlowResult:
        errors: dict[str, str] = {}
        shown: Mapping[str, Any] = self._shown()
        if not below and not shown:
            shown = {CONF_NAME: usual_title(self.hass, SUBENTRY_CIRCUIT)}
        if user_input is not None:
            errors = self._wrong(user_input)
            if not errors:
                self._take(user_input)
                return await self.async_step_wiring()
            shown = user_input
        fields: dict[Any, Any] = {
            probatio.Required(
                CONF_NAME, description=suggested(shown, CONF_NAME)
            ): TextSelector(),
            # Of a required number the form would suggest the least.
            probatio.Optional(
                CONF_LIMIT_A, description=suggested(shown, CONF_LIMIT_A)
            ): MAIN_SELECTOR,
            probatio.Optional(
                CONF_LIMIT_L2_A, description=suggested(shown, CONF_LIMIT_L2_A)
            ): LIMIT_SELECTOR,
            probatio.Optional(
                CONF_LIMIT_L3_A, description=suggested(shown, CONF_LIMIT_L3_A)
            ): LIMIT_SELECTOR,
        }
        if below:
            fields |= self._fields_below(shown)
        fields |= {
            probatio.Optional(
                CONF_METER, description=suggested(shown, CONF_METER)
            ): METER_SELECTOR,
            probatio.Optional(
                CONF_OTHER_A, description=suggested(shown, CONF_OTHER_A)
            ): LIMIT_SELECTOR,
            probatio.Optional(
                CONF_SAFE_A, description=suggested(shown, CONF_SAFE_A)
            ): SAFE_SELECTOR,
        }
        return self.async_show_form(
            step_id=step_id,
            data_schema=probatio.Schema(fields),
            errors=errors,
            last_step=False,
        )

    def _fields_below(self, shown: Mapping[str, Any]) -> dict[Any, Any]:
        """Return the fields that only a smaller fuse has."""
        above = self._above()
        parent = shown.get(CONF_PARENT)
        return {
            probatio.Required(
                CONF_PARENT, default=parent if parent in above else next(iter(above))
            ): _choice(above),
            probatio.Optional(
                CONF_CHARGERS,
                description={
                    "suggested_value": [
                        each
                        for each in shown.get(CONF_CHARGERS, ())
                        if each in self._chargers()
                    ]
                },
            ): _choice(self._chargers(), multiple=True),
        }

    def _shown(self) -> Mapping[str, Any]:
        """Return what a fuse has as the form shows it."""
        if not self._data:
            return {}
        one, two, three = self._data[CONF_LIMIT_A]
        shown = {CONF_NAME: self._title, **self._data, CONF_LIMIT_A: one}
        if two != one:
            shown[CONF_LIMIT_L2_A] = two
        if three != one:
            shown[CONF_LIMIT_L3_A] = three
        return shown

    def _wrong(self, typed: Mapping[str, Any]) -> dict[str, str]:
        errors: dict[str, str] = {}
        if not typed[CONF_NAME].strip():
            errors[CONF_NAME] = "name_missing"
        if typed.get(CONF_LIMIT_A) is None:
            return errors | {CONF_LIMIT_A: "limit_missing"}
        sensors = typed.get(CONF_METER, ())
        has = sum(1 for each in _limits(typed) if each)
        if len(sensors) not in {0, 1, has}:
            errors[CONF_METER] = "sensors_for_phases"
        elif sensors:
            settings = CircuitSettings.reading(tuple(sensors))
            if measure(self.hass, settings).missing:
                errors[CONF_METER] = "no_meter"
        if set(typed.get(CONF_CHARGERS, ())) & self._elsewhere():
            errors[CONF_CHARGERS] = "charger_elsewhere"
        return errors

    def _elsewhere(self) -> set[str]:
        """Return the chargers that hang on another of the smaller fuses."""
        home = HomeCircuits.of(self._get_entry())
        own = self._reconfigure_subentry_id if self._changes else None
        return {
            each
            for circuit in (() if home is None else home.settings)
            if circuit.parent is not None and circuit.key != own
            for each in circuit.chargers
        }

    @property
    def _changes(self) -> bool:
        return self.source == SOURCE_RECONFIGURE

    def _take(self, typed: Mapping[str, Any]) -> None:
        """Keep what was typed; what was left empty is not kept."""
        self._title = typed[CONF_NAME].strip()
        wiring = self._data.get(CONF_WIRING)
        self._data = {
            key: typed[key]
            for key in (
                CONF_PARENT,
                CONF_CHARGERS,
                CONF_METER,
                CONF_OTHER_A,
                CONF_SAFE_A,
            )
            if typed.get(key) not in (None, [])
        }
        self._data[CONF_LIMIT_A] = list(_limits(typed))
        if wiring:
            self._data[CONF_WIRING] = wiring

    # How the chargers are wired

    async def async_step_wiring(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Ask which phases of the house each charger has, and keep it all."""
        chargers = self._hanging()
        fields = {name: key for key, name in _distinct(chargers)}
        phases = sum(1 for each in self._data[CONF_LIMIT_A] if each)
        if user_input is None and fields and phases > 1:
            known = self._data.get(CONF_WIRING, {})
            straight = "".join(str(each) for each in STRAIGHT)
            return self.async_show_form(
                step_id="wiring",
                data_schema=probatio.Schema(
                    {
                        probatio.Required(
                            name, default=known.get(key, straight)
                        ): WIRING_SELECTOR
                        for name, key in fields.items()
                    }
                ),
                description_placeholders={"name": self._title},
                last_step=True,
            )
        if user_input is not None:
            self._data[CONF_WIRING] = {
                fields[name]: wiring for name, wiring in user_input.items()
            }
        if self._changes:
            return self.async_update_and_abort(
                self._get_entry(),
                self._get_reconfigure_subentry(),
                title=self._title,
                data=self._data,
            )
        return self.async_create_entry(title=self._title, data=self._data)

    def _hanging(self) -> dict[str, str]:
        """Return the chargers on this fuse; on the main fuse are all that are free."""
        chargers = self._chargers()
        if CONF_PARENT in self._data:
            mine = self._data.get(CONF_CHARGERS, ())
            return {key: name for key, name in chargers.items() if key in mine}
        taken = self._elsewhere()
        return {key: name for key, name in chargers.items() if key not in taken}

    def _chargers(self) -> dict[str, str]:
        entry = self._get_entry()
        return {
            each.subentry_id: each.title
            for each in entry.get_subentries_of_type(SUBENTRY_CHARGER)
        }

    def _above(self) -> dict[str, str]:
        """Return the fuses that can feed this one: not those that it feeds."""
        home = HomeCircuits.of(self._get_entry())
        assert home is not None
        below: frozenset[str] = frozenset()
        if self._changes:
            below = home.below(self._reconfigure_subentry_id)
        return {
            each.key: each.name
            for each in home.settings
            if each.key and each.key not in below
        }


@callback
def usual_title(hass: HomeAssistant, kind: str) -> str:
    """Return what the first subentry of a kind, a fuse or a car, is called.

    Empty as long as Home Assistant has not loaded our texts.
    """
    texts = async_get_cached_translations(
        hass, hass.config.language, "selector", DOMAIN
    )
    return texts.get(f"component.{DOMAIN}.selector.smart_title.options.{kind}", "")


def _limits(typed: Mapping[str, Any]) -> tuple[float, float, float]:
    """Return what a fuse bears on each phase: one number counts for all."""
    one: float = typed[CONF_LIMIT_A]
    return one, typed.get(CONF_LIMIT_L2_A, one), typed.get(CONF_LIMIT_L3_A, one)


def _distinct(names: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return ids with names that differ: they are the labels of fields."""
    found: list[tuple[str, str]] = []
    for key, name in names.items():
        same = sum(1 for _, other in found if other.split(" #")[0] == name)
        found.append((key, f"{name} #{same + 1}" if same else name))
    return found


def _choice(titles: Mapping[str, str], *, multiple: bool = False) -> SelectSelector:
    return SelectSelector(
        SelectSelectorConfig(
            options=[
                SelectOptionDict(value=key, label=title)
                for key, title in titles.items()
            ],
            mode=SelectSelectorMode.DROPDOWN,
            multiple=multiple,
        )
    )
