"""What is filed in the ledger, and what it gives back.

Energy is in whole Wh and every datetime is aware. A charger's clock may be wrong: the
time that it wrote is kept beside what it is by ours (`ChargerTime`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

MAX_TRANSACTION_ID = 2**31 - 1
"""Greater ids are a charger's way to say that there is no transaction."""


def shifted(when: datetime, by: timedelta) -> datetime:
    """Return a moment that much later; the same where that is beyond the calendar."""
    try:
        return when + by
    except OverflowError:
        return when


class SessionState(StrEnum):
    """Where a session stands; an orphan is an end whose beginning nobody knows."""

    RUNNING = "running"
    ENDED = "ended"
    ORPHAN = "orphan"


class RegisterKind(StrEnum):
    """What a register value was read for.

    A `BEGIN` repeats what the register showed when the transaction began, whenever it
    is told.
    """

    SAMPLE = "sample"
    BEGIN = "begin"
    END = "end"


@dataclass(frozen=True, kw_only=True)
class ChargerTime:
    """A moment by a charger's clock, and how many seconds that clock is ahead."""

    raw: datetime
    ahead_s: int = 0

    @property
    def at(self) -> datetime:
        """Return the moment by our clock."""
        return shifted(self.raw, timedelta(seconds=-self.ahead_s))


@dataclass(frozen=True, kw_only=True)
class Start:
    """The beginning of a session.

    Charger, connector, tag, the charger's time and the meter's value identify it: a
    start that is told again is the same. `charger_transaction_id` is the id of a
    session that was found running under a number that the ledger never gave.
    """

    charger: str
    connector: int
    id_tag: str | None
    time: ChargerTime
    meter_start_wh: int | None
    accepted: bool = True
    charger_transaction_id: int | None = None


@dataclass(frozen=True, kw_only=True)
class Register:
    """What an energy register showed; `transaction_id` is what the charger named."""

    charger: str
    connector: int
    transaction_id: int | None
    time: ChargerTime
    wh: int
    kind: RegisterKind = RegisterKind.SAMPLE


@dataclass(frozen=True, kw_only=True)
class Stop:
    """The end of a session, under the transaction id that the charger named.

    `registers` are those told with it (OCPP 1.6 §4.10, transactionData); their own
    `transaction_id` does not count.
    """

    charger: str
    transaction_id: int
    time: ChargerTime
    meter_stop_wh: int | None
    reason: str | None = None
    id_tag: str | None = None
    connector: int | None = None
    registers: tuple[Register, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ChargerRecord:
    """What is known of a charger: all but the identity is for its owner to read."""

    identity: str
    accepted: bool = False
    info: Mapping[str, Any] = field(default_factory=dict)
    features: Mapping[str, Any] = field(default_factory=dict)
    memory: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """What was settled, in sum: money, CO2 in g, energy in Wh.

    What was never known is None: the `amount` without any price, or in two currencies,
    the CO2 without a source of it, the sun's energy without a meter. `settled_wh` is
    what was looked at, `priced_wh` the part of it with a price.
    """

    amount: float | None = None
    currency: str | None = None
    co2_g: int | None = None
    solar_wh: int | None = None
    settled_wh: int = 0
    priced_wh: int = 0


@dataclass(slots=True, kw_only=True)
class Session:
    """A session as the ledger tells it.

    `energy_wh` is None when it cannot be known. `gap_s` is for how many seconds it is
    not known what flowed, `notes` say what was wrong (`energy.Note`). The raw times
    are the charger's own.
    """

    id: int
    charger: str
    connector: int
    id_tag: str | None
    charger_transaction_id: int | None
    state: SessionState
    accepted: bool
    started_at: datetime
    raw_started_at: datetime
    meter_start_wh: int | None
    ended_at: datetime | None
    raw_ended_at: datetime | None
    meter_stop_wh: int | None
    reason: str | None
    energy_wh: int | None
    gap_s: int
    notes: tuple[str, ...]
    cost: Cost = field(default_factory=Cost)

    @property
    def unpriced_wh(self) -> int | None:
        """Return how much of its energy has no price; what it takes now comes later."""
        if self.energy_wh is None:
            return None
        running = self.state is SessionState.RUNNING
        looked_at = self.cost.settled_wh if running else self.energy_wh
        return max(0, looked_at - self.cost.priced_wh)


@dataclass(frozen=True, kw_only=True)
class SessionFilter:
    """Which sessions are asked for: those that all given conditions hold for.

    A session counts by when it began: from `since` on and before `until`. Those of a
    refused tag are none, unless `refused` asks for them too.
    """

    since: datetime | None = None
    until: datetime | None = None
    charger: str | None = None
    connector: int | None = None
    id_tag: str | None = None
    state: SessionState | None = None
    ids: frozenset[int] | None = None
    refused: bool = False
    limit: int | None = None
    newest_first: bool = False


@dataclass(frozen=True, kw_only=True)
class Totals:
    """How many sessions there are, since when, what they took, in Wh, and what it cost.

    `unpriced_wh` is what of it has no price; what is taken now gets one soon.
    """

    sessions: int
    energy_wh: int
    began_at: datetime | None
    cost: Cost = field(default_factory=Cost)
    unpriced_wh: int = 0
