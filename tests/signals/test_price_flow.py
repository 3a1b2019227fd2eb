"""The options about prices, as an owner goes through them."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType, InvalidData
from homeassistant.helpers import entity_registry as er
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.ocpp_charging.signals.prices.signal import Status

from ..conftest import central_system, set_up
from ..flows import assert_texts, shown, suggested
from .conftest import Install

type Result = Mapping[str, Any]

OPTIONS = {"sample_interval": 30}


@pytest.fixture
async def entry(hass: HomeAssistant, unloads: None) -> MockConfigEntry:
    return await set_up(hass, central_system(options=OPTIONS))


async def start(
    hass: HomeAssistant, entry: MockConfigEntry, side: str = "price"
) -> Result:
    result: Result = await hass.config_entries.options.async_init(entry.entry_id)
    assert "prices" in result["menu_options"]
    result = await go(hass, result, "prices")
    assert result["menu_options"] == ["price", "feed_in_price"]
    return await go(hass, result, side)


async def go(hass: HomeAssistant, result: Result, step: str) -> Result:
    return await answer(hass, result, {"next_step_id": step})


async def answer(hass: HomeAssistant, result: Result, user_input: Any) -> Result:
    result = await hass.config_entries.options.async_configure(
        result["flow_id"], user_input
    )
    assert_texts(result, "options")
    await hass.async_block_till_done(wait_background_tasks=True)
    return result


def labels(result: Result) -> list[str]:
    options = result["data_schema"].schema["source"].config["options"]
    return [option["label"] for option in options]


NO_FEES = {"fee": 0.0, "percent": 0.0}
AS_READ = {"unit": "auto", "reversed": False}


async def test_a_source_that_was_found_is_shown_and_used(
    hass: HomeAssistant, entry: MockConfigEntry, install: Install
) -> None:
    _, expected = await install("nordpool")
    result = await go(hass, await start(hass, entry), "price_found")
    now = dt_util.utcnow()
    price = expected.series.at(now)
    assert labels(result) == [f"Nord Pool · FI · {price:.4g} EUR/kWh · 15 min"]
    result = await answer(hass, result, {"source": "0"})
    assert result["step_id"] == "price_check"
    assert shown(result, "unit") == "EUR/kWh"
    assert shown(result, "step") == "15 min"
    assert shown(result, "count") == "97"
    assert shown(result, "left_out") == "0"
    assert shown(result, "until") == "2026-11-22 01:00"
    assert shown(result, "table").count("\n") == 13
    assert "14:00" in shown(result, "table")
    result = await answer(hass, result, AS_READ)
    assert result["step_id"] == "price_fees"
    result = await answer(hass, result, {"fee": 0.1, "percent": 24.0})
    assert result["step_id"] == "price_confirm"
    result = await answer(hass, result, {})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    signal = entry.runtime_data.prices.price
    assert signal.status is Status.KNOWN
    assert price is not None
    assert signal.series.at(now) == pytest.approx((price + 0.1) * 1.24)
    assert entry.options["sample_interval"] == 30
    assert entry.options["price"]["title"] == "Nord Pool · FI"


async def test_another_unit_shows_the_prices_again(
    hass: HomeAssistant, entry: MockConfigEntry, install: Install
) -> None:
    await install("list_attribute")
    result = await go(hass, await start(hass, entry), "price_found")
    result = await answer(hass, result, {"source": "0"})
    before = float(shown(result, "highest"))
    other = {"unit": "hundredths_per_kwh", "reversed": True}
    result = await answer(hass, result, other)
    assert result["step_id"] == "price_check"
    assert float(shown(result, "lowest")) == pytest.approx(-before / 100, abs=1e-4)
    result = await answer(hass, result, other)
    assert result["step_id"] == "price_fees"


async def test_an_entity_can_be_named_when_nothing_was_found(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    hass.states.async_set("sensor.a", "warm")
    hass.states.async_set("sensor.b", "0.25")
    result = await go(hass, await start(hass, entry), "price_found")
    assert result["step_id"] == "price_entity"
    assert result["errors"] == {"base": "no_source_found"}
    for wrong in ("sensor.a", "sensor.none"):
        result = await answer(hass, result, {"entity_id": wrong})
        assert result["errors"] == {"entity_id": "no_price"}
    result = await answer(hass, result, {"entity_id": "sensor.b"})
    assert result["step_id"] == "price_check"
    assert shown(result, "average") == "0.2500"
    result = await answer(hass, result, AS_READ)
    result = await answer(hass, result, NO_FEES)
    result = await answer(hass, result, {})
    assert entry.runtime_data.prices.price.series.at(dt_util.utcnow()) == 0.25


@pytest.mark.parametrize(
    ("unit", "attributes"),
    [
        pytest.param("°C", {}, id="a temperature"),
        pytest.param("W", {}, id="a power"),
        pytest.param(
            "gCO2eq/kWh",
            {
                "forecast": [
                    {"datetime": f"2026-11-20T{hour:02}:00:00+01:00", "value": 200}
                    for hour in range(24)
                ]
            },
            id="CO2 with a forecast",
        ),
        pytest.param("EUR", {"device_class": "monetary"}, id="a bill"),
    ],
)
async def test_what_measures_something_else_is_not_offered_and_refused(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
    unit: str,
    attributes: dict[str, Any],
) -> None:
    freezer.move_to("2026-11-20T08:07:00+00:00")
    values = {"unit_of_measurement": unit, **attributes}
    hass.states.async_set("sensor.other", "12.3", values)
    result = await go(hass, await start(hass, entry), "price_found")
    assert result["errors"] == {"base": "no_source_found"}
    result = await answer(hass, result, {"entity_id": "sensor.other"})
    assert result["errors"] == {"entity_id": "other_unit"}


async def test_what_comes_of_a_price_cannot_be_its_source(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    """It would grow by its fees with every reading."""
    made = er.async_get(hass).async_get_or_create(
        "sensor", "ocpp_charging", "price_of_now", config_entry=entry
    )
    hass.states.async_set(made.entity_id, "0.25", {"unit_of_measurement": "EUR/kWh"})
    result = await go(hass, await start(hass, entry), "price_entity")
    with pytest.raises(InvalidData):
        await answer(hass, result, {"entity_id": made.entity_id})


async def test_an_entity_is_asked_for_without_a_word_when_chosen_so(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    result = await go(hass, await start(hass, entry), "price_entity")
    assert result["step_id"] == "price_entity"
    assert result["errors"] == {}


async def test_a_tariff_can_be_typed(
    hass: HomeAssistant, entry: MockConfigEntry, freezer: FrozenDateTimeFactory
) -> None:
    await hass.config.async_update(time_zone="Europe/Berlin", currency="EUR")
    freezer.move_to("2026-11-20 13:07:00+00:00")
    result = await go(hass, await start(hass, entry), "price_typed")
    night = {"days": [], "start": "22:00:00", "end": "06:00:00", "amount": 0.2}
    result = await answer(hass, result, {"amount": 0.3, "periods": [night]})
    assert result["step_id"] == "price_confirm"
    assert shown(result, "source") == "0.3 EUR/kWh (+ 1)"
    assert shown(result, "lowest") == "0.2000"
    assert shown(result, "highest") == "0.3000"
    assert shown(result, "step") == "–"
    result = await answer(hass, result, {})
    series = entry.runtime_data.prices.price.series
    assert series.at(dt_util.parse_datetime("2026-11-20T23:00:00+01:00")) == 0.2
    assert series.at(dt_util.utcnow()) == 0.3
    # Typing it again begins with what was typed.
    result = await go(hass, await start(hass, entry), "price_typed")
    assert suggested(result, "periods") == [night]
    result = await answer(hass, result, {"amount": 0.28})
    result = await answer(hass, result, {})
    assert [item.value for item in entry.runtime_data.prices.price.series] == [0.28]


async def test_no_price_is_taken_for_one_that_was_not_typed(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    """Of a required number the form would show the least, and that would be taken."""
    result = await go(hass, await start(hass, entry), "price_typed")
    night = {"days": [], "start": "22:00:00", "end": "06:00:00", "amount": 0.2}
    result = await answer(hass, result, {"periods": [night]})
    assert result["errors"] == {"amount": "price_missing"}
    assert suggested(result, "periods") == [night]
    result = await answer(hass, result, {"amount": 0, "periods": [night]})
    assert shown(result, "highest") == "0.2000"


async def test_fees_can_be_changed_alone(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    await typed(hass, entry, 0.3)
    result = await start(hass, entry)
    assert shown(result, "source") == "0.3 EUR/kWh"
    result = await go(hass, result, "price_fees")
    fee = {"start": "00:00:00", "end": "00:00:00", "amount": 0.1}
    result = await answer(
        hass, result, {"fee": 0.1, "percent": 10, "fee_periods": [fee]}
    )
    result = await answer(hass, result, {})
    series = entry.runtime_data.prices.price.series
    assert series.at(dt_util.utcnow()) == pytest.approx(0.55)
    # Emptied again.
    result = await go(hass, await start(hass, entry), "price_fees")
    assert suggested(result, "fee_periods") == [fee]
    result = await answer(hass, result, NO_FEES)
    result = await answer(hass, result, {})
    series = entry.runtime_data.prices.price.series
    assert series.at(dt_util.utcnow()) == pytest.approx(0.3)


async def typed(
    hass: HomeAssistant, entry: MockConfigEntry, amount: float, side: str = "price"
) -> None:
    result = await go(hass, await start(hass, entry, side), "price_typed")
    result = await answer(hass, result, {"amount": amount})
    result = await answer(hass, result, {})
    assert result["type"] is FlowResultType.CREATE_ENTRY


@pytest.mark.parametrize("zone", ["America/Los_Angeles", "Pacific/Auckland"])
@pytest.mark.parametrize("hour", [0, 9, 14, 23])
async def test_a_typed_price_holds_at_every_hour_of_the_day_here(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
    zone: str,
    hour: int,
) -> None:
    await hass.config.async_set_time_zone(zone)
    freezer.move_to(f"2026-11-23T{hour:02}:30:00+00:00")
    await typed(hass, entry, 0.3)
    assert entry.runtime_data.prices.price.series.at(dt_util.utcnow()) == 0.3


@pytest.mark.parametrize(
    ("zone", "midnight", "twice"),
    [
        pytest.param("Europe/Berlin", "2026-03-29", "00:00", id="Berlin-spring"),
        pytest.param("Europe/Berlin", "2026-10-25", "02:00", id="Berlin-autumn"),
        pytest.param("America/Los_Angeles", "2026-03-08", "00:00", id="LA-spring"),
        pytest.param("America/Los_Angeles", "2026-11-01", "01:00", id="LA-autumn"),
        pytest.param("Australia/Sydney", "2026-10-04", "00:00", id="Sydney-spring"),
        pytest.param("Australia/Sydney", "2026-04-05", "02:00", id="Sydney-autumn"),
    ],
)
async def test_the_table_is_right_hour_by_hour_when_the_clocks_change(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
    zone: str,
    midnight: str,
    twice: str,
) -> None:
    await hass.config.async_set_time_zone(zone)
    begins = datetime.fromisoformat(midnight).replace(tzinfo=ZoneInfo(zone))
    freezer.move_to(begins + timedelta(minutes=30))
    hours = [begins.astimezone(UTC) + timedelta(hours=index) for index in range(24)]
    prices = [
        {"start": hour.astimezone(ZoneInfo(zone)).isoformat(), "price": index / 100}
        for index, hour in enumerate(hours)
    ]
    values = {"unit_of_measurement": "EUR/kWh", "prices": prices}
    hass.states.async_set("sensor.mine", "0.1", values)
    result = await go(hass, await start(hass, entry), "price_entity")
    result = await answer(hass, result, {"entity_id": "sensor.mine"})
    cells = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in shown(result, "table").splitlines()[2:]
    ]
    told = [(row[column], row[column + 1]) for column in (0, 2) for row in cells]
    assert told == [
        (f"{hour.astimezone(ZoneInfo(zone)):%H:%M}", f"{index / 100:.4f}")
        for index, hour in enumerate(hours)
    ]
    labels_told = [label for label, _ in told]
    # In spring the table reaches the midnight after.
    assert {each for each in labels_told if labels_told.count(each) == 2} == {twice}
    assert ("02:00" in labels_told) is (twice != "00:00")


async def test_fees_stay_when_another_source_is_chosen(
    hass: HomeAssistant, entry: MockConfigEntry, install: Install
) -> None:
    await install("list_attribute")
    result = await go(hass, await start(hass, entry), "price_found")
    result = await answer(hass, result, {"source": "0"})
    result = await answer(hass, result, AS_READ)
    result = await answer(hass, result, {"fee": 0.1, "percent": 7})
    await answer(hass, result, {})
    result = await go(hass, await start(hass, entry), "price_found")
    result = await answer(hass, result, {"source": "0"})
    result = await answer(hass, result, AS_READ)
    assert suggested(result, "fee") == 0.1
    assert suggested(result, "percent") == 7


async def test_what_is_fed_in_has_a_price_of_its_own_and_both_can_be_taken_away(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    await typed(hass, entry, 0.3)
    await typed(hass, entry, 0.08, "feed_in_price")
    prices = entry.runtime_data.prices
    assert prices.price.series.at(dt_util.utcnow()) == 0.3
    assert prices.feed_in.series.at(dt_util.utcnow()) == 0.08
    for side in ("feed_in_price", "price"):
        result = await go(hass, await start(hass, entry, side), "price_none")
        assert result["type"] is FlowResultType.CREATE_ENTRY
    assert dict(entry.options) == OPTIONS
    assert prices.price.status is Status.NOT_SET


def present_price(hass: HomeAssistant, name: str, unit: str) -> dict[str, str]:
    """Return the options of a sensor that has the price of just now."""
    hass.states.async_set(f"sensor.{name}", "0.5", {"unit_of_measurement": unit})
    return {"reader": "present_value", "target": f"sensor.{name}", "title": name}


async def take_over(
    hass: HomeAssistant, entry: MockConfigEntry, **options: Any
) -> None:
    hass.config_entries.async_update_entry(entry, options={**OPTIONS, **options})
    await hass.async_block_till_done(wait_background_tasks=True)


async def test_a_typed_feed_in_price_is_in_the_currency_of_the_price(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    await take_over(hass, entry, price=present_price(hass, "mine", "SEK/kWh"))
    result = await go(hass, await start(hass, entry, "feed_in_price"), "price_typed")
    result = await answer(hass, result, {"amount": 0.6})
    assert shown(result, "unit") == "SEK/kWh"
    await answer(hass, result, {})
    prices = entry.runtime_data.prices
    assert prices.feed_in.currency == "SEK"
    assert prices.comparable_feed_in.at(dt_util.utcnow()) == 0.6


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param("price", "feed_in_price", id="feed-in after the price"),
        pytest.param("feed_in_price", "price", id="the price after feed-in"),
    ],
)
async def test_both_prices_must_be_in_one_currency(
    hass: HomeAssistant, entry: MockConfigEntry, first: str, second: str
) -> None:
    options = {first: present_price(hass, "mine", "SEK/kWh")}
    await take_over(hass, entry, **options)
    present_price(hass, "other", "EUR/kWh")
    result = await go(hass, await start(hass, entry, second), "price_entity")
    result = await answer(hass, result, {"entity_id": "sensor.other"})
    for _ in range(2):
        assert result["step_id"] == "price_check"
        assert result["errors"] == {"base": "other_currency"}
        assert shown(result, "currency") == "EUR"
        assert shown(result, "other") == "SEK"
        result = await answer(hass, result, AS_READ)
    result = await go(hass, await start(hass, entry, first), "price_none")
    result = await go(hass, await start(hass, entry, second), "price_entity")
    result = await answer(hass, result, {"entity_id": "sensor.other"})
    assert not result["errors"]


async def test_a_typed_price_is_in_the_currency_of_the_home(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    await typed(hass, entry, 0.3)
    present_price(hass, "other", "SEK/kWh")
    result = await go(hass, await start(hass, entry, "feed_in_price"), "price_entity")
    result = await answer(hass, result, {"entity_id": "sensor.other"})
    assert result["errors"] == {"base": "other_currency"}
    assert shown(result, "other") == "EUR"


async def test_a_central_system_that_does_not_run_can_be_set_up_all_the_same(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    assert await hass.config_entries.async_unload(entry.entry_id)
    present_price(hass, "mine", "SEK/kWh")
    result = await go(hass, await start(hass, entry, "feed_in_price"), "price_entity")
    result = await answer(hass, result, {"entity_id": "sensor.mine"})
    assert not result["errors"]
    assert shown(result, "unit") == "SEK/kWh"
    result = await go(hass, await start(hass, entry, "feed_in_price"), "price_typed")
    result = await answer(hass, result, {"amount": 0.6})
    assert shown(result, "unit") == "EUR/kWh"


async def test_a_feed_in_price_in_another_currency_does_not_count(
    hass: HomeAssistant, entry: MockConfigEntry, caplog: pytest.LogCaptureFixture
) -> None:
    price = present_price(hass, "mine", "SEK/kWh")
    feed_in = present_price(hass, "other", "SEK/kWh")
    await take_over(hass, entry, price=price, feed_in_price=feed_in)
    board = entry.runtime_data.board
    assert board.signals.feed_in.at(dt_util.utcnow()) == 0.5
    present_price(hass, "other", "EUR/kWh")
    await hass.async_block_till_done(wait_background_tasks=True)
    assert not board.signals.feed_in
    assert not board.signals.feed_in
    assert caplog.text.count("in EUR and the other one in SEK") == 1


async def test_a_little_below_nothing_is_shown_without_a_sign(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    present_price(hass, "mine", "EUR/kWh")
    hass.states.async_set("sensor.mine", "-0.00001", {"unit_of_measurement": "EUR/kWh"})
    result = await go(hass, await start(hass, entry), "price_entity")
    result = await answer(hass, result, {"entity_id": "sensor.mine"})
    assert shown(result, "lowest") == "0.0000"


async def test_without_a_price_there_is_nothing_to_change_or_take_away(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    result = await start(hass, entry)
    assert result["menu_options"] == ["price_found", "price_entity", "price_typed"]
    assert shown(result, "source") == "–"


async def test_a_source_that_fails_when_it_is_shown_again_shows_nothing(
    hass: HomeAssistant, entry: MockConfigEntry, install: Install
) -> None:
    await install("list_attribute")
    result = await go(hass, await start(hass, entry), "price_found")
    result = await answer(hass, result, {"source": "0"})
    hass.states.async_remove("sensor.my_prices")
    result = await answer(hass, result, {"unit": "main_per_mwh", "reversed": False})
    assert result["step_id"] == "price_check"
    assert shown(result, "lowest") == "–"
    assert shown(result, "until") == "–"


async def test_the_central_system_is_not_reloaded(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    hub = entry.runtime_data
    await typed(hass, entry, 0.3)
    assert entry.runtime_data is hub
