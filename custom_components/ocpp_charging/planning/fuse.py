"""Keeps what is charged below the house's fuses, from moment to moment.

Whatever the house's meter, a charger or the owner tells makes the shares anew
(`charging.sharing`); `csms.shares` brings them to the chargers. Where no fuse was
typed nothing is sent.
"""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime, timedelta
import logging
from typing import TYPE_CHECKING, Any, Final

from homeassistant.core import CALLBACK_TYPE, HassJob, callback
from homeassistant.helpers.event import async_call_later
from homeassistant.util import dt as dt_util

from ..charging.claims import Claim, House, Share, Shares, SharingState, Why
from ..charging.sharing import share
from ..csms.model import Change
from ..csms.shares import ShareKeeper
from ..vehicles.settings import NORMAL_PRIORITY
from .circuits import HomeCircuits, moved_up
from .claiming import Claimant, is_borne, safe_values
from .connector_plan import ConnectorPlan
from .fuse_issues import FuseIssues
from .fuse_meters import FuseMeters
from .happenings import Happened
from .site import car_name

if TYPE_CHECKING:
    from ..hub import Hub

_LOGGER = logging.getLogger(__name__)

VALID_FOR: Final = timedelta(minutes=3)
"""After this a charger that hears nothing more falls to its safe value."""
CALM: Final = timedelta(seconds=5)
"""So often all is looked at while a car charges, whatever is told."""
WAITING: Final = timedelta(seconds=1)
"""The same while a car waits for more."""

_SHORT: Final = frozenset({Why.FUSE, Why.CIRCUIT, Why.GRID_LIMIT, Why.METER_SILENT})
"""Why a car gets less than it asks for, from when on that is told."""

_TELLING: Final = (
    "transaction", "charging", "limit_a", "planned_limit_a", "held_by", "plan_there",
    "share_a", "share_ignored", "power", "current", "current_l1", "current_l2",
    "current_l3",
)  # fmt: skip

type Key = tuple[str, int]
"""The id of a charger's subentry, and the number of a connector."""


@dataclass(frozen=True, kw_only=True)
class Protected:
    """The fuse was protected: a car got less than it asked for."""

    at: datetime
    share: Share
    wanted_a: float
    circuit: str | None
    """What the owner calls the fuse; None where it is the grid that limits."""

    @property
    def about(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "current": self.share.current_a,
            "wanted": self.wanted_a,
            "why": self.share.why.value,
            "circuit": self.circuit,
        }


class Fuse:
    """Shares what the fuses of a home leave among all that is charged."""

    def __init__(self, hub: Hub) -> None:
        """Begin with no fuses; `async_start` reads them."""
        self._hub = hub
        self._hass = hub.hass
        self.home: HomeCircuits | None = None
        self.shares: dict[Key, Share] = {}
        """What each connector with a session gets now, and why."""
        self.protected: dict[Key, Protected] = {}
        """The last time that each got less than it asked for."""
        self.last: Shares | None = None
        self._claims: dict[Key, Claim] = {}
        self._short: set[Key] = set()
        self._state = SharingState()
        self._claimants: dict[Key, Claimant] = {}
        self._stops: dict[Key, list[Callable[[], None]]] = {}
        self._listeners: list[Callable[[], None]] = []
        self._meters = FuseMeters(hub, self.async_request)
        self._issues = FuseIssues(hub)
        self._grid_limit = hub.board.signals.limit
        self._started = False
        self._soon = False
        self._cancel_tick: CALLBACK_TYPE | None = None

    # What is so

    def share_of(self, key: Key) -> Share | None:
        """Return what a connector may draw now; None without a session or a fuse."""
        return self.shares.get(key)

    def claim_of(self, key: Key) -> Claim | None:
        """Return what a connector asked for; None without a session or a fuse."""
        return self._claims.get(key)

    def priority_of(self, key: Key) -> int:
        """Return who comes first where there is not enough: more is earlier."""
        claimant = self._claimants.get(key)
        return NORMAL_PRIORITY if claimant is None else claimant.priority

    def available_a(self, key: Key) -> float | None:
        """Return what a car gets, or would get, in A per phase; None without a fuse."""
        home, last = self.home, self.last
        given = self.shares.get(key)
        if given is not None and given.current_a < self._claims[key].wanted_a:
            return given.current_a
        claimant = self._claimants.get(key)
        if home is None or last is None or claimant is None:
            return None
        room = claimant.most_a
        for circuit in home.tree.path(home.of_charger(key[0]).key):
            for phase in claimant.phases(home):
                others = sum(
                    self.shares[other].current_a
                    for other, claim in self._claims.items()
                    if other != key
                    and phase in claim.lines
                    and circuit in home.tree.path(claim.circuit)
                )
                rest = last.rest_a[circuit.key][phase - 1]
                room = min(room, circuit.limit_a[phase - 1] - rest - others)
        return float(int(room)) if room >= claimant.plan.least_a else 0.0

    def safe_a(self, key: Key) -> float | None:
        """Return what a connector falls to when nobody tells; None without a fuse."""
        if self.home is None or key not in self._claimants:
            return None
        return safe_values(self._claimants, self.home)[key]

    def circuit_name(self, circuit: str | None) -> str | None:
        """Return what the owner calls a circuit."""
        known = None if self.home is None else self.home.by_key.get(circuit or "")
        return None if known is None else known.name

    def diagnostics(self) -> dict[str, Any]:
        """Return what is known of the fuses, without what the owner calls them."""
        if self.home is None:
            return {"circuits": 0}
        names = {each.key: f"circuit {n}" for n, each in enumerate(self.home.settings)}
        last = self.last
        return {
            "circuits": len(self.home.settings),
            "limits_a": {names[one.key]: one.limit_a for one in self.home.settings},
            "rest_a": {} if last is None else {
                names[key]: rest for key, rest in last.rest_a.items()
            },
            "silent": [] if last is None else [names[key] for key in last.silent],
            "shares": [
                {
                    "current_a": one.current_a,
                    "why": one.why.value,
                    "circuit": names.get(one.circuit or ""),
                    "wanted_a": self._claims[key].wanted_a,
                    "phases": self._claims[key].phases,
                }
                for key, one in self.shares.items()
            ],
        }  # fmt: skip

    @callback
    def listen(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Call `changed` when a share, or why it is what it is, changes."""
        self._listeners.append(changed)
        return lambda: self._listeners.remove(changed)

    # Following

    @callback
    def async_start(self) -> Callable[[], None]:
        """Begin to share; returns how to stop. What chargers were told stays there."""
        self._started = True
        stops = [
            self._meters.async_start(),
            self._hub.board.listen(lambda _topic: self._signals_changed()),
            self._hub.planning.async_follow(self._added),
        ]
        self.async_configure()

        def stop() -> None:
            self._started = False
            self._cancel()
            for one in stops:
                one()
            for key in tuple(self._stops):
                self._unfollow(key)

        return stop

    async def async_stop(self) -> None:
        """End the keepers; the shares expire by themselves."""
        for claimant in self._claimants.values():
            await claimant.keeper.stop()
        self._claimants.clear()

    @callback
    def async_configure(self) -> None:
        """Take over what the owner has typed."""
        if not self._started:
            return
        before, self.home = self.home, HomeCircuits.of(self._hub.entry)
        if before is not None and self.home is not None:
            for key, data in moved_up(self._hub.entry, before, self.home).items():
                self._hass.config_entries.async_update_subentry(
                    self._hub.entry, self._hub.entry.subentries[key], data=data
                )
        self._meters.async_follow(self.home)
        self._issues.async_note_main(self.home)
        self._signals_changed()
        if self.home is None:
            self._forget_shares()
            for claimant in self._claimants.values():
                self._release(claimant)
        self.async_request()

    @callback
    def async_forget(self, subentry_id: str) -> Coroutine[Any, Any, None]:
        """Share no more with a charger that was removed; returns what tells it so.

        Its share is taken off it, unless the fuse needs it: then it keeps to what is
        safe.
        """
        home = self.home
        keeps = home is not None and not is_borne(self._claimants, home, subentry_id)
        gone: list[tuple[Claimant, float]] = []
        for key in [each for each in self._claimants if each[0] == subentry_id]:
            safe_a = self.safe_a(key) or 0.0
            self._unfollow(key)
            claimant = self._claimants.pop(key)
            self.shares.pop(key, None)
            self.protected.pop(key, None)
            self._short.discard(key)
            self._issues.async_note_kept(claimant, kept=True)
            gone.append((claimant, safe_a))
        self.async_request()
        return self._let_go(gone, keeps=keeps)

    async def _let_go(self, gone: list[tuple[Claimant, float]], *, keeps: bool) -> None:
        for claimant, safe_a in gone:
            await claimant.let_go(safe_a if keeps else None)
            self._issues.async_note_left(claimant, safe_a if claimant.is_told else None)

    @callback
    def _added(self, plan: ConnectorPlan) -> None:
        timing = self._hub.central.timing
        keeper = ShareKeeper(plan.charger, plan.key[1], timing=timing)
        claimant = self._claimants[plan.key] = Claimant(plan, keeper)
        number = plan.key[1]
        changes: list[Change] = [(number, key) for key in _TELLING]
        changes += [(0, "connected"), (0, "settings")]
        self._stops[plan.key] = [
            plan.charger.listen_to(changes, self.async_request),
            plan.listen(self.async_request),
        ]
        self._issues.async_note_left(claimant, None)
        if self.home is None:
            self._release(claimant)
        self.async_request()

    def _unfollow(self, key: Key) -> None:
        for stop in self._stops.pop(key, ()):
            stop()

    def _release(self, claimant: Claimant) -> None:
        """Take a share off a charger for which there is no fuse any more."""
        if claimant.is_told or claimant.plan.connector.share_a is not None:
            self._run(claimant.keeper.release())
        self._issues.async_note_kept(claimant, kept=True)

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        _task = self._hub.entry.async_create_task(self._hass, work, "fuse")

    def _forget_shares(self) -> None:
        self.shares, self._claims, self.last = {}, {}, None
        self._short.clear()
        self._state = SharingState()
        self._issues.async_note_silent(None, frozenset(), dt_util.utcnow())

    @callback
    def _signals_changed(self) -> None:
        self._grid_limit = self._hub.board.signals.limit
        self.async_request()

    # Sharing

    @callback
    def async_request(self) -> None:
        """Share anew in a moment, with all that is told at the same time."""
        if not self._soon and self._started:
            self._soon = True
            self._hass.loop.call_soon(self._async_look)

    @callback
    def _async_tick(self, _now: datetime) -> None:
        self._cancel_tick = None
        self._async_look()

    @callback
    def _async_look(self) -> None:
        """Share what is free now."""
        self._soon = False
        if not self._started:
            return
        self._cancel()
        home = self.home
        if home is not None:
            try:
                self._share(home, dt_util.utcnow())
            except Exception:
                _LOGGER.exception("The fuses could not be shared")
        for listener in tuple(self._listeners):
            listener()

    def _share(self, home: HomeCircuits, now: datetime) -> None:
        asked = {key: one.claim(home, now) for key, one in self._claimants.items()}
        self._claims = {key: one for key, one in asked.items() if one is not None}
        readings = self._meters.readings(home)
        result = share(
            House(
                circuits=home.tree,
                other_a={each.key: each.other_by_phase for each in home.settings},
                voltage_v=self._meters.voltage_v,
            ),
            {car_name(key): one for key, one in self._claims.items()},
            readings,
            self._state,
            now,
            grid_limit_w=self._grid_limit.at(now),
        )
        self._state, self.last = result.state, result
        self.shares = {key: result.allowed[car_name(key)] for key in self._claims}
        for key, claimant in self._claimants.items():
            self._tell(key, claimant, now)
        self._issues.async_note_silent(
            home, result.silent if self._claims else frozenset(), now
        )
        if self._claims:
            waits = any(
                one.current_a < self._claims[key].wanted_a and one.why is not Why.UNUSED
                for key, one in self.shares.items()
            )
            self._cancel_tick = async_call_later(
                self._hass,
                WAITING if waits else CALM,
                HassJob(self._async_tick, cancel_on_shutdown=True),
            )

    def _tell(self, key: Key, claimant: Claimant, now: datetime) -> None:
        """Give a connector its share: while nothing is charged, the safe value."""
        safe_a = self.safe_a(key) or 0.0
        given = self.shares.get(key)
        if given is None or self._claims[key].wanted_a < self._claims[key].min_a:
            # It may begin while nobody looks.
            claimant.keeper.hold(safe_a, safe_a=safe_a, valid_for=None)
            self._short.discard(key)
        else:
            claimant.keeper.hold(given.current_a, safe_a=safe_a, valid_for=VALID_FOR)
            self._note_protected(key, given, now)
        self._issues.async_note_kept(claimant, kept=not claimant.keeper.ignored)

    def _note_protected(self, key: Key, given: Share, now: datetime) -> None:
        """Tell, once, that a car gets less than it asks for."""
        if given.why is Why.WANTED:
            self._short.discard(key)
        elif given.why in _SHORT and key not in self._short:
            self._short.add(key)
            told = self.protected[key] = Protected(
                at=now,
                share=given,
                wanted_a=self._claims[key].wanted_a,
                circuit=self.circuit_name(given.circuit),
            )
            self._claimants[key].plan.happenings.tell(
                Happened.FUSE_PROTECTED, told.about
            )

    def _cancel(self) -> None:
        if self._cancel_tick is not None:
            self._cancel_tick()
            self._cancel_tick = None
