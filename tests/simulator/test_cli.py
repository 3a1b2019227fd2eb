"""The command line, its sentences, and the commands typed while it runs."""

import asyncio
from functools import partial
from http import HTTPStatus
from pathlib import Path
import signal
import socket
import ssl
import sys

import pytest

from simulator import ChargePoint, ChargePointOptions, Fleet, HandshakeRefused, Status
from simulator.cli import explain, options_of, parser, run
from simulator.console import COMMANDS, Console, Quit, UsageError
from simulator.fleet import identities

from .conftest import MakeChargePoint
from .peer import Peer


def test_options_come_from_the_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCPP_PASSWORD", "hidden")
    made = options_of(
        parser().parse_args(
            [
                "--url",
                "wss://h:1",
                "--id",
                "X",
                "--quirk",
                "watts-only",
                "--phases",
                "1",
            ]
        )
    )
    assert (made.identity, made.password, made.phases) == ("X", "hidden", 1)
    assert made.quirks.watts_only
    assert made.trust_system
    assert "hidden" not in repr(made)
    made = options_of(parser().parse_args(["--password-hex", "00ff", "--insecure"]))
    assert made.password == b"\x00\xff"
    assert not made.trust_system


@pytest.mark.parametrize(
    "arguments",
    [["--url", "http://h"], ["--password-hex", "xyz"], ["--speed", "0"]],
)
def test_impossible_arguments_are_said(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as error:
        options_of(parser().parse_args(arguments))
    assert isinstance(error.value.code, str)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (HandshakeRefused("", 401), "refused the password"),
        (HandshakeRefused("", 404), "does not know this charge point"),
        (HandshakeRefused("", 400), "another OCPP version"),
        (HandshakeRefused("", 418), "HTTP 418"),
        (HandshakeRefused("", None), "no WebSocket handshake"),
        (ssl.SSLError(1, "wrong version"), "TLS handshake failed"),
        (ConnectionRefusedError(), "Nobody listens"),
        (ConnectionResetError(), "mixed up"),
        (socket.gaierror(), "host name"),
        (TimeoutError(), "in time"),
        (FileNotFoundError("there is no file ca.pem"), "There is no file ca.pem."),
        (OSError("strange"), "strange"),
    ],
)
def test_errors_are_explained_in_a_sentence(error: OSError, words: str) -> None:
    sentence = explain(error)
    assert words in sentence
    assert sentence.endswith(".")


async def test_once_gives_up_with_the_reason(peer: Peer) -> None:
    peer.refuse = HTTPStatus.UNAUTHORIZED
    said: list[str] = []
    arguments = parser().parse_args(["--url", peer.url, "--once"])
    assert await run(arguments, said.append) == 1
    assert any("refused the password" in line for line in said)


async def test_the_command_line_charges_cars_and_ends_on_ctrl_c(peer: Peer) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "simulator",
        *("--url", peer.url, "--id", "BOX", "--count", "2", "--start-tag", "ME"),
        *("--speed", "600", "--soc", "50"),
        cwd=Path(__file__).parents[2],
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        # A shell has what it runs in the background ignore Ctrl-C, and so would this.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )
    await peer.until(lambda: len(peer.payloads("MeterValues")) > 3, 25)
    process.send_signal(signal.SIGINT)
    out, errors = await asyncio.wait_for(process.communicate(), 25)
    assert process.returncode == 0
    assert errors == b""
    assert b"BOX1: Connected; registration accepted." in out
    assert b"Charging" in out
    assert sorted(peer.paths) == ["/BOX1", "/BOX2"]


async def test_typed_commands_act(make: MakeChargePoint, peer: Peer) -> None:
    from simulator import Car

    first = await make(identity="A")
    second = await make(identity="B")
    console = Console([first, second], Car)
    await console.execute("use A")
    await console.execute("plug 1 55")
    car = first.connector(1).car
    assert car
    assert car.soc_percent == 55
    assert second.connector(1).car is None
    assert await console.execute("tag ME") is None
    assert first.connector(1).transaction
    await console.execute("pause")
    assert first.connector(1).status is Status.SUSPENDED_EV
    await console.execute("resume")
    await console.execute("fault GroundFailure")
    assert first.connector(1).status is Status.FAULTED
    await console.execute("clear")
    await console.execute("stop")
    await console.execute("unplug")
    assert first.connector(1).status is Status.AVAILABLE
    peer.tag_status = "Blocked"
    assert await console.execute("tag YOU") == "The tag was not accepted by A."
    await console.execute("use all")
    assert "B connected" in (await console.execute("status") or "")
    await console.execute("cut")
    await first.wait_for(lambda cp: not cp.connected)
    assert second.faults.network_cut
    for line in ("mend", "freeze", "thaw", "refuse Reset 2", "garble", "drop", ""):
        await console.execute(line)
    helped = await console.execute("help")
    assert helped
    assert all(command.usage in helped for command in COMMANDS.values())


@pytest.mark.parametrize(
    "line", ["dance", "tag", "plug one", "reboot slowly", "plug 9"]
)
async def test_a_wrong_command_says_what_would_be_right(line: str) -> None:
    from simulator import Car

    cp = ChargePoint(ChargePointOptions())
    with pytest.raises(UsageError, match=r"help|Usage: "):
        await Console([cp], Car).execute(line)
    with pytest.raises(Quit):
        await Console([cp], Car).execute("quit")
    await cp.stop()


def test_identities_are_counted_from_the_given_one() -> None:
    assert identities("CP", 1) == ["CP"]
    assert identities("CP", 2) == ["CP1", "CP2"]
    assert identities("CP9", 3) == ["CP9", "CP10", "CP11"]


async def test_a_fleet_starts_together(peer: Peer) -> None:
    async with Fleet(ChargePointOptions(url=peer.url), 20) as fleet:
        await fleet.until(lambda cp: cp.accepted and cp.outbox.empty)
        assert len(fleet) == 20
        assert len(peer.payloads("BootNotification")) == 20
