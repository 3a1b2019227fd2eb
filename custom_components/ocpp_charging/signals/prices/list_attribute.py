"""Any other entity with a list of prices: most names and shapes are understood."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final

from ..told import Point, Problem, Told, moment, number, points
from ..units import Unit, may_be_price, parse_unit
from .reader import AttributeReader, Layers, Look

PAIRS: Final = (
    ("prices_today", "prices_tomorrow"),
    ("raw_today", "raw_tomorrow"),
    ("today_interval_prices", "tomorrow_interval_prices"),
    ("price_today", "price_tomorrow"),
    ("today_prices", "tomorrow_prices"),
    ("rates_today", "rates_tomorrow"),
    ("today_hours", "tomorrow_hours"),
    ("today", "tomorrow"),
)
LISTS: Final = (
    "prices",
    "data",
    "rates",
    "all_rates",
    "price_data",
    "forecast",
    "forecasts",
    "tariffs",
    "schedule",
    "values",
    "records",
)
STARTS: Final = (
    *("start", "start_time", "time", "hour", "datetime", "timestamp", "from"),
    *("startsAt", "starts_at", "start_timestamp", "valid_from", "period_start"),
    *("startTime", "date_time", "readingDate", "date", "timeStamp", "epochtime"),
)
ENDS: Final = (
    *("end", "end_time", "to", "till", "until", "endsAt", "ends_at"),
    *("end_timestamp", "valid_to", "period_end", "endTime"),
)
VALUES: Final = (
    *("price", "value", "total", "price_per_kwh", "per_kwh", "value_inc_vat"),
    *("electricity_price", "total_price", "price_incl_vat", "import_price"),
    *("price_eur_per_kwh", "rate", "cost", "tariff", "buy_price"),
)
SCALED: Final[Mapping[str, Unit]] = {
    "price_ct_per_kwh": Unit(factor=0.01),
    "price_cents": Unit(factor=0.01),
    "price_eur_per_mwh": Unit(factor=1 / 1000, currency="EUR"),
    "price_per_mwh": Unit(factor=1 / 1000),
    "marketprice": Unit(factor=1 / 1000),
}
"""Keys whose name, or whose known user, tells the unit."""
_NOT_MONEY: Final = frozenset({"value", "total", "rate"})
"""Keys that may be of anything: a price only where the unit does not say otherwise."""
_STEPS: Final = frozenset(timedelta(minutes=minutes) for minutes in (5, 15, 30, 60))


def read(looks: Sequence[Look]) -> Layers:
    """Return today's and tomorrow's lists, or else the one list that there is."""
    look = looks[0]
    for names in PAIRS:
        layers = [
            told
            for days, name in enumerate(names)
            if (told := _read(look, name, days)).points
        ]
        if layers:
            return layers
    for name in (*LISTS, *look.attributes):
        if (told := _read(look, name)).points:
            return [told]
    return []


def recognise(look: Look) -> bool:
    """Say whether there is a list of what is called a price, or a table of them."""
    keys = {*VALUES, *SCALED}
    unit = look.attributes.get("unit_of_measurement")
    if not may_be_price(unit):
        if "/" in str(unit):
            # A price of gas, or CO2: whatever is in the list is of the same kind.
            return False
        keys -= _NOT_MONEY
    return any(
        any(key in items[0] for key in keys) and any(key in items[0] for key in STARTS)
        for items in _lists(look)
    ) or (parse_unit(unit) is not None and any(_tables(look)))


def _tables(look: Look) -> Iterator[bool]:
    """Yield of each table whether it is one from times to numbers."""
    for table in look.attributes.values():
        if isinstance(table, Mapping) and len(table) > 1:
            time, value = next(iter(table.items()))
            known = isinstance(time, str | datetime)
            yield known and None not in {moment(time, look.zone, set()), number(value)}


def _lists(look: Look) -> Iterator[Sequence[Mapping[str, Any]]]:
    for items in look.attributes.values():
        if isinstance(items, list | tuple):
            told = [item for item in items if isinstance(item, Mapping)]
            if len(told) > 1:
                yield told


def _read(look: Look, name: str, days: int | None = None) -> Told:
    """Return the points of one attribute; `days` from today where that is known."""
    items = look.attributes.get(name)
    if isinstance(items, Mapping):
        # From time to price.
        items = [{"time": key, "price": value} for key, value in items.items()]
    if not isinstance(items, list | tuple):
        return Told()
    first = next((item for item in items if item is not None), None)
    if isinstance(first, list | tuple):
        items = [
            dict(zip(("time", "price"), pair, strict=False))
            for pair in items
            if isinstance(pair, list | tuple)
        ]
        first = items[0]
    if not isinstance(first, Mapping):
        if days is None or first is None:
            return Told()
        return _numbers(look, items, days)
    scaled = next((key for key in SCALED if key in first), None)
    told = points(
        items,
        look.zone,
        start=STARTS,
        end=ENDS,
        value=(scaled,) if scaled else (*VALUES, *_only_number(first)),
    )
    return told.in_unit(SCALED[scaled]) if scaled else told


def _only_number(item: Mapping[str, Any]) -> list[str]:
    """Return the one key that holds a number, where the others are times."""
    keys = [
        key
        for key, value in item.items()
        if key not in {*STARTS, *ENDS} and number(value) is not None
    ]
    return keys if len(keys) == 1 else []


def _numbers(look: Look, items: Sequence[Any], days: int) -> Told:
    """Return the points of bare numbers that fill a local day of 23 to 25 hours."""
    day = look.day + timedelta(days=days)
    start, end = (
        datetime.combine(when, time(), look.zone).astimezone(UTC)
        for when in (day, day + timedelta(days=1))
    )
    step = (end - start) / len(items)
    if step not in _STEPS:
        return Told(problems={Problem.NO_POINT: 1})
    prices = [number(item) for item in items]
    missing = sum(1 for price in prices if price is None)
    return Told(
        points=tuple(
            Point(
                start=start + index * step, end=start + (index + 1) * step, value=price
            )
            for index, price in enumerate(prices)
            if price is not None
        ),
        problems={Problem.NO_VALUE: missing} if missing else {},
    )


READER = AttributeReader(
    key="list_attribute", name="List of prices", recognise=recognise, read=read
)
