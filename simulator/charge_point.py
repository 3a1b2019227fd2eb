"""A simulated charge point over OCPP 1.6J: the parts put together."""

import asyncio
from collections.abc import Callable, Coroutine
import contextlib
import logging
from types import TracebackType
from typing import Any, Self

from .answers import Override
from .authorization import Authorizer
from .car import Car
from .clock import Clock, DeviceClock, RealClock
from .commands import Dispatcher
from .configuration import configuration_of
from .connector import Connector, Fault, Grant, Status
from .errors import Disconnected
from .faults import Faults
from .meter import Context
from .options import ChargePointOptions
from .outbox import Outbox
from .physics import Physics
from .presence import Presence, Registration
from .profiles import ProfileStack, Supplied
from .reporting import StatusReporter
from .sampling import Sampler
from .transactions import Transactions
from .vault import Vault
from .waiting import Waiters
from .wire import Frame, Json, Wire

_LOGGER = logging.getLogger(__name__)


class ChargePoint:
    """One charge point with its connectors.

    `connect` dials once and answers what comes; `start` keeps it connected and
    registered in the background, `stop` ends that; `async with` does both. Everything
    that happens on site (plug, tag, fault, reboot) is a method. `wait_for` waits for a
    state.
    """

    def __init__(
        self, options: ChargePointOptions, *, clock: Clock | None = None
    ) -> None:
        """Build it, within a running event loop: its timers live there."""
        self.options = options
        self.quirks = options.quirks
        self.clock = clock or RealClock()
        self.device = DeviceClock(
            self.clock,
            offset_s=options.clock_offset_s,
            drift_ppm=options.clock_drift_ppm,
            follow=options.follow_server_time,
        )
        self.firmware = options.firmware
        self.operative = True
        """Availability of the charge point as a whole, connector 0."""
        self.connectors = {
            number: Connector(number, options)
            for number in range(1, options.connectors + 1)
        }
        self.configuration = configuration_of(options)
        self.answers: dict[str, Override] = {}
        """Answers by action that take the place of the charge point's own."""
        self.errors: list[BaseException] = []
        """What went wrong inside the simulator itself; should be empty."""
        self._waiters = Waiters()
        self._tasks: set[asyncio.Task[None]] = set()
        self._sending: asyncio.Task[None] | None = None
        self._staying: asyncio.Task[None] | None = None

        self.dispatcher: Dispatcher = Dispatcher(self)
        self.presence: Presence = Presence(self)
        self.vault = Vault(self)
        self.wire = Wire(
            options,
            on_call=self._answer,
            on_closed=self.presence.ended,
            changed=self.changed,
        )
        self.outbox = Outbox(
            self.wire.call,
            self.clock,
            self.configuration,
            self.quirks,
            changed=self.changed,
            complain=self.violations.append,
        )
        self.stack = ProfileStack(
            Supplied(
                phases=options.phases,
                voltage_v=options.voltage_v,
                max_current_a=options.max_current,
            ),
            tx_profile_hides_default=self.quirks.tx_profile_hides_default,
        )
        self.physics = Physics(
            self.clock,
            self.device,
            self.stack,
            self.connectors,
            self._settled,
            quirks=self.quirks,
            most_a=options.max_current,
        )
        self.sampler = Sampler(
            options,
            self.clock,
            self.device,
            self.configuration,
            self.outbox,
            self.connectors,
            self.refresh,
        )
        self.authorizer = Authorizer(
            self.configuration, self._authorize, self.device.now
        )
        self.transactions = Transactions(self)
        self.reporter = StatusReporter(self)
        self.configuration.on_change = self._configured

    # What one sees

    @property
    def identity(self) -> str:
        """Return the charge point identity."""
        return self.options.identity

    @property
    def connected(self) -> bool:
        """Return whether the socket is open."""
        return self.wire.connected

    @property
    def accepted(self) -> bool:
        """Return whether it is connected and registered."""
        return self.connected and self.presence.ready

    @property
    def registration(self) -> Registration:
        """Return what the central system said to the last BootNotification."""
        return self.presence.registration

    @property
    def last_error(self) -> OSError | None:
        """Return why the last attempt to dial failed, None after a success."""
        return self.presence.last_error

    @property
    def faults(self) -> Faults:
        """Return the faults one can have on demand."""
        return self.wire.faults

    @property
    def sent(self) -> list[Frame]:
        """Return the last frames sent, oldest first."""
        return list(self.wire.sent)

    @property
    def received(self) -> list[Frame]:
        """Return the last frames received, oldest first."""
        return list(self.wire.received)

    @property
    def frames(self) -> list[Frame]:
        """Return the last frames of both directions in their order."""
        return list(self.wire.frames)

    @property
    def violations(self) -> list[str]:
        """Return what the central system did that OCPP forbids."""
        return self.wire.violations

    def connector(self, number: int = 1) -> Connector:
        """Return a connector with its meter as of now; the first is 1."""
        self.physics.accrue()
        return self.connectors[number]

    @property
    def status(self) -> Status:
        """Return the status of connector 0, the charge point as a whole."""
        return Status.AVAILABLE if self.operative else Status.UNAVAILABLE

    def sent_calls(self, action: str) -> list[Any]:
        """Return the payloads of the last calls of an action made, oldest first."""
        return [frame.payload for frame in self.wire.sent if frame.action == action]

    def received_calls(self, action: str) -> list[Any]:
        """Return the payloads of the last calls of an action received, oldest first."""
        return [frame.payload for frame in self.wire.received if frame.action == action]

    # Connection

    async def connect(self) -> None:
        """Dial once, and from then on answer calls; no BootNotification is sent.

        Raises HandshakeRefused (with `.status`) or another OSError.
        """
        await self.presence.connect()

    async def disconnect(self) -> None:
        """Close the connection cleanly; started charge points connect again."""
        await self.wire.close()

    async def boot(self) -> Registration:
        """Send BootNotification once over a connection made by `connect`."""
        self._run_outbox()
        self.sampler.rearm()
        await self.presence.boot()
        return self.presence.registration

    async def start(self) -> None:
        """Stay connected and registered in the background."""
        if not self._staying:
            self._run_outbox()
            self._staying = asyncio.create_task(self._guard(self.presence.stay()))
            self.sampler.rearm()

    async def stop(self) -> None:
        """End everything that runs, and the connection."""
        tasks = [task for task in (self._sending, self._staying, *self._tasks) if task]
        self._sending = self._staying = None
        for task in tasks:
            task.cancel()
        self.faults.thaw()
        await self.wire.close()
        self.presence.ended()
        self.sampler.stop()
        self.physics.stop()
        if tasks:
            await asyncio.wait(tasks)

    async def __aenter__(self) -> Self:
        """Start."""
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop."""
        await self.stop()

    async def call(
        self, action: str, payload: Json, message_id: str | None = None
    ) -> Json:
        """Make any call and return the payload of the answer.

        Raises SimulatedCallError, CallTimeout or Disconnected.
        """
        return await self.wire.call(action, payload, message_id)

    async def send_raw(self, text: str) -> None:
        """Send any text as one WebSocket message."""
        await self.wire.send(text)

    async def wait_for[T](
        self, predicate: Callable[[ChargePoint], T], timeout: float | None = 20.0
    ) -> T:
        """Wait until the predicate is true and return what it returned.

        It is asked after every frame and every change of state. The time-out (None for
        never) is of the real world; TimeoutError tells the state there was instead.
        """
        try:
            async with asyncio.timeout(timeout):
                return await self._waiters.until(lambda: predicate(self))
        except TimeoutError:
            raise TimeoutError(f"not within {timeout} s: {self.describe()}") from None

    async def until_accepted(self, timeout: float = 20.0) -> None:
        """Wait until it is connected, registered, and has nothing left to tell."""
        await self.wait_for(lambda cp: cp.accepted and cp.outbox.empty, timeout)

    def describe(self) -> str:
        """Return the state in one line."""
        self.physics.accrue()
        connectors = "; ".join(
            f"connector {one.id} {one.status}, transaction {one.transaction_id}, "
            f"{one.power_w:.0f} W, {one.register_wh:.0f} Wh, limit {one.limit_a:g} A"
            for one in self.connectors.values()
        )
        online = "connected" if self.connected else f"not connected ({self.last_error})"
        return (
            f"{self.identity} {online}, registration {self.registration}; {connectors}"
        )

    # On site

    async def plug(self, number: int = 1, car: Car | None = None) -> Car:
        """Plug in a car, a usual one if none is given."""
        connector = self.connector(number)
        self.refresh()
        connector.car = car or Car()
        if connector.grant:
            self.transactions.start(connector, connector.grant)
        elif self.options.autostart_tag and connector.may_start(
            self.options.autostart_tag
        ):
            self.transactions.start(connector, Grant(id_tag=self.options.autostart_tag))
        self.refresh()
        return connector.car

    async def unplug(self, number: int = 1) -> None:
        """Unplug the car, which ends a transaction unless configured otherwise."""
        connector = self.connector(number)
        self.refresh()
        connector.car = None
        connector.finished = False
        if self.configuration.boolean("StopTransactionOnEVSideDisconnect"):
            self.transactions.stop(connector, "EVDisconnected")
        self.refresh()

    async def present_tag(self, number: int, id_tag: str) -> bool:
        """Hold an RFID card to a connector; return whether it was accepted.

        It ends the transaction of the same tag or group, and otherwise begins one, or
        lets one begin if a car is plugged in within ConnectionTimeOut.
        """
        connector = self.connector(number)
        if connector.transaction:
            return await self._present_to_stop(connector, id_tag)
        if not await self.authorizer.allowed(id_tag, online=self.accepted):
            return False
        if not connector.may_start(id_tag, self.authorizer.parent(id_tag)):
            return False
        self.transactions.grant(connector, Grant(id_tag=id_tag))
        return True

    async def _present_to_stop(self, connector: Connector, id_tag: str) -> bool:
        transaction = connector.transaction
        if transaction and transaction.id_tag.casefold() != id_tag.casefold():
            if not await self.authorizer.allowed(id_tag, online=self.accepted):
                return False
            group = self.authorizer.parent(id_tag)
            if group is None or group != self.authorizer.parent(transaction.id_tag):
                return False
        self.transactions.stop(connector, "Local", id_tag)
        return True

    async def stop_locally(self, number: int = 1, reason: str = "Local") -> None:
        """End a transaction with a button on the charge point."""
        self.transactions.stop(self.connector(number), reason)

    def pause_car(self, number: int = 1, paused: bool = True) -> None:
        """Let the car itself pause or go on."""
        self.refresh()
        car = self.connector(number).car
        if car:
            car.paused = paused
        self.refresh()

    def fault(
        self,
        number: int,
        error_code: str = "OtherError",
        *,
        info: str | None = None,
        vendor_error_code: str | None = None,
    ) -> None:
        """Put a connector out of order; a transaction goes on without current."""
        self.refresh()
        self.connector(number).fault = Fault(
            error_code=error_code, info=info, vendor_error_code=vendor_error_code
        )
        self.refresh()

    def clear_fault(self, number: int = 1) -> None:
        """Put a connector in order again."""
        self.refresh()
        self.connector(number).fault = None
        self.refresh()

    async def reboot(self, *, hard: bool = False, reason: str | None = None) -> None:
        """Restart: hard like a power cut, soft in good order (OCPP 1.6 §5.14).

        Running transactions end, with `reason` PowerLoss or Reboot unless another is
        given; after a hard reboot that is reported once Boot has been accepted.
        """
        if hard:
            self.wire.abort()
            self.presence.go_down(self.options.reboot_s)
            self.outbox.offline()
            self.transactions.power_lost(reason or "PowerLoss")
        else:
            for connector in self.connectors.values():
                self.transactions.stop(connector, reason or "Reboot")
            with contextlib.suppress(TimeoutError):
                await self.wait_for(lambda cp: cp.outbox.empty or not cp.accepted, 5)
            self.presence.go_down(self.options.reboot_s)
            await self.wire.close()
        self.refresh()
        self.physics.powered = False
        self.refresh()
        self.sampler.stop()
        if not self._staying:
            self.power_up()

    # For the parts

    def changed(self) -> None:
        """Ask everyone who waits for a state again."""
        self._waiters.ask()

    def refresh(self) -> None:
        """Bring meters, limits and statuses to now."""
        self.physics.refresh()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something in the background until it is done or the charge point stops."""
        task = asyncio.create_task(self._guard(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def ask_for_certificate(self) -> None:
        """Send SignCertificate with a new key (OCPP 1.6 security, A02)."""
        csr = await asyncio.to_thread(self.vault.request)
        await self.wire.call("SignCertificate", {"csr": csr})

    def begin_remotely(self, connector: Connector, grant: Grant) -> None:
        """Act on an accepted RemoteStartTransaction."""
        if self.quirks.remote_start_without_effect:
            return
        if self.quirks.remote_start_delay_s:
            self.clock.later_wall(
                self.quirks.remote_start_delay_s,
                lambda: self._begin(connector, grant),
            )
        else:
            self._begin(connector, grant)

    def _begin(self, connector: Connector, grant: Grant) -> None:
        if self.configuration.boolean("AuthorizeRemoteTxRequests"):
            self.spawn(self._begin_if_allowed(connector, grant))
        else:
            self.transactions.grant(connector, grant)

    def power_up(self) -> None:
        """Come back after a reboot."""
        for connector in self.connectors.values():
            connector.finished = False
            connector.grant = None
        self.configuration.reboot()
        if self.quirks.forgets_profiles:
            self.stack.clear()
        self.physics.powered = True
        self.refresh()
        self.sampler.rearm()

    def booted(self) -> None:
        """Note that a BootNotification was accepted."""
        self.dispatcher.maintenance.booted()

    def send_meter_values(self, connector: Connector) -> None:
        """Post triggered meter values."""
        self.refresh()
        self.sampler.send(connector, Context.TRIGGER)

    def _settled(self) -> None:
        """Report the statuses that a refresh has changed."""
        self.reporter.changes()
        self.transactions.settled()
        self.changed()

    async def _answer(self, message_id: str, action: str, payload: Json) -> None:
        await self._guard(self.dispatcher.answer(message_id, action, payload))

    async def _authorize(self, id_tag: str) -> Json:
        answer = await self.wire.call("Authorize", {"idTag": id_tag})
        info: Json = answer["idTagInfo"]
        return info

    async def _begin_if_allowed(self, connector: Connector, grant: Grant) -> None:
        if await self.authorizer.allowed(grant.id_tag, online=self.accepted):
            self.transactions.grant(connector, grant)

    def _configured(self, name: str) -> None:
        """Take over a changed configuration key."""
        match name:
            case "MeterValueSampleInterval" | "ClockAlignedDataInterval":
                self.sampler.rearm()
            case "HeartbeatInterval" | "WebSocketPingInterval":
                self.presence.rearm()
            case "SecurityProfile":
                if not self.quirks.ignores_profile:
                    self.vault.profile_changed()
            case "AuthorizationKey":
                self.presence.change_key(self.configuration["AuthorizationKey"])

    def _run_outbox(self) -> None:
        if not self._sending:
            self._sending = asyncio.create_task(self._guard(self.outbox.run()))

    async def _guard(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something of our own; what it raises is kept and logged."""
        try:
            await work
        except Disconnected:
            # The connection went away under it, which every task has to live with.
            self.changed()
        except Exception as error:
            _LOGGER.exception(
                "A part of the simulated charge point %s failed", self.identity
            )
            self.errors.append(error)
            self.changed()
