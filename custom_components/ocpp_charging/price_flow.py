"""The options about prices: where they come from, and what comes on top of them."""

from datetime import timedelta
from typing import Any, Final

from homeassistant.config_entries import (
    ConfigEntryState,
    ConfigFlowResult,
    OptionsFlow,
)
from homeassistant.const import CONF_ENTITY_ID
from homeassistant.helpers.selector import (
    BooleanSelector,
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
    ObjectSelector,
    ObjectSelectorConfig,
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TimeSelector,
)
from homeassistant.util import dt as dt_util
import probatio

from .charging.series import Series
from .const import DOMAIN
from .signal_steps import others_entity
from .signals.prices.fees import CONF_FEE, CONF_FEE_PERIODS, CONF_PERCENT
from .signals.prices.found import (
    AHEAD,
    DOMAINS,
    Candidate,
    async_find,
    chosen_candidate,
)
from .signals.prices.home import HomePrices
from .signals.prices.reading import Failure, Reading, async_read
from .signals.prices.settings import (
    CONF_AMOUNT,
    CONF_PERIODS,
    CONF_READER,
    CONF_REVERSED,
    CONF_TITLE,
    CONF_UNIT,
    TYPED,
    PriceSettings,
    Side,
    Source,
    UnitChoice,
)
from .signals.timetable import CONF_DAYS, CONF_END, CONF_START, WEEKDAYS

CONF_SOURCE: Final = "source"

WEEKDAY_SELECTOR: Final = SelectSelector(
    SelectSelectorConfig(
        options=list(WEEKDAYS), multiple=True, translation_key="weekday"
    )
)
UNIT_SELECTOR: Final = SelectSelector(
    SelectSelectorConfig(
        options=[choice.value for choice in UnitChoice],
        mode=SelectSelectorMode.DROPDOWN,
        translation_key="price_unit",
    )
)


def _amount_selector(unit: str) -> NumberSelector:
    # Of a required number the form would suggest the least, so there is none.
    return NumberSelector(
        NumberSelectorConfig(
            step="any",
            mode=NumberSelectorMode.BOX,
            unit_of_measurement=unit,
        )
    )


def _periods_selector(unit: str) -> ObjectSelector:
    return ObjectSelector(
        ObjectSelectorConfig(
            multiple=True,
            label_field=CONF_START,
            description_field=CONF_AMOUNT,
            translation_key="price_period",
            fields={
                CONF_DAYS: {"selector": WEEKDAY_SELECTOR, "required": False},
                CONF_START: {"selector": TimeSelector(), "required": True},
                CONF_END: {"selector": TimeSelector(), "required": True},
                CONF_AMOUNT: {"selector": _amount_selector(unit), "required": True},
            },
        )
    )


class PriceFlow(OptionsFlow):
    """The steps about prices, for the flow of a central system's options."""

    _side = Side.PRICE
    _draft: dict[str, Any]
    _found: list[Candidate]

    async def async_step_prices(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask which price it is about."""
        return self.async_show_menu(
            step_id="prices",
            menu_options=[side.value for side in Side],
            description_placeholders={side.value: self._shown(side) for side in Side},
        )

    async def async_step_price(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask how the price of what is bought is known."""
        return self._show_ways(Side.PRICE)

    async def async_step_feed_in_price(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask how the price of what is fed in is known."""
        return self._show_ways(Side.FEED_IN)

    def _show_ways(self, side: Side) -> ConfigFlowResult:
        self._side = side
        self._draft = dict(self.config_entry.options.get(side) or {})
        options = ["price_found", "price_entity", "price_typed"]
        if self._draft:
            options += ["price_fees", "price_none"]
        return self.async_show_menu(
            step_id=side.value,
            menu_options=options,
            description_placeholders={"source": self._shown(side)},
        )

    def _shown(self, side: Side) -> str:
        """Return what a price comes from at present."""
        data = self.config_entry.options.get(side) or {}
        return str(data.get(CONF_TITLE, "–"))

    # Where it comes from

    async def async_step_price_found(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Let the owner choose among the sources that are there."""
        if user_input is not None:
            return await self._async_choose(self._found[int(user_input[CONF_SOURCE])])
        self._found = await async_find(self.hass, dt_util.utcnow(), DOMAIN, self._side)
        if not self._found:
            return self._ask_entity({"base": "no_source_found"})
        return self.async_show_form(
            step_id="price_found",
            data_schema=probatio.Schema(
                {
                    probatio.Required(CONF_SOURCE, default="0"): SelectSelector(
                        SelectSelectorConfig(
                            options=[
                                SelectOptionDict(
                                    value=str(index), label=self._label(candidate)
                                )
                                for index, candidate in enumerate(self._found)
                            ],
                            mode=SelectSelectorMode.LIST,
                        )
                    )
                }
            ),
            last_step=False,
        )

    def _label(self, candidate: Candidate) -> str:
        """Return a source in one line: name, currency, step, and the present price."""
        reading = candidate.reading
        price = reading.series.at(dt_util.utcnow())
        parts = [
            candidate.title,
            "–" if price is None else f"{price:.4g} {self._unit(reading)}",
        ]
        if reading.step is not None:
            parts.append(_minutes(reading.step))
        return " · ".join(parts)

    async def async_step_price_entity(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Take an entity that the owner names."""
        if user_input is None:
            return self._ask_entity({})
        state = self.hass.states.get(user_input[CONF_ENTITY_ID])
        if state is not None:
            candidate = chosen_candidate(self.hass, state, dt_util.utcnow())
            if candidate.reading.failure is None:
                return await self._async_choose(candidate)
            if candidate.reading.failure is Failure.OTHER_UNIT:
                return self._ask_entity({CONF_ENTITY_ID: "other_unit"})
        return self._ask_entity({CONF_ENTITY_ID: "no_price"})

    def _ask_entity(self, errors: dict[str, str]) -> ConfigFlowResult:
        return self.async_show_form(
            step_id="price_entity",
            data_schema=probatio.Schema(
                {probatio.Required(CONF_ENTITY_ID): others_entity(self.hass, DOMAINS)}
            ),
            errors=errors,
            last_step=False,
        )

    async def _async_choose(self, candidate: Candidate) -> ConfigFlowResult:
        """Take a source over, with the fees that there were."""
        kept = {CONF_FEE, CONF_FEE_PERIODS, CONF_PERCENT}
        self._draft = {
            **{key: value for key, value in self._draft.items() if key in kept},
            **candidate.source.as_data(),
            CONF_TITLE: candidate.title,
            CONF_UNIT: UnitChoice.AUTO.value,
            CONF_REVERSED: False,
        }
        return await self.async_step_price_check()

    async def async_step_price_typed(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for a price that is always the same, or has its times."""
        typed = self._draft if self._draft.get(CONF_READER) == TYPED else {}
        errors: dict[str, str] = {}
        if user_input is not None and CONF_AMOUNT not in user_input:
            typed, errors = user_input, {CONF_AMOUNT: "price_missing"}
        elif user_input is not None:
            periods = user_input.get(CONF_PERIODS) or []
            self._draft = {
                **Source(reader=TYPED).as_data(),
                CONF_TITLE: f"{user_input[CONF_AMOUNT]:g} {self._unit(None)}"
                + (f" (+ {len(periods)})" if periods else ""),
                CONF_AMOUNT: user_input[CONF_AMOUNT],
                CONF_PERIODS: periods,
            }
            return await self.async_step_price_confirm()
        unit = self._unit(None)
        return self.async_show_form(
            step_id="price_typed",
            data_schema=probatio.Schema(
                {
                    # A required one would be 0 until another one is typed.
                    probatio.Optional(
                        CONF_AMOUNT, description=_suggested(typed.get(CONF_AMOUNT))
                    ): _amount_selector(unit),
                    probatio.Optional(
                        CONF_PERIODS, description=_suggested(typed.get(CONF_PERIODS))
                    ): _periods_selector(unit),
                }
            ),
            errors=errors,
            last_step=False,
        )

    async def async_step_price_none(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Do without this price."""
        options = dict(self.config_entry.options)
        options.pop(self._side, None)
        return self.async_create_entry(data=options)

    # How it is read, what comes on top, and whether that is right

    async def async_step_price_check(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Show the prices as they are read; another unit shows them again."""
        before = {key: self._draft[key] for key in user_input or {}}
        self._draft |= user_input or {}
        reading = await self._async_read()
        other = self._other_currency(reading)
        errors = {"base": "other_currency"} if other else {}
        if user_input is not None and user_input == before and not errors:
            return await self.async_step_price_fees()
        return self.async_show_form(
            step_id="price_check",
            data_schema=probatio.Schema(
                {
                    probatio.Required(
                        CONF_UNIT, default=self._draft[CONF_UNIT]
                    ): UNIT_SELECTOR,
                    probatio.Required(
                        CONF_REVERSED, default=self._draft[CONF_REVERSED]
                    ): BooleanSelector(),
                }
            ),
            errors=errors,
            description_placeholders={
                **self._preview(reading, reading.series),
                "currency": self._currency(reading),
                "other": other or "",
            },
            last_step=False,
        )

    async def async_step_price_fees(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for fees and taxes."""
        if user_input is not None:
            self._draft |= {CONF_FEE_PERIODS: [], **user_input}
            return await self.async_step_price_confirm()
        shown = self._draft
        unit = self._unit(await self._async_read())
        return self.async_show_form(
            step_id="price_fees",
            data_schema=probatio.Schema(
                {
                    probatio.Required(
                        CONF_FEE, default=shown.get(CONF_FEE, 0.0)
                    ): _amount_selector(unit),
                    probatio.Optional(
                        CONF_FEE_PERIODS,
                        description=_suggested(shown.get(CONF_FEE_PERIODS)),
                    ): _periods_selector(unit),
                    probatio.Required(
                        CONF_PERCENT, default=shown.get(CONF_PERCENT, 0.0)
                    ): _amount_selector("%"),
                }
            ),
            last_step=False,
        )

    async def async_step_price_confirm(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Show what it comes to, and keep it."""
        if user_input is not None:
            return self.async_create_entry(
                data={**self.config_entry.options, self._side.value: self._draft}
            )
        reading = await self._async_read()
        settings = PriceSettings.from_data(self._draft)
        zone = dt_util.get_default_time_zone()
        return self.async_show_form(
            step_id="price_confirm",
            data_schema=probatio.Schema({}),
            description_placeholders=self._preview(
                reading, settings.fees.applied(reading.series, zone)
            ),
        )

    async def _async_read(self) -> Reading:
        settings = PriceSettings.from_data(self._draft)
        return await async_read(self.hass, settings, dt_util.utcnow())

    def _unit(self, reading: Reading | None) -> str:
        return f"{self._currency(reading)}/kWh"

    def _currency(self, reading: Reading | None) -> str:
        """Return the currency that a source tells, else that of the home's prices."""
        if reading is not None and reading.currency is not None:
            return reading.currency
        prices = self._prices
        if prices is not None and self._side is Side.FEED_IN:
            return prices.price.currency
        return self.hass.config.currency

    @property
    def _prices(self) -> HomePrices | None:
        """Return what is known of both prices, None while nothing runs."""
        if self.config_entry.state is not ConfigEntryState.LOADED:
            return None
        prices: HomePrices = self.config_entry.runtime_data.prices
        return prices

    @property
    def _other_side(self) -> Side:
        return Side.FEED_IN if self._side is Side.PRICE else Side.PRICE

    def _other_currency(self, reading: Reading) -> str | None:
        """Return the currency of the other price where that is not this one's."""
        prices = self._prices
        if prices is None or prices.signal(self._other_side).reading is None:
            return None
        # A typed feed-in price follows the price; a typed price is the home's.
        other = (
            prices.feed_in.told_currency
            if self._side is Side.PRICE
            else prices.price.currency
        )
        differs = None not in {other, reading.currency} and other != reading.currency
        return other if differs else None

    def _preview(self, reading: Reading, series: Series) -> dict[str, str]:
        """Return the next 24 hours as text: in a few numbers, and hour by hour."""
        now = dt_util.utcnow()
        ahead = series.between(now, now + AHEAD)
        values = [item.value for item in ahead]
        end = series.end
        return {
            "source": str(self._draft[CONF_TITLE]),
            "unit": self._unit(reading),
            "lowest": _number(min(values, default=None)),
            "highest": _number(max(values, default=None)),
            "average": _number(ahead.mean(now, now + AHEAD)),
            "count": str(len(values)),
            "step": _minutes(reading.step) if reading.step else "–",
            "until": f"{dt_util.as_local(end):%Y-%m-%d %H:%M}" if end else "–",
            "left_out": str(sum(reading.problems.values())),
            "table": _table(ahead),
        }


def _suggested(value: Any) -> dict[str, Any]:
    return {"suggested_value": value}


def _number(value: float | None) -> str:
    # What is added makes no "-0.0000" of what is a little below 0.
    return "–" if value is None else f"{round(value, 4) + 0.0:.4f}"


def _minutes(step: timedelta) -> str:
    return f"{step.total_seconds() / 60:g} min"


def _table(series: Series) -> str:
    """Return the mean of each hour in two columns, as a table in Markdown."""
    hour = timedelta(hours=1)
    start = dt_util.utcnow().replace(minute=0, second=0, microsecond=0)
    cells: list[str] = []
    for index in range(int(AHEAD / hour)):
        begin = start + index * hour
        cells.append(
            f"{dt_util.as_local(begin):%H:%M} | "
            f"{_number(series.mean(begin, begin + hour))}"
        )
    half = len(cells) // 2
    rows = (
        f"| {left} | {right} |"
        for left, right in zip(cells[:half], cells[half:], strict=True)
    )
    return "\n".join(("| | | | |", "|---|---|---|---|", *rows))
