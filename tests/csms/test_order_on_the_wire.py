"""Whatever the order, duplication and delay on the wire: the books end the same.

Sessions are told undisturbed to one central system, and to another with everything
up to three times, in any order, over new connections, answers lost and restarts of
the central system. What both have in their books must be equal, to the watt-hour.
`tests/ledger/test_order.py` does the same below the wire.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
import random
import tempfile
from typing import Any

from hypothesis import HealthCheck, Phase, given, note, settings, strategies as st
import pytest

from custom_components.ocpp_charging.csms.tags import Tag, TagRules, UnknownTags
from tests.csms.house import House, house
from tests.csms.raw import Payload, stamp

NOW = datetime.now(UTC).replace(second=0, microsecond=0)
REFUSED = "BLOCKED"
NOBODY = (-1, 0, -(2**31), 2**31 - 1, 2**40, 999_999)
"""Ids that name no session of ours, as chargers send them."""


@dataclass(frozen=True, kw_only=True)
class Told:
    """A session as its charger tells it; `wh` are one value a minute.

    Of a `sound` one the register is a lifetime from start to stop: of it, anything may
    come before the start. `own` is what the charger calls it, None where it takes
    our id. `data` has the values come with the stop too.
    """

    connector: int
    tag: str
    begin: datetime
    meter_start: int
    wh: tuple[int, ...]
    meter_stop: int | None
    sound: bool
    own: int | None = None
    data: bool = False
    late: int | None = None

    @property
    def end(self) -> datetime:
        return self.at(len(self.wh) + 1)

    def at(self, minutes: int) -> datetime:
        return self.begin + timedelta(minutes=minutes)

    def start(self) -> Payload:
        return {
            "connectorId": self.connector,
            "idTag": self.tag,
            "meterStart": self.meter_start,
            "timestamp": stamp(self.begin),
        }

    def bucket(self, place: int, *, kilo: bool = False) -> Payload:
        """Return a value, the one after the stop for the place behind the last."""
        behind = place == len(self.wh)
        wh = self.late if behind else self.wh[place]
        assert wh is not None
        sample = {"value": str(wh), "unit": "Wh"}
        if kilo:
            sample = {"value": f"{wh / 1000:.3f}", "unit": "kWh"}
        minutes = place + 2 if behind else place + 1
        return {"timestamp": stamp(self.at(minutes)), "sampledValue": [sample]}

    def values(self, place: int, number: int | None, *, kilo: bool) -> Payload:
        payload: Payload = {
            "connectorId": self.connector,
            "meterValue": [self.bucket(place, kilo=kilo)],
        }
        named = number if self.own is None else self.own
        return payload if named is None else payload | {"transactionId": named}

    def stop(self, number: int) -> Payload:
        payload: Payload = {
            "transactionId": number if self.own is None else self.own,
            "idTag": self.tag,
            "meterStop": self.meter_stop,
            "timestamp": stamp(self.end),
        }
        if self.data:
            payload["transactionData"] = [
                self.bucket(place) for place in range(len(self.wh))
            ]
        return payload


@st.composite
def sessions(draw: st.DrawFn, connector: int, begin: datetime) -> list[Told]:
    """Draw the sessions of one connector, one after the other."""
    found: list[Told] = []
    lifetime = draw(st.integers(0, 10_000_000))
    for place in range(draw(st.integers(0, 2))):
        kind = draw(
            st.sampled_from(
                ["lifetime", "relative", "reset", "open", "own", "from 0", "refused"]
            )
        )
        steps = draw(st.lists(st.integers(0, 300), max_size=4))
        rises = [sum(steps[: step + 1]) for step in range(len(steps))]
        total = sum(steps) + 10
        if kind == "from 0":
            lifetime = 0
        wh = [rise if kind == "relative" else lifetime + rise for rise in rises]
        meter_stop: int | None = lifetime + total
        if kind == "reset" and len(wh) > 3:
            wh = wh[:2] + [each - wh[1] for each in wh[2:]]
            meter_stop = wh[-1] + 10
        if kind == "open":
            meter_stop = None
        sound = kind in {"lifetime", "own", "from 0", "refused"}
        begin += timedelta(minutes=draw(st.integers(6, 90)))
        found.append(
            Told(
                connector=connector,
                tag=f"{REFUSED if kind == 'refused' else 'TAG'}{connector}",
                begin=begin,
                meter_start=lifetime,
                wh=() if kind == "refused" else tuple(wh),
                meter_stop=lifetime if kind == "refused" else meter_stop,
                sound=sound,
                own=10 * connector + place if kind == "own" else None,
                data=draw(st.booleans()),
                late=lifetime + total if kind in {"lifetime", "own"} else None,
            )
        )
        begin = found[-1].end + timedelta(minutes=6)
        lifetime += total
    return found


@st.composite
def stories(draw: st.DrawFn) -> list[Told]:
    """Draw the sessions of a charger; they are a while ago, or have just ended."""
    story = [told for connector in (1, 2) for told in draw(sessions(connector, NOW))]
    last = max((told.end for told in story), default=NOW)
    ago = timedelta(minutes=draw(st.sampled_from([2, 600, 3000])))
    return [replace(told, begin=told.begin - (last - NOW) - ago) for told in story]


type Event = tuple[str, int, int]
"""What happens, in which session (or nobody's stop), and which value of it."""


def events(story: list[Told]) -> list[Event]:
    """Return what is told, in its order."""
    found: list[Event] = []
    for place, told in enumerate(story):
        found.append(("start", place, 0))
        found += [("values", place, value) for value in range(len(told.wh))]
        if told.meter_stop is not None:
            found.append(("stop", place, 0))
        if told.late is not None:
            found.append(("values", place, len(told.wh)))
    return [*found, *(("nobody's stop", number, 0) for number in range(len(NOBODY)))]


def disturbed(story: list[Told], chance: random.Random) -> list[Event]:
    """Return the same up to three times, in any order, with what else can happen."""
    found = [
        event
        for event in events(story)
        for _ in range(chance.choices((1, 2, 3), (6, 2, 1))[0])
    ]
    chance.shuffle(found)
    for place, told in enumerate(story):
        if not told.sound:
            about = (
                at
                for at, (what, of, _) in enumerate(found)
                if what != "nobody's stop" and of == place
            )
            found.insert(next(about), ("start", place, 0))
    happens = ["restart", "reconnect", "reconnect", "status", "status", "status"]
    for what in chance.sample(happens, chance.randint(0, len(happens))):
        at = chance.randrange(len(found) + 1)
        found.insert(at, (what, chance.randint(1, 2), chance.randrange(3)))
    return found


class Teller:
    """A charger that tells a story, and what it was answered."""

    def __init__(self, home: House, story: list[Told], chance: random.Random | None):
        self.home = home
        self.story = story
        self.chance = chance
        self.numbers: dict[int, int] = {}

    async def tell(self, event: Event) -> None:
        """Let one thing happen."""
        what, of, value = event
        match what:
            case "restart":
                await self.home.restart()
                refuse(self.home)
            case "reconnect":
                await self.home.reconnect()
            case "status":
                status = ("Available", "Preparing", "Charging")[value]
                await self.home.raw.status(status, of)
            case "nobody's stop":
                await self._call("StopTransaction", self._nobodys_stop(of))
            case "start":
                answer = await self._call("StartTransaction", self.story[of].start())
                number = answer["transactionId"]
                assert self.numbers.setdefault(of, number) == number
                refused = self.story[of].tag.startswith(REFUSED)
                status = answer["idTagInfo"]["status"]
                assert status == ("Blocked" if refused else "Accepted")
            case "values":
                kilo = self._maybe(0.5)
                values = self.story[of].values(value, self.numbers.get(of), kilo=kilo)
                await self._call("MeterValues", values)
            case "stop":
                odd = self.chance.choice((-1, 0)) if self.chance else -1
                payload = self.story[of].stop(self.numbers.get(of, odd))
                await self._call("StopTransaction", payload)

    def _nobodys_stop(self, which: int) -> Payload:
        at = self.story[0].begin if self.story else datetime(2026, 1, 1, tzinfo=UTC)
        return {
            "transactionId": NOBODY[which],
            "idTag": "NOBODY",
            "meterStop": 100 + which,
            "timestamp": stamp(at + timedelta(seconds=which)),
        }

    def _maybe(self, probability: float) -> bool:
        return self.chance is not None and self.chance.random() < probability

    async def _call(self, action: str, payload: Payload) -> Payload:
        """Send a CALL; its answer may be lost, so that it is sent again.

        Some ids are those of other messages before.
        """
        message_id = "1" if self._maybe(0.3) else None
        if self._maybe(0.1):
            sent = await self.home.raw.send_call(action, payload, message_id)
            await self.home.reconnect()
            message_id = sent
        if self._maybe(0.1):
            await self.home.raw.call(action, payload, message_id)
        return await self.home.raw.call(action, payload, message_id)


def refuse(home: House) -> None:
    """Have the central system refuse two tags."""
    home.central.authorizer.rules = TagRules.of(
        (
            Tag(id_tag=f"{REFUSED}{connector}", name="lost", enabled=False)
            for connector in (1, 2)
        ),
        unknown=UnknownTags.ACCEPT,
    )


async def books(
    story: list[Told], told: list[Event], chance: random.Random | None
) -> list[tuple[Any, ...]]:
    """Tell a story to a central system, and return what is in its books."""
    with tempfile.TemporaryDirectory() as folder:
        async with house(Path(folder)) as home:
            refuse(home)
            teller = Teller(home, story, chance)
            for event in told:
                await teller.tell(event)
            return sorted(
                (
                    each.connector, each.started_at, str(each.state), each.id_tag,
                    each.accepted, each.ended_at, each.meter_start_wh,
                    each.meter_stop_wh, each.energy_wh, each.gap_s,
                )
                for each in await home.sessions()
            )  # fmt: skip


def run(work: Callable[[], Awaitable[list[tuple[Any, ...]]]]) -> list[tuple[Any, ...]]:
    async def bounded() -> list[tuple[Any, ...]]:
        async with asyncio.timeout(30):
            return await work()

    return asyncio.run(bounded())


@settings(
    max_examples=25,
    deadline=None,
    # Making an example smaller takes longer than a test may.
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(story=stories(), chance=st.randoms(use_true_random=False))
@pytest.mark.usefixtures("socket_enabled")
def test_the_books_end_equal_over_the_wire(
    story: list[Told], chance: random.Random
) -> None:
    undisturbed = run(lambda: books(story, events(story), None))
    told = disturbed(story, chance)
    note(f"{told}")
    assert run(lambda: books(story, told, chance)) == undisturbed
    assert len(undisturbed) == len(story) + len(NOBODY)


@pytest.mark.usefixtures("socket_enabled")
def test_the_undisturbed_books_over_the_wire_are_right() -> None:
    begin = NOW - timedelta(hours=10)

    def told(hours: int, **changes: Any) -> Told:
        values: dict[str, Any] = {
            "connector": 1,
            "tag": "TAG1",
            "begin": begin + timedelta(hours=hours),
            "meter_start": 1000,
            "wh": (1100, 1250),
            "meter_stop": 1400,
            "sound": True,
        }
        return Told(**{**values, **changes})

    story = [
        told(0, late=1400),
        told(1, wh=(100, 250), meter_stop=None, data=True),
        told(2, wh=(1100, 1250, 0, 90), meter_stop=150, own=17),
        told(3, meter_start=0, wh=(100, 250), meter_stop=300, data=True),
        told(4, tag=f"{REFUSED}1", wh=(), meter_stop=1000),
    ]
    found = run(lambda: books(story, events(story), None))
    sessions = [each for each in found if each[2] != "orphan"]
    assert [each[8] for each in sessions] == [400, 250, 400, 300, 0]
    # What flowed while a register fell is not known: that is named.
    assert [each[9] for each in sessions] == [0, 0, 60, 0, 0]
    assert [each[2] for each in sessions] == ["ended"] * 5
