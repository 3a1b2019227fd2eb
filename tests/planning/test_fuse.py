"""The fuse is protected: what the meter tells reaches the charger, over the wire."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType
from typing import Any, Self

from homeassistant.config_entries import ConfigSubentry, ConfigSubentryData
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er, issue_registry as ir
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.ocpp_charging.charging import rest
from custom_components.ocpp_charging.charging.claims import Why
from custom_components.ocpp_charging.diagnostics import (
    async_get_config_entry_diagnostics,
)
from custom_components.ocpp_charging.planning import fuse_issues, plugged
from custom_components.ocpp_charging.planning.fuse import Fuse
from custom_components.ocpp_charging.planning.happenings import Happened, Happening
from custom_components.ocpp_charging.planning.site import car_name, site_of
from simulator import PRESETS, Car, ChargePoint

from ..conftest import (
    FAST,
    Simulated,
    central_system,
    charger_data,
    charger_of,
    set_up,
    wait_for_charger,
    wait_for_state,
)

METERS = ("sensor.l1", "sensor.l2", "sensor.l3")
HOUSE = {"house": {"phases": list(METERS), "voltage": 230.0}}


def circuit(title: str = "Main fuse", **data: Any) -> ConfigSubentryData:
    """Return the subentry of a fuse."""
    return ConfigSubentryData(
        data={"limit_a": [25.0, 25.0, 25.0], **data},
        subentry_type="circuit",
        title=title,
        unique_id=None,
    )


def charger(identity: str = "CP1", **data: Any) -> ConfigSubentryData:
    """Return the subentry of a charger, by its identity as id."""
    return ConfigSubentryData(
        data=charger_data(
            identity, **{"sample_interval": 1, "max_current_a": 16.0, **data}
        ),
        subentry_type="charger",
        title=identity,
        unique_id=identity,
    )


def meter(hass: HomeAssistant, *amperes: float) -> None:
    """Have the house's meter tell what flows through the main fuse."""
    for entity_id, value in zip(METERS, amperes, strict=True):
        hass.states.async_set(entity_id, str(value), {"unit_of_measurement": "A"})


class Metered:
    """A house whose meter tells again and again what it draws, with its cars."""

    def __init__(
        self, hass: HomeAssistant, rest_a: float, ids: tuple[str, ...] = METERS
    ) -> None:
        """Begin without a charger."""
        self.rest_a = rest_a
        self.points: list[ChargePoint] = []
        self.works = True
        """False: it tells what it told before."""
        self.dead = False
        """It tells nothing at all."""
        self.greatest_a = 0.0
        """The most that flowed."""
        self._hass = hass
        self._ids = ids
        self._told = self._trembles_a = 0.0
        self._timer: asyncio.TimerHandle | None = None

    @property
    def flows_a(self) -> float:
        """Return what flows through the fuse on each phase."""
        return self.rest_a + sum(one.connector(1).current_a for one in self.points)

    def __enter__(self) -> Self:
        """Begin to tell."""
        self._tell()
        return self

    def __exit__(self, *_: object) -> None:
        """Tell no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _tell(self) -> None:
        self.greatest_a = max(self.greatest_a, self.flows_a)
        if self.works:
            # No two readings are the same: a house trembles.
            self._trembles_a = 0.02 - self._trembles_a
            self._told = self.flows_a - self._trembles_a
        if not self.dead:
            for entity_id in self._ids:
                self._hass.states.async_set(
                    entity_id, f"{self._told:.2f}", {"unit_of_measurement": "A"}
                )
        self._timer = self._hass.loop.call_later(0.2, self._tell)


def fuse_of(entry: MockConfigEntry) -> Fuse:
    """Return the fuses of a loaded central system."""
    fuse: Fuse = entry.runtime_data.fuse
    return fuse


async def told(
    entry: MockConfigEntry, so: Callable[[], object], timeout: float = 30
) -> None:
    """Wait until something is so; it is looked at whenever the fuses are."""
    changed = asyncio.Event()
    stop = fuse_of(entry).listen(changed.set)
    try:
        async with asyncio.timeout(timeout):
            while not so():
                changed.clear()
                await changed.wait()
    finally:
        stop()


async def charge(entry: MockConfigEntry, point: ChargePoint, **car: Any) -> None:
    """Have a car charge, with a tag that is held to the charger."""
    await point.plug(1, Car(**car))
    await point.present_tag(1, "HomeAssistant")
    identity = point.identity
    await wait_for_charger(
        charger_of(entry, identity), lambda one: one.connector(1).transaction
    )


def offered(point: ChargePoint) -> float:
    """Return what the charger offers the car now, in A."""
    return point.connector(1).offered_a


async def offers(point: ChargePoint, amperes: float) -> None:
    """Wait until a charger offers so much."""
    await point.wait_for(lambda one: offered(one) == pytest.approx(amperes), 30)


async def draws(entry: MockConfigEntry, amperes: float, identity: str = "CP1") -> None:
    """Wait until a charger has measured that so much flows on a phase."""
    await wait_for_charger(
        charger_of(entry, identity),
        lambda one: one.connector(1).reading("current") == pytest.approx(amperes),
    )


async def test_a_reading_above_the_limit_is_a_lower_limit_within_5_s(
    hass: HomeAssistant, simulated: Simulated, unloads: None
) -> None:
    meter(hass, 2, 2, 2)
    entry = await set_up(hass, central_system(charger(), circuit(), options=HOUSE))
    point = await simulated(entry)
    await charge(entry, point)
    await offers(point, 16)
    await draws(entry, 16)
    begin = dt_util.utcnow()
    meter(hass, 31, 18, 18)
    await offers(point, 10)
    assert dt_util.utcnow() - begin < timedelta(seconds=5)


async def test_without_a_fuse_nothing_is_sent(
    hass: HomeAssistant, simulated: Simulated, unloads: None
) -> None:
    meter(hass, 2, 2, 2)
    entry = await set_up(hass, central_system(charger(), options=HOUSE))
    point = await simulated(entry)
    await charge(entry, point)
    await draws(entry, 16)
    meter(hass, 40, 40, 40)
    await hass.async_block_till_done()
    assert point.received_calls("SetChargingProfile") == []
    assert hass.states.get("sensor.cp1_connector_1_available_current") is None
    assert site_of(entry.runtime_data).circuits is None


async def test_what_is_typed_counts_where_no_meter_tells(
    hass: HomeAssistant, simulated: Simulated, unloads: None
) -> None:
    entry = await set_up(hass, central_system(charger(), circuit(other_a=12.0)))
    point = await simulated(entry)
    await charge(entry, point)
    await offers(point, 12)
    (share,) = fuse_of(entry).shares.values()
    assert (share.current_a, share.why) == (12, Why.FUSE)


async def test_before_a_session_and_without_us_a_charger_has_the_safe_value(
    hass: HomeAssistant, simulated: Simulated, unloads: None
) -> None:
    meter(hass, 2, 2, 2)
    entry = await set_up(
        hass, central_system(charger(), circuit(safe_a=8.0), options=HOUSE)
    )
    point = await simulated(entry)
    await point.wait_for(lambda one: one.received_calls("SetChargingProfile"))
    (profile,) = profiles(point)
    assert limits(profile) == [8]
    assert "duration" not in profile["chargingSchedule"]
    await charge(entry, point)
    await offers(point, 16)
    assert limits(profiles(point)[-1]) == [16, 8]
    assert await hass.config_entries.async_unload(entry.entry_id)
    # What is there expires by itself: nothing takes it away.
    assert point.received_calls("ClearChargingProfile") == []


@pytest.mark.parametrize(("typed", "second_a"), [({}, 0.0), ({"safe_a": 6.0}, 6.0)])
async def test_without_us_the_chargers_together_are_below_the_fuse_too(
    hass: HomeAssistant,
    simulated: Simulated,
    unloads: None,
    typed: dict[str, Any],
    second_a: float,
) -> None:
    small = circuit(limit_a=[16.0, 16.0, 16.0], other_a=5.0, **typed)
    entry = await set_up(hass, central_system(charger("CP1"), charger("CP2"), small))
    for identity in ("CP1", "CP2"):
        await simulated(entry, identity)
    await told(
        entry, lambda: fuse_of(entry).safe_a((subentry_of(entry, "CP2"), 1)) is not None
    )
    safe = [
        fuse_of(entry).safe_a((subentry_of(entry, identity), 1))
        for identity in ("CP1", "CP2")
    ]
    # 5 A for the house leave room for 6 A, once; what is typed is the owner's word.
    assert safe == [6.0, second_a]


async def test_two_cars_share_and_one_below_a_smaller_fuse_gets_no_more_than_that(
    hass: HomeAssistant,
    simulated: Simulated,
    unloads: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    meter(hass, 3, 3, 3)
    monkeypatch.setattr(rest, "FOLLOWED_AFTER", timedelta(seconds=1))
    main = circuit()
    entry = await set_up(
        hass, central_system(charger("CP1"), charger("CP2"), main, options=HOUSE)
    )
    parent = next(
        each for each in entry.subentries.values() if each.subentry_type == "circuit"
    )
    second = subentry_of(entry, "CP2")
    hass.config_entries.async_add_subentry(
        entry,
        ConfigSubentry(
            data=MappingProxyType(
                {
                    "limit_a": [10.0, 10.0, 10.0],
                    "parent": parent.subentry_id,
                    "chargers": [second],
                }
            ),
            subentry_type="circuit",
            title="Garage",
            unique_id=None,
        ),
    )
    first_point = await simulated(entry, "CP1")
    second_point = await simulated(entry, "CP2")
    with Metered(hass, 3) as house:
        house.points += [first_point, second_point]
        await charge(entry, second_point)
        await offers(second_point, 9)
        assert fuse_of(entry).shares[second, 1].why is Why.CIRCUIT
        await charge(entry, first_point)
        await told(entry, lambda: len(fuse_of(entry).shares) == 2)
        await first_point.wait_for(lambda one: offered(one) >= 11, 30)
    together = sum(one.current_a for one in fuse_of(entry).shares.values())
    assert together <= 22
    site = site_of(entry.runtime_data)
    assert site.circuits is not None
    assert [one.limit_a[0] for one in site.above(car_name((second, 1)))] == [10, 25]

    # Without the smaller fuse its charger hangs on the main one.
    garage = next(each for each in entry.subentries.values() if each.title == "Garage")
    hass.config_entries.async_remove_subentry(entry, garage.subentry_id)
    await hass.async_block_till_done()
    home = fuse_of(entry).home
    assert home is not None
    assert home.of_charger(second).name == "Main fuse"


async def test_a_silent_meter_leaves_what_is_safe_and_is_told_of(
    hass: HomeAssistant,
    simulated: Simulated,
    unloads: None,
    issue_registry: ir.IssueRegistry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fuse_issues, "SILENT_FOR", timedelta(0))
    meter(hass, 2, 2, 2)
    entry = await set_up(hass, central_system(charger(), circuit(), options=HOUSE))
    point = await simulated(entry)
    await charge(entry, point)
    await offers(point, 16)
    (plan,) = entry.runtime_data.planning.connectors.values()
    happened: list[Happening] = []
    plan.happenings.listen(happened.append)
    hass.states.async_set("sensor.l2", "unavailable")
    await offers(point, 6)
    assert happened == [
        Happening(
            what=Happened.FUSE_PROTECTED,
            about={
                "current": 6,
                "wanted": 16,
                "why": "meter_silent",
                "circuit": "Main fuse",
            },
        )
    ]
    (share,) = fuse_of(entry).shares.values()
    assert share.why is Why.METER_SILENT
    (protected,) = fuse_of(entry).protected.values()
    assert (protected.share, protected.circuit) == (share, "Main fuse")
    assert protected.wanted_a == 16
    (issue,) = issues(issue_registry, "fuse_meter_silent")
    assert issue.translation_placeholders == {"name": "Main fuse"}

    meter(hass, 2, 2, 2)
    await told(entry, lambda: not issues(issue_registry, "fuse_meter_silent"))
    (share,) = fuse_of(entry).shares.values()
    assert share.why is Why.SLOW_RISE


async def test_a_meter_that_says_nothing_for_a_minute_is_silent_too(
    hass: HomeAssistant, simulated: Simulated, unloads: None
) -> None:
    meter(hass, 2, 2, 2)
    entry = await set_up(hass, central_system(charger(), circuit(), options=HOUSE))
    point = await simulated(entry)
    await charge(entry, point)
    await offers(point, 16)
    old = dt_util.utcnow().timestamp() - 61
    for entity_id in METERS:
        hass.states.async_set(
            entity_id, "2.5", {"unit_of_measurement": "A"}, timestamp=old
        )
    await offers(point, 6)


async def test_the_grids_limit_is_kept_by_all_together(
    hass: HomeAssistant, simulated: Simulated, unloads: None
) -> None:
    meter(hass, 2, 2, 2)
    hass.states.async_set("input_boolean.dim", "off")
    options = {
        **HOUSE,
        "grid": {
            "sources": [
                {
                    "entity": "input_boolean.dim",
                    "title": "Dim",
                    "limit_w": 4200.0,
                    "extra_price": None,
                    "words": "",
                }
            ]
        },
    }
    entry = await set_up(hass, central_system(charger(), circuit(), options=options))
    point = await simulated(entry)
    await charge(entry, point)
    await offers(point, 16)
    hass.states.async_set("input_boolean.dim", "on")
    await offers(point, 6)
    (share,) = fuse_of(entry).shares.values()
    assert share.why is Why.GRID_LIMIT


async def test_a_car_on_one_phase_gets_what_its_own_phase_leaves(
    hass: HomeAssistant,
    simulated: Simulated,
    unloads: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(plugged, "SURE_AFTER", timedelta(0))
    meter(hass, 2, 2, 2)
    first = charger()
    entry = await set_up(hass, central_system(first, circuit(), options=HOUSE))
    main = next(
        each for each in entry.subentries.values() if each.subentry_type == "circuit"
    )
    key = subentry_of(entry, "CP1")
    hass.config_entries.async_update_subentry(
        entry, main, data={**main.data, "wiring": {key: "231"}}
    )
    point = await simulated(entry, phases=1)
    await charge(entry, point, phases=1)
    await draws(entry, 16)
    await told(entry, lambda: phases_of(entry, key) == (2,))
    meter(hass, 24, 18, 24)
    await hass.async_block_till_done()
    assert offered(point) == 16
    meter(hass, 2, 33, 2)
    await offers(point, 8)


async def test_the_sensor_shows_what_there_is_and_why(
    hass: HomeAssistant, simulated: Simulated, unloads: None
) -> None:
    meter(hass, 2, 2, 2)
    entry = await set_up(hass, central_system(charger(), circuit(), options=HOUSE))
    point = await simulated(entry)
    entity_id = "sensor.cp1_connector_1_available_current"
    shown = await wait_for_state(hass, entity_id, "16.0")
    assert shown.attributes["why"] is None
    await charge(entry, point)
    await draws(entry, 16)
    meter(hass, 31, 18, 18)
    shown = await wait_for_state(hass, entity_id, "10.0")
    assert shown.attributes["why"] == "fuse"
    assert shown.attributes["circuit"] == "Main fuse"
    assert shown.attributes["wanted"] == 16
    assert shown.attributes["phases"] == ["L1", "L2", "L3"]
    known = await async_get_config_entry_diagnostics(hass, entry)
    assert known["fuse"]["circuits"] == 1
    assert known["fuse"]["shares"][0]["why"] == "fuse"
    assert "Main fuse" not in str(known["fuse"])


async def test_when_the_last_fuse_is_removed_the_charger_is_free(
    hass: HomeAssistant, simulated: Simulated, unloads: None
) -> None:
    entry = await set_up(hass, central_system(charger(), circuit(other_a=15.0)))
    point = await simulated(entry)
    await charge(entry, point)
    await offers(point, 9)
    main = next(
        each for each in entry.subentries.values() if each.subentry_type == "circuit"
    )
    hass.config_entries.async_remove_subentry(entry, main.subentry_id)
    await offers(point, 32)
    assert fuse_of(entry).shares == {}


async def test_what_hung_on_a_removed_fuse_hangs_on_the_one_that_fed_it(
    hass: HomeAssistant, unloads: None
) -> None:
    entry = await set_up(hass, central_system(charger("CP1"), circuit()))
    wired = subentry_of(entry, "CP1")

    def add(title: str, parent: str, **data: Any) -> str:
        subentry = ConfigSubentry(
            data=MappingProxyType(
                {"limit_a": [20.0, 20.0, 20.0], "parent": parent, **data}
            ),
            subentry_type="circuit",
            title=title,
            unique_id=None,
        )
        hass.config_entries.async_add_subentry(entry, subentry)
        return subentry.subentry_id

    async def hangs_on(removed: str) -> tuple[str, tuple[int, ...], str | None]:
        hass.config_entries.async_remove_subentry(entry, removed)
        await hass.async_block_till_done()
        home = fuse_of(entry).home
        assert home is not None
        shed = home.by_key[below]
        fed_by = None if shed.parent is None else home.by_key[shed.parent].name
        return home.of_charger(wired).name, home.wiring(wired), fed_by

    (main,) = entry.get_subentries_of_type("circuit")
    house = add("House", main.subentry_id)
    wiring = {"chargers": [wired], "wiring": {wired: "231"}}
    garage = add("Garage", house, **wiring)
    below = add("Shed", garage)
    await hass.async_block_till_done()
    assert await hangs_on(garage) == ("House", (2, 3, 1), "House")
    assert await hangs_on(house) == ("Main fuse", (2, 3, 1), "Main fuse")


async def test_smaller_fuses_without_a_main_one_are_told_of(
    hass: HomeAssistant,
    simulated: Simulated,
    unloads: None,
    issue_registry: ir.IssueRegistry,
) -> None:
    first, second = charger("CP1"), circuit("Garage", parent="gone")
    entry = await set_up(hass, central_system(first, second))
    assert issues(issue_registry, "fuse_no_main")
    home = fuse_of(entry).home
    assert home is not None
    assert not home.has_main
    hass.config_entries.async_add_subentry(
        entry,
        ConfigSubentry(
            data=MappingProxyType({"limit_a": [25.0, 25.0, 25.0]}),
            subentry_type="circuit",
            title="Main",
            unique_id=None,
        ),
    )
    await hass.async_block_till_done()
    assert not issues(issue_registry, "fuse_no_main")


async def test_a_charger_that_does_not_obey_is_told_of(
    hass: HomeAssistant,
    simulated: Simulated,
    unloads: None,
    issue_registry: ir.IssueRegistry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hasty = replace(FAST, share_check=0.2, share_ignored=0.5)
    monkeypatch.setattr("custom_components.ocpp_charging.hub.TIMING", hasty)
    entry = await set_up(hass, central_system(charger(), circuit(other_a=15.0)))
    point = await simulated(entry, quirks=PRESETS["disobeys-profiles"])
    await charge(entry, point)
    await wait_for_charger(
        charger_of(entry), lambda one: one.connector(1).transaction is None, 30
    )
    await told(entry, lambda: issues(issue_registry, "fuse_not_kept"))


def profiles(point: ChargePoint) -> list[dict[str, Any]]:
    """Return the charging profiles that a charger was sent."""
    return [
        each["csChargingProfiles"]
        for each in point.received_calls("SetChargingProfile")
    ]


def limits(profile: dict[str, Any]) -> list[float]:
    """Return the limits of a profile, one after the other."""
    periods = profile["chargingSchedule"]["chargingSchedulePeriod"]
    return [each["limit"] for each in periods]


def issues(registry: ir.IssueRegistry, key: str) -> list[ir.IssueEntry]:
    """Return the issues of a kind."""
    return [each for each in registry.issues.values() if each.translation_key == key]


def phases_of(entry: MockConfigEntry, key: str) -> tuple[int, ...] | None:
    """Return the phases that the car at a charger is reckoned with."""
    claim = fuse_of(entry).claim_of((key, 1))
    return None if claim is None else claim.phases


def subentry_of(entry: MockConfigEntry, identity: str) -> str:
    """Return the id of a charger's subentry."""
    found: str = entry.runtime_data.subentry_id_of(identity)
    return found


async def test_the_meter_of_a_fuse_is_followed_when_it_gets_another_id(
    hass: HomeAssistant, unloads: None
) -> None:
    registry = er.async_get(hass)
    flow = registry.async_get_or_create("sensor", "meter", "one").entity_id
    hass.states.async_set(flow, "7", {"unit_of_measurement": "A"})
    entry = await set_up(
        hass, central_system(charger(), circuit(meter=[flow, *METERS[1:]]))
    )
    registry.async_update_entity(flow, new_entity_id="sensor.main_l1")
    await hass.async_block_till_done()
    (kept,) = entry.get_subentries_of_type("circuit")
    assert kept.data["meter"] == ["sensor.main_l1", *METERS[1:]]
    home = fuse_of(entry).home
    assert home is not None
    assert home.settings[0].meter == ("sensor.main_l1", *METERS[1:])
