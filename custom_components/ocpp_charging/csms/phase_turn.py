"""What there is to switching a charger between one phase and three by a plan.

A car is given nothing for a moment before, as many chargers and some cars take harm
from a contactor that opens under load; and who ignores the number is found out.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from .charger import Charger
from .connector import Connector
from .model import PhasesTold, Reading
from .schedules import NOMINAL_VOLTAGE, Fitted, PlannedCurrent, PlannedSchedule

PAUSE = timedelta(seconds=30)
"""So long a car is given nothing before its phases change: it ends at its own pace."""

IN_USE_A = 1.0
"""A phase with less than this is not charged on."""

_DAY = timedelta(days=1)
_PHASES = ("l1", "l2", "l3")


def with_pauses(
    schedule: PlannedSchedule, now: datetime, there: Fitted | None, *, charging: bool
) -> PlannedSchedule:
    """Return a plan with a pause wherever the phases change while the car charges.

    `there` is what is on the charger: it says on how many phases a car that is
    `charging` does so now, and whether a pause is under way. A plan without a number
    of phases has no pauses.
    """
    rows: list[PlannedCurrent] = []
    before, until = _present(schedule, now, there, charging=charging)
    for each in schedule.periods:
        pauses = (
            each.end > now
            and each.current_a > 0
            and each.phases is not None
            and before not in {None, each.phases}
        )
        if pauses:
            ends = min(each.end, until or max(now, each.start) + PAUSE)
            rows.append(replace(each, end=ends, current_a=0.0, phases=before))
            if ends < each.end:
                rows.append(replace(each, start=ends))
        else:
            rows.append(each)
        if each.end > now:
            before = each.phases if each.current_a > 0 else None
            until = None
    return replace(schedule, periods=tuple(rows))


def _present(
    schedule: PlannedSchedule, now: datetime, there: Fitted | None, *, charging: bool
) -> tuple[int | None, datetime | None]:
    """Return the phases of a car that charges, and when a pause of it ends."""
    allowed_a = None if there is None else there.at(now)
    if there is None or allowed_a is None or schedule.start > now:
        return None, None
    phases = there.phases_at(now)
    if allowed_a > 0:
        return (phases if charging else None), None
    ends = there.next_edge(now)
    if ends is None or ends - now > PAUSE or not there.at(ends):
        return None, None
    return (None, None) if there.phases_at(ends) == phases else (phases, ends)


def note(charger: Charger, connector_id: int, phases: int, now: datetime) -> None:
    """Keep on how many phases a connector charges by its plan, and when that changed.

    So the rests between two switches outlive a restart of ours.
    """
    known = charger.memory.phases.get(connector_id)
    if known is not None and known.phases == phases:
        return
    switched: tuple[datetime, ...] = ()
    if known is not None:
        lately = (at for at in known.switched if now - at < _DAY)
        switched = (*lately, now)
    told = PhasesTold(phases=phases, switched=switched)
    charger.remember(phases={**charger.memory.phases, connector_id: told})


def in_use(connector: Connector) -> Reading | None:
    """Return on how many phases the car charges, None where that is not measured.

    It is seen by the currents, else by what the power is for one current.
    """
    currents = [
        reading
        for phase in _PHASES
        if (reading := connector.readings.get(f"current_{phase}")) is not None
    ]
    if currents:
        latest = max(each.at for each in currents)
        return Reading(value=float(_flowing(currents)), at=latest)
    current, power = connector.readings.get("current"), connector.readings.get("power")
    if current is None or power is None or current.value < IN_USE_A:
        return None
    voltage_v = connector.reading("voltage") or NOMINAL_VOLTAGE
    count = min(3, max(1, round(power.value / (voltage_v * current.value))))
    return Reading(value=float(count), at=max(current.at, power.at))


def _flowing(currents: Iterable[Reading]) -> int:
    return sum(each.value >= IN_USE_A for each in currents)


class PhaseWatch:
    """Notices a charger that goes on with three phases when it is told one."""

    def __init__(self, patience_s: float) -> None:
        """Begin; who uses too many for longer than that ignores the number."""
        self._patience = timedelta(seconds=patience_s)
        self._stale: datetime | None = None
        self._first: datetime | None = None
        self._since: datetime | None = None

    @property
    def suspects(self) -> bool:
        """Say whether too many phases were used lately."""
        return self._first is not None

    def begin(self, connector: Connector) -> None:
        """Begin anew: what was measured before is past."""
        measured = in_use(connector)
        self._stale = None if measured is None else measured.at
        self._first = self._since = None

    def ignores(self, connector: Connector, phases: int, now: datetime) -> bool:
        """Say whether more phases were used than told, in readings far enough apart."""
        measured = in_use(connector)
        if measured is None or measured.at == self._stale:
            return False
        if measured.value <= phases:
            self._first = self._since = None
            return False
        if self._first is None or self._since is None:
            self._first, self._since = measured.at, now
            return False
        return measured.at > self._first and now - self._since > self._patience
