"""Reads a source once, whichever it is. Nothing raises: a reading says what failed."""

from asyncio import timeout
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
import logging
from operator import mul
from typing import Final

from homeassistant.core import HomeAssistant, State, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er
from homeassistant.util import dt as dt_util

from ...charging.series import Series
from ..normalise import fill, normalise
from ..told import Problem, Told
from ..units import Unit, parse_unit
from . import ACTIONS, ATTRIBUTES
from .reader import ActionReader, Asked, AttributeReader, Companion, Look, Target
from .settings import CHOSEN, TYPED, PriceSettings

_LOGGER = logging.getLogger(__name__)

ACTION_TIMEOUT: Final = 60.0
"""Seconds that an integration may take to answer."""
TYPED_AHEAD: Final = timedelta(days=8)
"""For how long typed prices are known: a week from any moment of today."""
TYPED_BEFORE: Final = timedelta(days=2)
"""How far back they are told: for sessions that ran while Home Assistant was off."""
REACH: Final = timedelta(days=40)
"""What is farther away than this is a mistake, such as the year 1970."""

_CENT_FLAGS: Final = ("price_in_cents", "use_cent", "use_subunit")


class Failure(StrEnum):
    """Why a source told no price, or none that is of use."""

    UNKNOWN_READER = "unknown_reader"
    NO_ENTITY = "no_entity"
    UNAVAILABLE = "unavailable"
    NO_ACTION = "no_action"
    ACTION_FAILED = "action_failed"
    NO_PART = "no_part"
    NO_PRICES = "no_prices"
    OUTDATED = "outdated"
    OTHER_UNIT = "other_unit"


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What a source told, as the main unit of the currency per kWh, without fees.

    `currency` is None where nothing tells it. `step` is the usual length. `detail` says
    more about a failure, in words that hold no secret. `entity_ids` are those that were
    read.
    """

    series: Series = field(default_factory=Series)
    currency: str | None = None
    step: timedelta | None = None
    problems: Mapping[Problem, int] = field(default_factory=dict)
    failure: Failure | None = None
    detail: str = ""
    entity_ids: tuple[str, ...] = ()


def combine(layers: Iterable[Told], unit: Unit, now: datetime) -> Reading:
    """Return what lists told, the most trusted first; later ones fill the gaps."""
    series = Series()
    steps: list[timedelta] = []
    problems: Counter[Problem] = Counter()
    currency = unit.currency
    for told in layers:
        near = [point for point in told.points if abs(point.start - now) <= REACH]
        normal = normalise(near)
        problems += Counter(told.problems) + Counter(normal.problems)
        problems[Problem.NO_TIME] += len(told.points) - len(near)
        scaled = partial(mul, (told.unit or unit).factor)
        currency = (told.unit or unit).currency or currency
        if normal.step is not None:
            steps.append(normal.step)
        series = fill(series, normal.series.map(scaled))
    return Reading(
        series=series,
        currency=currency,
        step=steps[0] if steps else None,
        problems={key: count for key, count in problems.items() if count},
        failure=_judge(series, now),
    )


def _judge(series: Series, now: datetime) -> Failure | None:
    if series.end is None:
        return Failure.NO_PRICES
    return Failure.OUTDATED if series.end <= now else None


async def async_read(
    hass: HomeAssistant, settings: PriceSettings, now: datetime
) -> Reading:
    """Return what the chosen source tells now."""
    source = settings.source
    if source.reader == TYPED:
        return _typed(settings, now)
    chosen = CHOSEN.get(settings.unit)
    if reader := ACTIONS.get(source.reader):
        parts = await async_ask(hass, reader, source.target, now, chosen)
        reading = parts.get(source.part) or parts.get("") or _no(Failure.NO_PART)
    elif attributes := ATTRIBUTES.get(source.reader):
        reading = read_entity(hass, attributes, source.target, now, chosen)
    else:
        reading = _no(Failure.UNKNOWN_READER)
    if settings.sign_reversed:
        return replace(reading, series=reading.series.map(lambda value: -value))
    return reading


def _no(failure: Failure, detail: str = "") -> Reading:
    return Reading(failure=failure, detail=detail)


def _typed(settings: PriceSettings, now: datetime) -> Reading:
    today, before = (
        dt_util.start_of_local_day(dt_util.as_local(day))
        for day in (now, now - TYPED_BEFORE)
    )
    zone = dt_util.get_default_time_zone()
    return Reading(
        series=settings.tariff.series(before, today + TYPED_AHEAD, zone),
    )


async def async_ask(
    hass: HomeAssistant,
    reader: ActionReader,
    target: str,
    now: datetime,
    chosen: Unit | None = None,
) -> dict[str, Reading]:
    """Return what each part of an integration's answer tells.

    The part `""` has the failure where nothing was told.
    """
    if not hass.services.has_service(reader.domain, reader.action):
        return {"": _no(Failure.NO_ACTION)}
    unit = _unit_of_entry(hass, reader, target)
    asked = Asked(target=target, now=dt_util.as_local(now))
    layers: dict[str, list[Told]] = {}
    failed = ""
    for data in reader.requests(asked):
        try:
            async with timeout(ACTION_TIMEOUT):
                response = await hass.services.async_call(
                    reader.domain,
                    reader.action,
                    dict(data),
                    blocking=True,
                    return_response=True,
                )
            parts = reader.read(response or {}, dt_util.get_default_time_zone())
        # Whatever another integration's action raises is that one's failure.
        except Exception as error:  # noqa: BLE001
            failed = failed or describe(error)
            _LOGGER.debug("%s did not answer: %s", reader.name, describe(error))
            continue
        for part, told in parts.items():
            layers.setdefault(part, []).append(told)
    if not layers:
        return {"": _no(Failure.ACTION_FAILED, failed)}
    return {
        part: _marked(
            combine(
                [*told, *_present(hass, reader, target, now)],
                chosen_unit(unit, chosen),
                now,
            ),
            failed,
        )
        for part, told in layers.items()
    }


@callback
def _present(
    hass: HomeAssistant, reader: ActionReader, target: str, now: datetime
) -> list[Told]:
    """Return the present price of an answer that only tells the future."""
    if reader.present is None:
        return []
    states = (
        hass.states.get(entity.entity_id)
        for entity in er.async_entries_for_config_entry(er.async_get(hass), target)
    )
    return [reader.present(look_at(state, now)) for state in states if state]


def _marked(reading: Reading, failed: str) -> Reading:
    """Return a reading with why a part of it may be missing."""
    return replace(reading, detail=failed) if failed else reading


def describe(error: BaseException) -> str:
    """Return what an error is in words that hold no secret of whoever raised it."""
    if isinstance(error, HomeAssistantError) and error.translation_key:
        return f"{type(error).__name__} ({error.translation_key})"
    return type(error).__name__


def chosen_unit(unit: Unit, chosen: Unit | None) -> Unit:
    """Return the unit that counts: the owner's choice has no currency of its own."""
    return replace(chosen, currency=unit.currency) if chosen else unit


def _unit_of_entry(hass: HomeAssistant, reader: ActionReader, target: str) -> Unit:
    """Return the unit of an action's prices, with the currency of its set-up."""
    if reader.currency_key is None or reader.target is not Target.ENTRY:
        return reader.unit
    entry = hass.config_entries.async_get_entry(target)
    currency = entry.data.get(reader.currency_key) if entry else None
    return replace(reader.unit, currency=str(currency)) if currency else reader.unit


@callback
def read_entity(
    hass: HomeAssistant,
    reader: AttributeReader,
    target: str,
    now: datetime,
    chosen: Unit | None = None,
) -> Reading:
    """Return what an entity's attributes tell, and those of its companions."""
    registry = er.async_get(hass)
    entity_id = er.async_resolve_entity_id(registry, target) or target
    ids = (entity_id, *companions(registry, reader.companions, entity_id))
    states = [state for known in ids if (state := hass.states.get(known)) is not None]
    if not states or states[0].entity_id != entity_id:
        return replace(_no(Failure.NO_ENTITY), entity_ids=ids)
    layers = reader.read([look_at(state, now) for state in states])
    told = [layer.in_unit(chosen) if chosen else layer for layer in layers]
    reading = combine(told, unit_of(states[0], reader), now)
    if reading.failure and states[0].state == "unavailable":
        reading = replace(reading, failure=Failure.UNAVAILABLE)
    return replace(reading, entity_ids=ids)


@callback
def look_at(state: State, now: datetime) -> Look:
    """Return a state as the readers see it."""
    return Look(
        state=state.state,
        attributes=state.attributes,
        day=dt_util.as_local(state.last_updated).date(),
        now=dt_util.as_local(now),
        zone=dt_util.get_default_time_zone(),
    )


def unit_of(state: State, reader: AttributeReader) -> Unit:
    """Return the unit of an entity's prices: as told, else what is known of it."""
    unit = parse_unit(state.attributes.get("unit_of_measurement"))
    if unit is None:
        currency = state.attributes.get("currency")
        cents = any(state.attributes.get(flag) is True for flag in _CENT_FLAGS)
        unit = Unit(
            factor=0.01 if cents else reader.unit.factor,
            currency=currency if isinstance(currency, str) else reader.unit.currency,
        )
    elif unit.currency is None:
        currency = state.attributes.get("currency", reader.unit.currency)
        unit = replace(unit, currency=currency if isinstance(currency, str) else None)
    return unit


@callback
def companions(
    registry: er.EntityRegistry, declared: Iterable[Companion], entity_id: str
) -> list[str]:
    """Return the entities that tell the rest, found by their unique ids or ids."""
    entry = registry.async_get(entity_id)
    found: list[str] = []
    for companion in declared:
        renamed = entity_id.partition(".")[2].replace(companion.old, companion.new)
        known: str | None = f"{companion.domain}.{renamed}"
        if entry is not None:
            unique_id = str(entry.unique_id).replace(companion.old, companion.new)
            known = (
                registry.async_get_entity_id(
                    companion.domain, entry.platform, unique_id
                )
                or known
            )
        if known is not None and known != entity_id:
            found.append(known)
    return found


@callback
def recognise(state: State, platform: str | None, now: datetime) -> str | None:
    """Return the key of the reader that fits an entity, None when none does.

    `platform` is the integration that it belongs to, None when that is not known.
    """
    look = look_at(state, now)
    for reader in ATTRIBUTES.values():
        if reader.domain in {None, platform} and reader.recognise(look):
            return reader.key
    return None
