"""Being there: dialling, redialling, registering, and signs of life."""

import asyncio
import contextlib
from enum import StrEnum
import re
from typing import TYPE_CHECKING, Any

from .clock import Timer, parse_timestamp
from .errors import CallTimeout, Disconnected, SimulatedCallError
from .outbox import Outgoing
from .quirks import KeyChange, KeyFormat

if TYPE_CHECKING:
    from .charge_point import ChargePoint

type Json = dict[str, Any]


class Registration(StrEnum):
    """What the central system said to BootNotification (OCPP 1.6 §7.39)."""

    NONE = "None"
    ACCEPTED = "Accepted"
    PENDING = "Pending"
    REJECTED = "Rejected"


class Presence:
    """Keeps one charge point connected and registered."""

    def __init__(self, charge_point: ChargePoint) -> None:
        """Start off-line and unregistered."""
        self._cp = charge_point
        self.registration = Registration.NONE
        self.boot_due = True
        """Whether the next connection begins with BootNotification."""
        self.ready = False
        """Registered, and known to be so on the present connection."""
        self.connections = 0
        self.failures = 0
        """How many attempts to dial have failed."""
        self.last_error: OSError | None = None
        """Why the last attempt to dial failed; None after a success."""
        self.key: bytes | None = _key_bytes(charge_point.options.password)
        self._next_key: bytes | None = None
        self._heartbeat: Timer | None = None
        self._ping: Timer | None = None
        self._down_s = 0.0
        self._retry_at_once = asyncio.Event()

    async def stay(self) -> None:
        """Connect, and connect again, for ever."""
        attempt = 0
        backoff = self._cp.options.reconnect_backoff_s
        while True:
            await self._cp.faults.network()
            if self._down_s:
                seconds, self._down_s = self._down_s, 0.0
                await self._cp.clock.sleep_wall(seconds)
                self._cp.power_up()
            try:
                await self.connect()
            except OSError as error:
                self.last_error = error
                self.failures += 1
                self._cp.changed()
            else:
                attempt = 0
                await self._session()
            if self._down_s:
                continue
            wait_s = backoff[min(attempt, len(backoff) - 1)]
            attempt += 1
            await self._cp.clock.sleep_wall(wait_s)

    async def connect(self) -> None:
        """Dial once."""
        if self._cp.quirks.key_change is not KeyChange.AFTER_REBOOT:
            self._use_next_key()
        wire, vault = self._cp.wire, self._cp.vault
        if vault.changed and self._cp.quirks.lost_after_profile:
            raise OSError("lost after its security profile was changed")
        wire.secured, wire.client_file = vault.raised, vault.shown
        await wire.dial(None if vault.shown else self.key)
        self.last_error = None
        self.connections += 1
        self._arm_ping()
        self._cp.changed()

    async def _session(self) -> None:
        """Register, then serve until the connection is gone."""
        registering = asyncio.create_task(self._register())
        try:
            await self._cp.wire.closed.wait()
        finally:
            registering.cancel()
            # Who is cancelled itself meanwhile must not take that for the other's end.
            await asyncio.wait([registering])
        if not registering.cancelled():
            registering.result()

    def ended(self) -> None:
        """Note that there is no connection any more."""
        for timer in (self._heartbeat, self._ping):
            if timer:
                timer.cancel()
        self._heartbeat = self._ping = None
        self.ready = False
        self._cp.outbox.offline()
        if (
            self._cp.options.boot_on_reconnect
            and not self._cp.quirks.no_boot_after_reconnect
        ):
            self.boot_due = True
        self._cp.changed()

    async def _register(self) -> None:
        """Send BootNotification until it is accepted (OCPP 1.6 §4.2)."""
        if not self.boot_due and self.registration is Registration.ACCEPTED:
            self._accepted(self._cp.configuration.integer("HeartbeatInterval"))
            quirk = self._cp.quirks.no_status_after_reconnect
            if self._cp.options.status_on_reconnect and not quirk:
                self._cp.reporter.all()
            self._cp.changed()
            return
        self._cp.outbox.online(accepted=False)
        while True:
            wait_s = self._cp.options.boot_retry_s
            try:
                wait_s = await self.boot() or wait_s
            except SimulatedCallError, CallTimeout:
                self._cp.changed()
            except Disconnected:
                return
            except (KeyError, TypeError, ValueError) as error:
                self._cp.violations.append(
                    f"BootNotification answered with nonsense: {error!r}"
                )
            if self.registration is Registration.ACCEPTED:
                return
            await self._wait_for_trigger(wait_s)

    async def _wait_for_trigger(self, seconds: float) -> None:
        """Wait for the retry interval, or for a TriggerMessage asking for Boot."""
        self._retry_at_once.clear()
        timer = self._cp.clock.later_wall(seconds, self._retry_at_once.set)
        try:
            await self._retry_at_once.wait()
        finally:
            timer.cancel()

    async def boot(self) -> int:
        """Send one BootNotification, act on the answer, return its interval in s."""
        asked_at = self._cp.device.now()
        answer = await self._cp.wire.call("BootNotification", self.boot_payload())
        self._cp.device.set(parse_timestamp(answer["currentTime"]), asked_at)
        self.registration = Registration(answer["status"])
        interval = int(answer["interval"])
        if self.registration is Registration.ACCEPTED:
            self.boot_due = False
            if interval > 0:
                self._cp.configuration.define("HeartbeatInterval", str(interval))
            self._accepted(interval)
            self._cp.reporter.all()
            self._cp.booted()
        else:
            self._cp.outbox.online(accepted=False)
        self._cp.changed()
        return interval

    def trigger_boot(self) -> None:
        """Send BootNotification soon, whatever the state of the registration."""
        if self.registration is Registration.ACCEPTED:
            self._cp.spawn(self._boot_again())
        else:
            self._retry_at_once.set()

    async def _boot_again(self) -> None:
        # Nobody waits for it; what the central system says decides nothing new.
        with contextlib.suppress(
            SimulatedCallError, CallTimeout, Disconnected, KeyError, ValueError
        ):
            await self.boot()

    def boot_payload(self) -> Json:
        """Return the payload of BootNotification (OCPP 1.6 §6.3)."""
        options = self._cp.options
        payload = {
            "chargePointVendor": options.vendor,
            "chargePointModel": options.model,
            "chargePointSerialNumber": options.serial_number,
            "firmwareVersion": self._cp.firmware,
        }
        if options.meter_type:
            payload["meterType"] = options.meter_type
        return payload

    def heartbeat_now(self) -> None:
        """Post a heartbeat out of turn."""
        asked_at = self._cp.device.now()

        def build() -> Json:
            nonlocal asked_at
            asked_at = self._cp.device.now()
            return {}

        def take(answer: Json) -> None:
            self._cp.device.set(parse_timestamp(answer["currentTime"]), asked_at)

        self._cp.outbox.post(
            Outgoing(
                action="Heartbeat", build=build, before_accepted=True, on_result=take
            )
        )

    def rearm(self) -> None:
        """Take over changed intervals of heartbeat and ping."""
        if self._heartbeat:
            self._heartbeat.cancel()
            self._arm_heartbeat(self._cp.configuration.integer("HeartbeatInterval"))
        self._arm_ping()

    def change_key(self, text: str) -> None:
        """Take over a new AuthorizationKey in the way this charge point does."""
        change = self._cp.quirks.key_change
        if change is KeyChange.NEVER:
            return
        self._next_key = key_from_text(text, self._cp.quirks.key_format)
        if change is KeyChange.AT_ONCE:
            self._cp.spawn(self._cp.wire.close())

    def go_down(self, seconds: float) -> None:
        """Forget the registration, for a reboot that takes so long."""
        self.registration = Registration.NONE
        self.boot_due = True
        self._down_s = max(seconds, 1e-6)
        self._use_next_key()

    def _use_next_key(self) -> None:
        if self._next_key is not None:
            self.key, self._next_key = self._next_key, None

    def _accepted(self, interval_s: int) -> None:
        self._cp.outbox.online(accepted=True)
        self.ready = True
        self._arm_heartbeat(interval_s)

    def _arm_heartbeat(self, interval_s: int) -> None:
        if interval_s <= 0:
            return

        def fire() -> None:
            self._heartbeat = self._cp.clock.later_wall(interval_s, fire)
            self.heartbeat_now()

        if self._heartbeat:
            self._heartbeat.cancel()
        self._heartbeat = self._cp.clock.later_wall(interval_s, fire)

    def _arm_ping(self) -> None:
        interval_s = self._cp.configuration.integer("WebSocketPingInterval")
        if self._ping:
            self._ping.cancel()
            self._ping = None
        if interval_s <= 0 or not self._cp.connected:
            return

        def fire() -> None:
            self._ping = self._cp.clock.later_wall(interval_s, fire)
            self._cp.spawn(self._cp.wire.ping())

        self._ping = self._cp.clock.later_wall(interval_s, fire)


def key_from_text(text: str, key_format: KeyFormat) -> bytes:
    """Return the password that an AuthorizationKey stands for (OCPP-J 1.6 §6.2.2)."""
    if key_format is KeyFormat.HEX and re.fullmatch(r"(?:[0-9A-Fa-f]{2}){16,20}", text):
        return bytes.fromhex(text)
    return text.encode()


def _key_bytes(password: bytes | str | None) -> bytes | None:
    return password.encode() if isinstance(password, str) else password
