"""Whatever the order, duplication and delay: the books end the same.

Sessions are told undisturbed to one ledger and disturbed to another: everything up to
three times, in any order, some of it before its start was answered (then without an
id, or as -1), over restarts. What both tell must be equal, to the watt-hour.
"""

import asyncio
from dataclasses import dataclass
from pathlib import Path
import random
import tempfile

from hypothesis import given, settings, strategies as st

from custom_components.ocpp_charging.ledger import (
    Ledger,
    Register,
    Session,
    SessionFilter,
    Start,
    Stop,
)

from .books import at, opened, register, start, stop, url


@dataclass(frozen=True, kw_only=True)
class Told:
    """A session, told by its charger; `wh` are one value a minute.

    `sound` registers are lifetimes whose session has a stop: of these parts may come
    before the start.
    """

    connector: int
    begin: int
    meter_start: int
    wh: tuple[int, ...]
    meter_stop: int | None
    sound: bool

    @property
    def end(self) -> int:
        return self.begin + len(self.wh) + 1

    def start(self) -> Start:
        return start(
            self.begin,
            connector=self.connector,
            id_tag=f"TAG{self.connector}",
            meter_start_wh=self.meter_start,
        )

    def register(self, place: int, number: int | None) -> Register:
        return register(
            self.begin + 1 + place, self.wh[place], number, connector=self.connector
        )

    def stop(self, number: int) -> Stop:
        return stop(
            number,
            self.end,
            meter_stop_wh=self.meter_stop,
            id_tag=f"TAG{self.connector}",
        )


@st.composite
def stories(draw: st.DrawFn) -> list[Told]:
    """Draw the sessions of two connectors of a charger, one after the other on each."""
    told = []
    for connector in (1, 2):
        lifetime = draw(st.integers(0, 10_000_000))
        clock = 0
        for _ in range(draw(st.integers(0, 3))):
            kind = draw(st.sampled_from(["lifetime", "relative", "reset", "open"]))
            steps = draw(st.lists(st.integers(0, 300), min_size=0, max_size=8))
            rises = [sum(steps[: place + 1]) for place in range(len(steps))]
            base = 0 if kind == "relative" else lifetime
            wh = [base + rise for rise in rises]
            if kind == "reset" and len(wh) > 3:
                fallen = wh[1]
                wh = wh[:2] + [each - fallen for each in wh[2:]]
            total = sum(steps) + 10
            meter_stop = None if kind == "open" else lifetime + total
            if kind == "reset" and wh:
                meter_stop = wh[-1] + 10
            clock += draw(st.integers(1, 90))
            told.append(
                Told(
                    connector=connector,
                    begin=clock,
                    meter_start=lifetime,
                    wh=tuple(wh),
                    meter_stop=meter_stop,
                    sound=kind == "lifetime",
                )
            )
            clock = told[-1].end
            lifetime += total
    return told


type Message = tuple[str, int, int]


def messages(story: list[Told]) -> list[Message]:
    """Return what is told, in its order: what, of which session, which value."""
    found: list[Message] = []
    for place, told in enumerate(story):
        found.append(("start", place, 0))
        found += [("register", place, value) for value in range(len(told.wh))]
        if told.meter_stop is not None:
            found.append(("stop", place, 0))
    return found


def disturbed(story: list[Told], chance: random.Random) -> list[Message]:
    """Return the same several times and in another order."""
    found = [
        message for message in messages(story) for _ in range(chance.randint(1, 3))
    ]
    chance.shuffle(found)
    for place, told in enumerate(story):
        if not told.sound:
            first = next(at for at, each in enumerate(found) if each[1] == place)
            found.insert(first, ("start", place, 0))
    for _ in range(chance.randint(0, 1)):
        found.insert(chance.randrange(len(found) + 1), ("restart", 0, 0))
    return found


def summary(sessions: list[Session]) -> list[object]:
    return [
        (
            each.connector, each.id_tag, each.state, each.started_at, each.ended_at,
            each.meter_start_wh, each.meter_stop_wh, each.energy_wh,
        )
        for each in sorted(sessions, key=lambda one: (one.connector, one.started_at))
    ]  # fmt: skip


async def books(story: list[Told], told: list[Message]) -> list[object]:
    """File what is told, and return what the ledger makes of it."""
    with tempfile.TemporaryDirectory() as folder:
        ledger = await opened(url(Path(folder)))
        numbers: dict[int, int] = {}
        for what, place, value in told:
            session = story[place] if story else None
            match what:
                case "restart":
                    await ledger.close()
                    ledger = await opened(url(Path(folder)))
                case "start" if session:
                    number = await ledger.open_transaction(session.start())
                    assert numbers.setdefault(place, number) == number
                case "register" if session:
                    reading = session.register(value, numbers.get(place))
                    ledger.record_registers([reading])
                case "stop" if session:
                    await _stop(ledger, session, numbers.get(place, -1))
        await ledger.flush()
        found = await ledger.sessions(SessionFilter(refused=True))
        await ledger.close()
        return summary(found)


async def _stop(ledger: Ledger, told: Told, number: int) -> None:
    await ledger.close_transaction(told.stop(number))


@settings(max_examples=60, deadline=None)
@given(story=stories(), chance=st.randoms(use_true_random=False))
def test_the_books_end_equal(story: list[Told], chance: random.Random) -> None:
    undisturbed = asyncio.run(books(story, messages(story)))
    assert asyncio.run(books(story, disturbed(story, chance))) == undisturbed
    assert len(undisturbed) == len(story)


def test_the_undisturbed_books_are_right() -> None:
    lifetime = Told(
        connector=1, begin=1, meter_start=500, wh=(600, 700), meter_stop=710, sound=True
    )
    relative = Told(
        connector=1,
        begin=9,
        meter_start=710,
        wh=(100, 200),
        meter_stop=920,
        sound=False,
    )
    found = asyncio.run(books([lifetime, relative], messages([lifetime, relative])))
    assert [each[-1] for each in found if isinstance(each, tuple)] == [210, 210]
    assert [each[4] for each in found if isinstance(each, tuple)] == [
        at(4).at,
        at(12).at,
    ]
