"""What a session cost: worked out exactly, whatever the intervals, and kept."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given, settings, strategies as st
import pytest

from custom_components.ocpp_charging.ledger import (
    Ledger,
    Rates,
    Session,
    SessionFilter,
    Stretch,
)
from custom_components.ocpp_charging.ledger.settling import Settled, settlement

from .books import BEGIN, opened, register, start, stop

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
NOTHING = Rates()


def after(minutes: float) -> datetime:
    return BEGIN + timedelta(minutes=minutes)


def stretch(begin: float, end: float, value: float) -> Stretch:
    return Stretch(begins=after(begin), ends=after(end), value=value)


def hours(*values: float) -> list[Stretch]:
    """Return one value an hour, from an hour before the session on."""
    return [
        stretch(place * 60 - 60, place * 60, value)
        for place, value in enumerate(values)
    ]


def cost(rows: Sequence[Settled]) -> float:
    return sum(row.cost or 0 for row in rows)


def test_energy_is_split_where_a_reading_crosses_the_edge_of_a_price() -> None:
    rows = settlement(
        [(after(0), 0), (after(120), 8000)],
        after(0),
        after(120),
        Rates(price=hours(9, 0.2, 0.4, 9), currency="EUR"),
        NOTHING,
    )
    assert [(row.begins_at, row.energy_wh, row.cost) for row in rows] == [
        (after(0), 4000, 0.8),
        (after(60), 4000, 1.6),
    ]


def test_the_sun_costs_what_it_would_have_earned_and_emits_nothing() -> None:
    (row,) = settlement(
        [(after(0), 0), (after(60), 10_000)],
        after(0),
        after(60),
        Rates(
            price=hours(0.3, 0.3),
            feed_in=hours(0.1, 0.1),
            co2=hours(500, 500),
            solar_share=hours(0.75, 0.75),
        ),
        NOTHING,
    )
    assert (row.solar_wh, row.cost, row.co2_g) == (7500, 1.5, 1250)


def test_where_nothing_is_known_nothing_is_made_up() -> None:
    rows = settlement(
        [(after(0), 0), (after(120), 8000)],
        after(0),
        after(120),
        Rates(price=[stretch(0, 60, 0.2)], currency="EUR"),
        NOTHING,
    )
    assert [(row.cost, row.known.currency) for row in rows] == [
        (0.8, "EUR"),
        (None, None),
    ]
    assert {(row.co2_g, row.solar_wh) for row in rows} == {(None, None)}


def test_a_price_that_was_kept_stays_and_a_gap_in_it_is_filled() -> None:
    rows = settlement(
        [(after(0), 0), (after(120), 8000)],
        after(0),
        after(120),
        Rates(price=hours(9, 9, 0.4), currency="EUR"),
        Rates(price=[stretch(0, 60, 0.2)], currency="EUR"),
    )
    assert [row.cost for row in rows] == [0.8, 1.6]


def test_a_share_of_the_sun_that_is_known_better_counts() -> None:
    (row,) = settlement(
        [(after(0), 0), (after(60), 1000)],
        after(0),
        after(60),
        Rates(solar_share=hours(0, 0.5)),
        Rates(solar_share=[stretch(0, 60, 0.9)]),
    )
    assert row.solar_wh == 500


def test_a_session_without_length_is_settled_too() -> None:
    rows = settlement(
        [(after(0), 0), (after(0), 1000)],
        after(0),
        after(0),
        Rates(price=hours(9, 0.2)),
        NOTHING,
    )
    assert [(row.energy_wh, row.cost) for row in rows] == [(1000, 0.2)]


_values = st.none() | st.sampled_from((-0.1, 0.0, 0.1, 0.25, 1.0))


@st.composite
def lines(draw: st.DrawFn) -> list[Stretch]:
    """Return a value over time, with gaps, that may begin and end anywhere."""
    edges = sorted(draw(st.sets(st.integers(-90, 400), min_size=2, max_size=12)))
    found = []
    for begin, end in pairwise(edges):
        if (value := draw(_values)) is not None:
            found.append(stretch(begin, end, value))
    return found


@st.composite
def paths(draw: st.DrawFn) -> list[tuple[datetime, int]]:
    """Return readings of a session, which may come before and after it, too."""
    times = sorted(draw(st.lists(st.integers(-30, 330), min_size=1, max_size=15)))
    taken = 0
    found = []
    for minute in times:
        taken += draw(st.integers(0, 3000))
        found.append((after(minute), taken))
    return found


_rates = st.builds(
    Rates, price=lines(), feed_in=lines(), co2=lines(), solar_share=lines()
)


def cut(line: Sequence[Stretch], at: Sequence[int]) -> list[Stretch]:
    """Return the same values in more pieces."""
    found = list(line)
    for minute in at:
        moment = after(minute)
        found = [
            piece
            for each in found
            for piece in (
                (
                    Stretch(begins=each.begins, ends=moment, value=each.value),
                    Stretch(begins=moment, ends=each.ends, value=each.value),
                )
                if each.begins < moment < each.ends
                else (each,)
            )
        ]
    return found


@given(path=paths(), length=st.integers(0, 300), rates=_rates, kept=_rates)
def test_the_energies_of_the_rows_add_up_to_that_of_the_session(
    path: list[tuple[datetime, int]], length: int, rates: Rates, kept: Rates
) -> None:
    rows = settlement(path, after(0), after(length), rates, kept)
    assert sum(row.energy_wh for row in rows) == path[-1][1]
    assert all(row.energy_wh >= 0 for row in rows)
    assert (rows[0].begins_at, rows[-1].ends_at) == (after(0), after(length))
    assert all(one.ends_at == other.begins_at for one, other in pairwise(rows))


@given(
    path=paths(),
    length=st.integers(0, 300),
    rates=_rates,
    at=st.lists(st.integers(-30, 330), max_size=5),
)
def test_splitting_the_intervals_changes_nothing(
    path: list[tuple[datetime, int]], length: int, rates: Rates, at: list[int]
) -> None:
    finer = Rates(
        price=cut(rates.price, at),
        feed_in=cut(rates.feed_in, at),
        co2=cut(rates.co2, at),
        solar_share=cut(rates.solar_share, at),
    )
    whole = settlement(path, after(0), after(length), rates, NOTHING)
    assert settlement(path, after(0), after(length), finer, NOTHING) == whole


@given(first=st.integers(1, 299), wh=st.integers(0, 50_000), rates=_rates)
def test_a_price_splits_a_session_and_not_what_it_costs(
    first: int, wh: int, rates: Rates
) -> None:
    """What is known of each piece is known of the whole, up to the last Wh."""
    path = [(after(0), 0), (after(300), wh)]
    price = [stretch(0, first, 0.25), stretch(first, 300, 0.25)]
    rows = settlement(path, after(0), after(300), Rates(price=price), NOTHING)
    assert len(rows) == 1
    assert cost(rows) == pytest.approx(wh / 4000)


# In the database


async def the_session(ledger: Ledger) -> Session:
    (found,) = await ledger.sessions()
    return found


PRICES = Rates(price=hours(0.2, 0.2, 0.4), co2=hours(300, 300, 100), currency="EUR")


async def test_a_session_is_settled_while_it_runs_at_its_end_and_after_corrections(
    any_ledger: Ledger,
) -> None:
    ledger = any_ledger
    number = await ledger.open_transaction(start())
    ledger.record_registers([register(30, 3000, number)])
    assert [each.transaction_id for each in await ledger.due(LONG_AGO)] == [number]
    assert await ledger.settle(number, PRICES)
    running = await the_session(ledger)
    assert (running.cost.amount, running.cost.currency) == (0.4, "EUR")
    assert (running.energy_wh, running.unpriced_wh, running.cost.co2_g) == (
        2000,
        0,
        600,
    )

    # The end, and a price that is not known any more: what was settled stays.
    await ledger.close_transaction(stop(number, 90))
    late = Rates(price=[stretch(60, 120, 0.4)], currency="EUR")
    assert await ledger.settle(number, late)
    ended = await the_session(ledger)
    # 2 kWh at 0.20; of the 5 kWh of the hour after, half are of an unknown price.
    assert ended.cost.amount == pytest.approx(0.4 + 1.0)
    assert (ended.energy_wh, ended.unpriced_wh) == (7000, 2500)
    assert await ledger.due(LONG_AGO) == []
    assert not await ledger.settle(number, late)

    # It becomes known.
    (due,) = await ledger.due(LONG_AGO, incomplete=True)
    assert (due.transaction_id, due.charger, due.connector) == (number, "CP1", 1)
    assert await ledger.settle(number, PRICES)
    known = await the_session(ledger)
    assert known.cost.amount == pytest.approx(0.4 + 0.5 + 1.0)
    assert known.unpriced_wh == 0
    assert await ledger.due(LONG_AGO, incomplete=True) == []

    # A reading that comes late moves energy to the dearer hour.
    ledger.record_registers([register(60, 3000, number)])
    await ledger.flush()
    assert [each.transaction_id for each in await ledger.due(LONG_AGO)] == [number]
    assert await ledger.settle(number, NOTHING)
    corrected = await the_session(ledger)
    assert corrected.cost.amount == pytest.approx(0.4 + 2.0)


async def test_what_a_session_cost_is_added_up(any_ledger: Ledger) -> None:
    ledger = any_ledger
    for place, connector in enumerate((1, 1, 2)):
        number = await ledger.open_transaction(
            start(place, connector=connector, id_tag=f"T{place}")
        )
        await ledger.close_transaction(stop(number, 30, id_tag=f"T{place}"))
        await ledger.settle(number, PRICES if place else NOTHING)
    running = await ledger.open_transaction(start(120, connector=2))
    ledger.record_registers([register(125, 1500, running, connector=2)])
    await ledger.flush()
    totals = await ledger.totals()
    assert totals.energy_wh == 21_500
    assert totals.cost.amount == pytest.approx(2.8)
    assert (totals.cost.currency, totals.cost.co2_g) == ("EUR", 4200)
    assert totals.unpriced_wh == 7000
    only = await ledger.totals(SessionFilter(connector=2, limit=1))
    assert only.cost.amount == pytest.approx(1.4)
    per_connector = await ledger.cost_of_connectors(frozenset({"CP1"}))
    assert {key: each.amount for key, each in per_connector.items()} == {
        ("CP1", 1): pytest.approx(1.4),
        ("CP1", 2): pytest.approx(1.4),
    }
    assert await ledger.cost_of_connectors(frozenset()) == {}


async def test_what_is_in_two_currencies_has_no_sum(ledger: Ledger) -> None:
    for place, currency in enumerate(("EUR", "DKK")):
        number = await ledger.open_transaction(start(place * 60))
        await ledger.close_transaction(stop(number, place * 60 + 30))
        prices = Rates(price=hours(1, 1, 1), currency=currency)
        await ledger.settle(number, prices)
    totals = await ledger.totals()
    assert (totals.cost.amount, totals.cost.currency) == (None, None)
    assert [each.cost.amount for each in await ledger.sessions()] == [7, 7]


async def test_a_session_of_long_ago_that_was_never_settled_is_let_be(
    ledger: Ledger,
) -> None:
    number = await ledger.open_transaction(start())
    await ledger.close_transaction(stop(number))
    assert await ledger.due(after(90)) == []
    assert len(await ledger.due(after(30))) == 1
    (session,) = await ledger.sessions()
    assert session.cost.amount is None
    assert session.unpriced_wh == 7000


async def test_a_settlement_goes_with_its_charger_and_one_that_is_gone_is_passed_over(
    any_ledger: Ledger,
) -> None:
    ledger = any_ledger
    number = await ledger.open_transaction(start())
    await ledger.close_transaction(stop(number))
    await ledger.settle(number, PRICES)
    await ledger.forget("CP1", history=True)
    assert not await ledger.settle(number, PRICES)
    assert await ledger.cost_of_connectors() == {}


async def test_an_end_whose_beginning_nobody_knows_is_not_settled(
    ledger: Ledger,
) -> None:
    orphan = (await ledger.close_transaction(stop(77))).id
    assert not await ledger.settle(orphan, PRICES)
    assert await ledger.due(LONG_AGO) == []


@settings(max_examples=20)
@given(
    readings=st.lists(st.tuples(st.integers(0, 119), st.integers(0, 9000)), max_size=8),
    stopped=st.integers(1000, 9000),
    rates=_rates,
)
async def test_the_rows_of_a_filed_session_add_up_to_what_it_took(
    tmp_path_factory: pytest.TempPathFactory,
    readings: list[tuple[int, int]],
    stopped: int,
    rates: Rates,
) -> None:
    folder = tmp_path_factory.mktemp("books")
    ledger = await opened(f"sqlite:///{folder / 'ledger.db'}")
    try:
        number = await ledger.open_transaction(start())
        ledger.record_registers(
            [register(minute, wh, number) for minute, wh in readings]
        )
        await ledger.flush()
        await ledger.settle(number, rates)
        (running,) = await ledger.sessions()
        assert running.cost.settled_wh == (running.energy_wh or 0)
        await ledger.close_transaction(stop(number, 120, meter_stop_wh=stopped))
        await ledger.settle(number, rates)
        (ended,) = await ledger.sessions()
        assert ended.cost.settled_wh == (ended.energy_wh or 0)
    finally:
        await ledger.close()
