"""Events that two sensors tell: Axle's, Hydro-Québec's, Electric Kiwi's free hour."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
import pytest

from custom_components.ocpp_charging.charging.series import Interval, Series
from custom_components.ocpp_charging.signals.demand.asked import Asked
from custom_components.ocpp_charging.signals.demand.found import find
from custom_components.ocpp_charging.signals.demand.reading import (
    DemandKnown,
    async_read,
)
from custom_components.ocpp_charging.signals.demand.settings import (
    DemandSettings,
    DemandSource,
)
from custom_components.ocpp_charging.signals.keeper import Lack

from .fixtures.world import entity, entry_of

ZONE = ZoneInfo("America/Montreal")
NOW = datetime(2026, 12, 8, 14, 7, tzinfo=ZONE)
START = NOW.replace(hour=16, minute=0)
END = NOW.replace(hour=20, minute=0)
TIMESTAMP = {"device_class": "timestamp"}


@pytest.fixture(autouse=True)
async def home(hass: HomeAssistant, freezer: FrozenDateTimeFactory) -> None:
    await hass.config.async_update(time_zone="America/Montreal")
    freezer.move_to(NOW)


async def read(
    hass: HomeAssistant,
    source: DemandSource,
    *,
    before: DemandKnown | None = None,
    now: datetime = NOW,
) -> DemandKnown:
    settings = DemandSettings(sources=(source,))
    return await async_read(hass, settings, before or DemandKnown(), now)


def span(start: datetime, end: datetime, value: float) -> Series:
    return Series([Interval(start=start, end=end, value=value)])


async def hydro_quebec(
    hass: HomeAssistant, start: datetime | None = START, end: datetime | None = END
) -> str:
    """Put an offer of the core integration there, as its sensors tell an event."""
    entry = await entry_of(hass, "hydroquebec_peak", "Hydro-Québec")
    for key, value in (("event_begin", start), ("event_end", end)):
        entity(
            hass,
            f"sensor.cpc_d_{key}",
            "hydroquebec_peak",
            "unknown" if value is None else value.isoformat(),
            TIMESTAMP,
            unique_id=f"CPC-D_{key}",
            entry=entry,
        )
    return "sensor.cpc_d_event_begin"


async def axle(hass: HomeAssistant, direction: str) -> str:
    """Put an account of the core integration there, with an event."""
    entry = await entry_of(hass, "axle_energy", "Axle")
    for key, state, attributes in (
        ("import_export", direction, {"device_class": "enum"}),
        ("start", START.isoformat(), TIMESTAMP),
        ("end", END.isoformat(), TIMESTAMP),
    ):
        entity(
            hass,
            f"sensor.axle_energy_{key}",
            "axle_energy",
            state,
            attributes,
            unique_id=f"{entry.entry_id}_{key}",
            entry=entry,
        )
    return "sensor.axle_energy_start"


async def test_a_peak_event_is_known_before_it_begins(hass: HomeAssistant) -> None:
    source = DemandSource(
        entity_id=await hydro_quebec(hass), title="Peak", limit_w=0, extra_price=0.53
    )
    known = await read(hass, source)
    assert known.lack is None
    assert known.limit == span(START, END, 0)
    assert known.extra_price == span(START, END, 0.53)
    # Both are listened to.
    assert known.entity_ids == ("sensor.cpc_d_event_begin", "sensor.cpc_d_event_end")
    assert [each.title for each in known.asked] == ["Peak"]
    assert (await read(hass, source, now=END - timedelta(seconds=1))).limit
    assert not (await read(hass, source, now=END)).limit


async def test_when_no_event_is_told_nothing_is_asked(hass: HomeAssistant) -> None:
    source = DemandSource(entity_id=await hydro_quebec(hass, None, None), limit_w=0)
    known = await read(hass, source)
    assert not known.limit
    assert known.lack is None


async def test_the_beginning_of_one_event_and_the_end_of_another_are_none(
    hass: HomeAssistant,
) -> None:
    later = START + timedelta(days=1)
    source = DemandSource(entity_id=await hydro_quebec(hass, later), limit_w=0)
    known = await read(hass, source)
    assert not known.limit
    assert known.lack is None


async def test_the_end_is_found_under_whatever_name_the_owner_gave_it(
    hass: HomeAssistant,
) -> None:
    source = DemandSource(entity_id=await hydro_quebec(hass), limit_w=0)
    er.async_get(hass).async_update_entity(
        "sensor.cpc_d_event_end", new_entity_id="sensor.bis_wann"
    )
    hass.states.async_set("sensor.bis_wann", END.isoformat(), TIMESTAMP)
    known = await read(hass, source)
    assert known.limit == span(START, END, 0)
    assert known.entity_ids[1] == "sensor.bis_wann"


async def test_the_end_of_another_account_is_not_taken(hass: HomeAssistant) -> None:
    entry = await entry_of(hass, "hydroquebec_peak", "Other")
    source = DemandSource(entity_id=await hydro_quebec(hass), limit_w=0)
    er.async_get(hass).async_update_entity(
        "sensor.cpc_d_event_end", new_unique_id="else_event_end"
    )
    entity(
        hass,
        "sensor.other_end",
        "hydroquebec_peak",
        END.isoformat(),
        TIMESTAMP,
        unique_id="CPC-D_event_end",
        entry=entry,
    )
    known = await read(hass, source)
    assert known.lack is Lack.NO_END


async def test_an_event_whose_end_is_away_stays_as_it_was_told(
    hass: HomeAssistant,
) -> None:
    source = DemandSource(entity_id=await hydro_quebec(hass), limit_w=0)
    before = await read(hass, source)
    hass.states.async_set("sensor.cpc_d_event_end", "unavailable", TIMESTAMP)
    known = await read(hass, source, before=before)
    assert known.lack is Lack.UNAVAILABLE
    assert known.limit == span(START, END, 0)


@pytest.mark.parametrize(
    ("words", "direction", "counts"),
    [
        ("", "import", True),
        ("", "unknown", True),
        ("Export", "export", True),
        ("export", "import", False),
        ("export", "unknown", False),
    ],
)
async def test_of_two_directions_only_the_wanted_one_counts(
    hass: HomeAssistant, words: str, direction: str, counts: bool
) -> None:
    source = DemandSource(
        entity_id=await axle(hass, direction), title="Axle", limit_w=0, words=words
    )
    known = await read(hass, source)
    assert known.limit == (span(START, END, 0) if counts else Series())
    told = f" ({direction})" if direction != "unknown" else ""
    assert [each.title for each in known.asked] == [f"Axle{told}"] * counts


async def test_a_free_hour_is_a_price_that_is_taken_off(hass: HomeAssistant) -> None:
    entry = await entry_of(hass, "electric_kiwi", "Kiwi")
    for key, value in (("hop_power_start", START), ("hop_power_end", END)):
        entity(
            hass,
            f"sensor.hour_of_free_{key}",
            "electric_kiwi",
            value.isoformat(),
            TIMESTAMP,
            unique_id=f"123_00100_{key}",
            entry=entry,
        )
    found = {state.entity_id for state in find(hass, "ocpp_charging")}
    assert found == {"sensor.hour_of_free_hop_power_start"}
    source = DemandSource(entity_id=found.pop(), extra_price=-0.31)
    assert (await read(hass, source)).extra_price == span(START, END, -0.31)


async def test_sensors_of_no_integration_are_paired_by_their_names(
    hass: HomeAssistant,
) -> None:
    hass.states.async_set("sensor.event_starts", START.isoformat(), TIMESTAMP)
    source = DemandSource(entity_id="sensor.event_starts", title="T", limit_w=1000)
    assert (await read(hass, source)).lack is Lack.NO_END
    hass.states.async_set("sensor.event_ends", END.isoformat(), TIMESTAMP)
    known = await read(hass, source)
    assert known.asked == (Asked(start=START, end=END, title="T", limit_w=1000),)


async def test_only_beginnings_that_look_like_it_are_found(
    hass: HomeAssistant,
) -> None:
    await hydro_quebec(hass)
    await axle(hass, "import")
    hass.states.async_set("sensor.peak_since", NOW.isoformat(), TIMESTAMP)
    hass.states.async_set("binary_sensor.cpc_d_peak_today_am", "off")
    found = {state.entity_id for state in find(hass, "ocpp_charging")}
    assert found == {"sensor.axle_energy_start", "sensor.cpc_d_event_begin"}
