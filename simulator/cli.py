"""The command line: `python -m simulator`."""

import argparse
import asyncio
from collections.abc import Callable
from datetime import datetime
import os
from pathlib import Path
import socket
import ssl
import sys
from urllib.parse import urlsplit

from .car import Car
from .charge_point import ChargePoint
from .clock import RealClock
from .console import Console, Quit, UsageError
from .errors import HandshakeRefused
from .fleet import Fleet
from .options import ChargePointOptions
from .presence import Registration
from .quirks import PRESETS

_EXAMPLES = """examples:
  python -m simulator --url wss://homeassistant.local:9000 --id CP1 --password SECRET
  python -m simulator --url ws://127.0.0.1:9000 --start-tag ME --soc 40 --speed 60
  python -m simulator --url ws://127.0.0.1:9000 --id CP1 --count 10 --quirk no-boot

The password may also stand in the environment variable OCPP_PASSWORD. In a terminal,
type help for the commands one can give while it runs; Ctrl-C or quit ends it."""

_REFUSALS = {
    400: "The central system refused the connection: it wants another OCPP version, or "
    "the identity is not a valid one.",
    401: "The central system refused the password.",
    403: "The central system does not allow this charge point to connect.",
    404: "The central system does not know this charge point; add it there, or check "
    "--id and the path in --url.",
    426: "The central system wants an encrypted connection; use wss:// in --url.",
    429: "The central system wants fewer attempts; the next one is made later.",
    503: "The central system is busy or just starting; the next attempt is made later.",
}


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    made = argparse.ArgumentParser(
        prog="python -m simulator",
        description="Simulate electric vehicle charge points that speak OCPP 1.6J.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    link = made.add_argument_group("connection")
    link.add_argument("--url", default="ws://127.0.0.1:9000", help="the central system")
    link.add_argument(
        "--id", default="CP1", help="the charge point identity (%(default)s)"
    )
    link.add_argument("--password", help="the Basic auth password")
    link.add_argument("--password-hex", help="the same as the hex digits of its bytes")
    link.add_argument("--ca", type=Path, help="file with the CA of the central system")
    link.add_argument("--insecure", action="store_true", help="verify no certificate")
    link.add_argument(
        "--once", action="store_true", help="give up if the first try fails"
    )

    box = made.add_argument_group("charge point")
    box.add_argument("--count", type=int, default=1, help="how many (CP1 to CP<count>)")
    box.add_argument("--connectors", type=int, default=1)
    box.add_argument("--phases", type=int, choices=(1, 2, 3), default=3)
    box.add_argument(
        "--switches-phases",
        action="store_true",
        help="charge on one phase in place of three when a profile says so",
    )
    box.add_argument("--max-current", type=float, default=32.0, metavar="A")
    box.add_argument("--model", default="SimBox 3")
    box.add_argument("--quirk", choices=sorted(PRESETS), default="none", metavar="NAME")
    box.add_argument(
        "--list-quirks", action="store_true", help="show the names and end"
    )

    car = made.add_argument_group("car")
    car.add_argument("--plug", action="store_true", help="plug in a car at once")
    car.add_argument("--soc", type=float, default=40.0, metavar="PERCENT")
    car.add_argument("--battery", type=float, default=60.0, metavar="KWH")
    car.add_argument("--car-phases", type=int, choices=(1, 2, 3), default=3)
    car.add_argument("--car-current", type=float, default=16.0, metavar="A")
    car.add_argument("--start-tag", metavar="TAG", help="start charging with this tag")
    made.add_argument(
        "--speed",
        type=float,
        default=1.0,
        help="how much faster than the world cars charge and meters are read",
    )
    return made


def options_of(arguments: argparse.Namespace) -> ChargePointOptions:
    """Return the options the arguments describe; SystemExit for impossible ones."""
    if urlsplit(arguments.url).scheme not in ("ws", "wss"):
        raise SystemExit("--url must begin with ws:// or wss://")
    password: bytes | str | None = arguments.password or os.environ.get("OCPP_PASSWORD")
    if arguments.password_hex:
        try:
            password = bytes.fromhex(arguments.password_hex)
        except ValueError:
            raise SystemExit(
                "--password-hex takes an even number of hex digits"
            ) from None
    if arguments.speed <= 0 or arguments.count < 1 or arguments.connectors < 1:
        raise SystemExit("--speed, --count and --connectors must be positive")
    return ChargePointOptions(
        identity=arguments.id,
        url=arguments.url,
        password=password or None,
        ca_file=arguments.ca,
        trust_system=not arguments.insecure,
        model=arguments.model[:20],
        connectors=arguments.connectors,
        phases=arguments.phases,
        switches_phases=arguments.switches_phases,
        max_current=arguments.max_current,
        quirks=PRESETS[arguments.quirk],
    )


def car_of(arguments: argparse.Namespace) -> Car:
    """Return a new car as described."""
    return Car(
        battery_kwh=arguments.battery,
        soc_percent=min(100.0, max(0.0, arguments.soc)),
        phases=arguments.car_phases,
        max_current_a=arguments.car_current,
    )


def explain(error: OSError) -> str:
    """Return one sentence that says why a connection failed and what may help."""
    match error:
        case HandshakeRefused(status=int(status)):
            return _REFUSALS.get(status, f"The central system answered HTTP {status}.")
        case HandshakeRefused():
            return (
                "There was no WebSocket handshake; perhaps the port is another "
                "program's, or ws:// and wss:// are mixed up."
            )
        case ssl.SSLCertVerificationError():
            return (
                f"The certificate of the central system was not accepted "
                f"({error.verify_message}); give its CA with --ca, check the host "
                "name in --url, or use --insecure."
            )
        case ssl.SSLError():
            return (
                f"The TLS handshake failed ({error}); perhaps the "
                "central system speaks plain ws:// on this port."
            )
        case ConnectionResetError() | ConnectionAbortedError():
            return (
                "The connection was closed during the handshake; perhaps ws:// and "
                "wss:// are mixed up."
            )
        case ConnectionRefusedError():
            return "Nobody listens there; check host and port in --url."
        case socket.gaierror():
            return "The host name in --url is not known; check it."
        case TimeoutError():
            return "Nobody answered in time; check host, port and firewall."
        case FileNotFoundError():
            return f"{str(error)[:1].upper()}{str(error)[1:]}."
    return f"The connection failed: {str(error) or type(error).__name__}."


async def run(arguments: argparse.Namespace, say: Callable[[str], None] = print) -> int:
    """Run until the user has had enough; return the exit code."""
    options = options_of(arguments)
    fleet = Fleet(options, arguments.count, clock=RealClock(arguments.speed))
    console = Console(fleet.charge_points, lambda: car_of(arguments))
    async with fleet:
        background = [
            asyncio.create_task(work)
            for charge_point in fleet
            for work in (
                _narrate(charge_point, say),
                _begin(charge_point, arguments),
            )
        ]
        try:
            if arguments.once and not await _all_connect(fleet):
                return 1
            await _read_commands(console, say)
        except Quit:
            pass
        finally:
            for task in background:
                task.cancel()
            await asyncio.gather(*background, return_exceptions=True)
    return 0


async def _begin(charge_point: ChargePoint, arguments: argparse.Namespace) -> None:
    """Plug in and start charging as the command line asks."""
    if arguments.plug or arguments.start_tag:
        for number in charge_point.connectors:
            await charge_point.plug(number, car_of(arguments))
    if arguments.start_tag:
        await charge_point.wait_for(lambda cp: cp.accepted, None)
        for number in charge_point.connectors:
            await charge_point.present_tag(number, arguments.start_tag)


async def _all_connect(fleet: Fleet) -> bool:
    """Wait for the first attempt of each; return whether all succeeded."""
    await asyncio.gather(
        *(one.wait_for(lambda cp: cp.connected or cp.last_error, None) for one in fleet)
    )
    return all(one.connected for one in fleet)


async def _narrate(charge_point: ChargePoint, say: Callable[[str], None]) -> None:
    """Print a line for every change that a person would want to know of."""
    told: dict[str, object] = {}

    def news(cp: ChargePoint) -> list[str]:
        found = _topics(cp)
        lines = [line for topic, (key, line) in found.items() if told.get(topic) != key]
        told.update({topic: key for topic, (key, _) in found.items()})
        return lines

    while True:
        lines = await charge_point.wait_for(news, None)
        now = datetime.now().astimezone().strftime("%H:%M:%S")
        for line in lines:
            say(f"{now} {charge_point.identity}: {line}")


def _topics(cp: ChargePoint) -> dict[str, tuple[object, str]]:
    """Return what there is to say by topic: a line, told again when its key changes."""
    topics: dict[str, tuple[object, str]] = {}
    if cp.connected:
        link = f"Connected; registration {cp.registration.value.lower()}."
        if cp.registration is not Registration.NONE:
            topics["link"] = (link, link)
    elif cp.last_error:
        link = explain(cp.last_error)
        topics["link"] = (link, link)
    elif cp.presence.connections:
        topics["link"] = ("gone", "The connection is gone.")
    for number in cp.connectors:
        connector = cp.connector(number)
        line = f"connector {number} {connector.status.value}"
        if connector.transaction:
            line += f", {connector.offered_a:.1f} A offered"
        if connector.transaction_id is not None:
            line += f", transaction {connector.transaction_id}"
        topics[f"connector {number}"] = (line, line)
        if connector.car and connector.transaction:
            # A car is worth a line every five percent.
            line = (
                f"connector {number} car {connector.car.soc_percent:.0f} %, "
                f"{connector.power_w / 1000:.1f} kW, "
                f"meter {connector.register_wh / 1000:.2f} kWh"
            )
            topics[f"car {number}"] = (int(connector.car.soc_percent) // 5, line)
    return topics


async def _read_commands(console: Console, say: Callable[[str], None]) -> None:
    """Act on the lines typed; without a terminal, just wait."""
    if not sys.stdin.isatty():
        await asyncio.Event().wait()
    descriptor = sys.stdin.fileno()
    typed: asyncio.Queue[bytes] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    # Read without Python's buffer, which would keep pasted lines back.
    loop.add_reader(descriptor, lambda: typed.put_nowait(os.read(descriptor, 4096)))
    try:
        while text := await typed.get():
            for line in text.decode(errors="replace").splitlines():
                answer = await _obey(console, line)
                if answer:
                    say(answer)
    finally:
        loop.remove_reader(descriptor)


async def _obey(console: Console, line: str) -> str | None:
    try:
        return await console.execute(line)
    except UsageError as error:
        return str(error)
