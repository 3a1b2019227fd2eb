"""The central system: a WebSocket server that chargers dial in to (OCPP-J 1.6 §3)."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from http import HTTPStatus
import logging
import ssl
from typing import Any

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request as HttpRequest, Response

from .admission import Door
from .allowance import MessageAllowance
from .authorizer import Authorizer
from .bounds import MAX_FRAMES_AHEAD, MAX_MESSAGE_BYTES, Bounds
from .certificate_office import CertificateOffice
from .charger import Charger
from .connection import ChargerConnection
from .entrance import Entrance
from .expectation import Expectation
from .gate import Reason
from .handshake import (
    asks_for_websocket,
    host_of,
    read_request,
    refuse,
    select_subprotocol,
)
from .journal import Journal
from .keepalive import Keepalive
from .model import ChargerMemory, ChargerSettings, Registration
from .timing import Timing
from .tls import ServerContext, ask
from .v16.desk import Context
from .v16.outgoing import ACTIONS
from .v16.schemas import load as load_schemas
from .v16.session import Peer, Session
from .verdicts import Admitted, Refusal, RefusalReason, UnknownCharger

__all__ = [
    "Bounds",
    "CentralSystem",
    "Expectation",
    "Refusal",
    "RefusalReason",
    "Timing",
    "UnknownCharger",
]

_LOGGER = logging.getLogger(__name__)

REPLACED = 1000
REPLACED_REASON = "replaced by a new connection"


def _register_all(charger: Charger) -> Registration:
    return Registration.ACCEPTED


class CentralSystem:
    """Listens for chargers and keeps one `Charger` for each identity."""

    def __init__(
        self,
        journal: Journal,
        *,
        registration: Callable[[Charger], Registration] = _register_all,
        timing: Timing | None = None,
        bounds: Bounds | None = None,
    ) -> None:
        """Begin with no charger; `start` opens the port.

        `registration` decides on boots; without it all are accepted, as are all id
        tags until `authorizer` has rules.
        """
        self.journal = journal
        self.timing = timing or Timing()
        self.bounds = bounds or Bounds()
        self.chargers: dict[str, Charger] = {}
        self.authorizer = Authorizer(self.chargers)
        self._door = Door()
        self.certificates = CertificateOffice(self.configure, known=self._door.knows)
        self._context = Context(
            authorizer=self.authorizer,
            certificates=self.certificates,
            registration=registration,
            timing=self.timing,
        )
        self._door.on_refused.append(self._count_refusal)
        self._peers: dict[str, Peer] = {}
        self._sessions: dict[str, Session] = {}
        self._allowances: dict[str, MessageAllowance] = {}
        self._entrance = Entrance(self.bounds, self.timing, None)
        self._expectations: list[Expectation] = []
        self._server: Server | None = None
        self._tls: ssl.SSLContext | None = None
        self._requests = 0
        self._closing: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        """Return the port that is listened on.

        Raises `RuntimeError` before `start`.
        """
        if self._server is None:
            raise RuntimeError("the central system is not listening")
        port: int = next(iter(self._server.sockets)).getsockname()[1]
        return port

    @property
    def unknown(self) -> Mapping[str, UnknownCharger]:
        """Return the unknown chargers that dialled in, the latest last."""
        return self._door.unknown

    @property
    def broken_handshakes(self) -> int:
        """Return how many TLS handshakes have begun and led to no request."""
        if not isinstance(self._tls, ServerContext):
            return 0
        return max(0, self._tls.handshakes - self._requests)

    async def start(
        self,
        host: str | None,
        port: int,
        tls: ssl.SSLContext | None,
        *,
        also_plain: bool = False,
    ) -> None:
        """Open the port; `host` None is all interfaces, `tls` None is plain ws.

        With `also_plain` the port takes connections without TLS as well, for as long as
        chargers change over.

        Raises `OSError` when the port cannot be had.
        """
        await asyncio.to_thread(load_schemas, ACTIONS)
        self._tls = tls
        self._entrance = Entrance(self.bounds, self.timing, tls, also_plain=also_plain)
        self._ask()
        self._server = await serve(
            self._serve,
            host,
            port,
            create_connection=self._entrance.make,  # type: ignore[arg-type]
            # Chargers' messages are short: what could be gained is not worth the memory
            # for each charger, nor a way to have us inflate a thousandfold.
            compression=None,
            max_queue=MAX_FRAMES_AHEAD,
            process_request=self._process_request,
            select_subprotocol=select_subprotocol,
            server_header=None,
            open_timeout=self.timing.open_timeout + self.timing.decide_timeout,
            close_timeout=self.timing.close_timeout,
            ping_interval=None,
            max_size=MAX_MESSAGE_BYTES,
            logger=_quiet_logger(),
        )

    def close_plain(self) -> None:
        """Take no connection without TLS any more; those that stand go on."""
        self._entrance.also_plain = False

    def _ask(self) -> None:
        """Ask for certificates as soon as there is a charger that may have one."""
        if isinstance(self._tls, ServerContext):
            ask(self._tls, self._door.asks)

    async def stop(self) -> None:
        """Close the port and every connection (1001, going away)."""
        await self.certificates.stop()
        if self._server is None:
            return
        for session in tuple(self._sessions.values()):
            # That the connection ends now is no fault of a step of its set-up.
            await session.stop_setup()
        self._server.close()
        await self._entrance.close(self._server)
        self._server = None
        if self._closing:
            await asyncio.gather(*self._closing, return_exceptions=True)

    def add(
        self, settings: ChargerSettings, memory: ChargerMemory | None = None
    ) -> Charger:
        """Know a charger from now on.

        One that is connected already, as expected, is kept with its connection.
        """
        identity = settings.identity
        self._door.know(settings)
        self._ask()
        present = self.chargers.get(identity)
        if present is not None:
            present.settings = settings
            return present
        return self._make(settings, memory or ChargerMemory())

    def configure(self, settings: ChargerSettings) -> None:
        """Give a known charger new settings; its connection stays."""
        self._door.know(settings)
        self._ask()
        charger = self.chargers[settings.identity]
        renew = settings.sample_interval != charger.settings.sample_interval
        charger.update(settings=settings)
        if settings.switches_phases is False:
            # Who says later that it can after all means that it is to be tried again.
            learned = replace(charger.features, plan_phases_ignored=False)
            charger.remember(features=learned)
        session = self._sessions.get(settings.identity)
        if renew and session is not None:
            session.renew()

    async def remove(self, identity: str) -> None:
        """Forget a charger and close its connection."""
        self._door.forget(identity)
        self._ask()
        self.certificates.forget(identity)
        self._peers.pop(identity, None)
        self._allowances.pop(identity, None)
        self.chargers.pop(identity, None)
        self.authorizer.forget(identity)
        session = self._sessions.pop(identity, None)
        if session is not None:
            await session.link.close(REPLACED, "removed")

    def expect(self, settings: ChargerSettings) -> Expectation:
        """Let a charger in for a conversation about adding it."""
        expectation = Expectation(
            settings,
            broken_handshakes=lambda: self.broken_handshakes,
            ended=self._expect_no_more,
        )
        self._expectations.append(expectation)
        self._door.expect(settings)
        return expectation

    def _expect_no_more(self, expectation: Expectation) -> None:
        if expectation not in self._expectations:
            return
        self._expectations.remove(expectation)
        for identity in self._door.end_expectation(expectation.settings):
            if not self._door.knows(identity) and identity in self.chargers:
                self._close_later(self.remove(identity))

    def listen_unknown(
        self, listener: Callable[[UnknownCharger], None]
    ) -> Callable[[], None]:
        """Call `listener` for each try of an unknown charger; returns how to stop."""
        self._door.on_unknown.append(listener)
        return lambda: self._door.on_unknown.remove(listener)

    def listen_refused(self, listener: Callable[[Refusal], None]) -> Callable[[], None]:
        """Call `listener` for each wrong password; returns how to stop."""
        self._door.on_refused.append(listener)
        return lambda: self._door.on_refused.remove(listener)

    def _make(self, settings: ChargerSettings, memory: ChargerMemory) -> Charger:
        charger = Charger(settings, memory, self.journal)
        self.chargers[settings.identity] = charger
        self._peers[settings.identity] = Peer(charger, self._context)
        self._allowances[settings.identity] = MessageAllowance(self.bounds)
        return charger

    def _close_later(self, closing: Any) -> None:
        task = asyncio.get_running_loop().create_task(closing)
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _process_request(
        self, connection: ServerConnection, http: HttpRequest
    ) -> Response | None:
        assert isinstance(connection, ChargerConnection)
        if connection.secure:
            self._requests += 1
        if not asks_for_websocket(http):
            return None  # `websockets` refuses it; a browser is no unknown charger
        request = read_request(connection, http)
        now, clock = datetime.now(UTC), asyncio.get_running_loop().time()
        verdict = await self._door.decide(request, now, clock)
        if isinstance(verdict, Admitted):
            connection.admitted_as = verdict.identity
            connection.key_hash = verdict.key_hash
            connection.dialled = host_of(request.host)
            connection.profile = verdict.profile
            connection.certificate = verdict.certificate
            return None
        if verdict.status is HTTPStatus.FORBIDDEN and verdict.reason is None:
            self._entrance.note(Reason.WEB_PAGE, connection.address)
        return refuse(connection, verdict)

    def _count_refusal(self, refusal: Refusal) -> None:
        for expectation in self._expectations:
            if expectation.settings.identity == refusal.identity:
                expectation.refusals += 1

    async def _serve(self, connection: ServerConnection) -> None:
        assert isinstance(connection, ChargerConnection)
        identity = connection.admitted_as
        assert identity is not None
        await self._context.pace.keep()
        peer = self._peers.get(identity) or self._expected_peer(identity)
        if peer is None:
            return
        session = Session(peer, connection)
        replaced = self._sessions.get(identity)
        self._sessions[identity] = session
        peer.charger.secure = connection.secure
        peer.charger.key_hash = connection.key_hash
        peer.charger.dialled = connection.dialled
        peer.charger.profile = connection.profile
        peer.charger.certificate = connection.certificate
        peer.charger.attach(session.commands, connection.address, datetime.now(UTC))
        if replaced is not None:
            self._close_later(replaced.link.close(REPLACED, REPLACED_REASON))
        _LOGGER.info("Charger %s connected from %s", identity, connection.address)
        for expectation in tuple(self._expectations):
            expected = self._door.expected_settings(identity)
            if expected is not None and (
                expectation.settings.key_hashes == expected.key_hashes
                and (expected.key_hashes or expectation.settings.identity == identity)
            ):
                expectation.arrived(peer.charger)
        connection.welcome(self._allowances[identity])
        await self._run(peer.charger, session, connection)

    async def _run(
        self, charger: Charger, session: Session, connection: ChargerConnection
    ) -> None:
        keepalive = asyncio.create_task(
            Keepalive(
                charger,
                connection,
                self.timing,
                last_heard=lambda: session.last_heard,
                dead=session.link.abort,
            ).run(),
            name=f"ocpp keepalive of {charger.identity}",
        )
        try:
            await session.run()
        finally:
            keepalive.cancel()
            await asyncio.gather(keepalive, return_exceptions=True)
            if self._sessions.get(charger.identity) is session:
                del self._sessions[charger.identity]
            if charger.detach(session.commands):
                _LOGGER.info("Charger %s disconnected", charger.identity)

    def _expected_peer(self, identity: str) -> Peer | None:
        """Make a charger for a conversation about adding it."""
        settings = self._door.expected_settings(identity)
        if settings is None:
            return None
        self._make(settings, ChargerMemory())
        return self._peers[identity]


def _quiet_logger() -> logging.Logger:
    """Return a logger for `websockets` that passes warnings and errors only.

    Below that, it writes whole handshakes with their passwords, and every frame.
    """
    logger = logging.getLogger(f"{__name__}.websocket")
    logger.setLevel(logging.WARNING)
    if not logger.filters:
        logger.addFilter(lambda record: record.levelno >= logging.WARNING)
    return logger
