"""The commands one can type while simulated charge points run."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from .car import Car
from .charge_point import ChargePoint


class UsageError(Exception):
    """A command was not understood; the message says what would be."""


class Quit(Exception):
    """The user wants to leave."""


type _Action = Callable[[Console, list[str]], Awaitable[str | None]]


@dataclass(frozen=True, kw_only=True)
class _Command:
    usage: str
    help: str
    run: _Action


class Console:
    """Reads command lines and acts on one of the charge points, or on all."""

    def __init__(
        self, charge_points: list[ChargePoint], car: Callable[[], Car]
    ) -> None:
        """`car` makes the cars that are plugged in."""
        self.all = charge_points
        self.chosen = charge_points
        self._car = car

    async def execute(self, line: str) -> str | None:
        """Do what a line says and return what there is to print.

        Raises UsageError for a line that makes no sense, Quit for the wish to leave.
        """
        words = line.split()
        if not words:
            return None
        command = COMMANDS.get(words[0].lower())
        if command is None:
            raise UsageError(f"There is no command {words[0]}; type help for a list.")
        try:
            return await command.run(self, words[1:])
        except (IndexError, ValueError, KeyError) as error:
            raise UsageError(f"Usage: {command.usage}") from error

    def new_car(self) -> Car:
        """Return a car as described on the command line."""
        return self._car()


async def _plug(console: Console, words: list[str]) -> str | None:
    number = _number(words, 0)
    for cp in console.chosen:
        car = console.new_car()
        if len(words) > 1:
            car.soc_percent = float(words[1])
        await cp.plug(number, car)
    return None


async def _unplug(console: Console, words: list[str]) -> str | None:
    for cp in console.chosen:
        await cp.unplug(_number(words, 0))
    return None


async def _tag(console: Console, words: list[str]) -> str | None:
    tag, number = words[0], _number(words, 1)
    refused = [
        cp.identity for cp in console.chosen if not await cp.present_tag(number, tag)
    ]
    return f"The tag was not accepted by {', '.join(refused)}." if refused else None


async def _stop(console: Console, words: list[str]) -> str | None:
    for cp in console.chosen:
        await cp.stop_locally(_number(words, 0))
    return None


async def _pause(console: Console, words: list[str]) -> str | None:
    for cp in console.chosen:
        cp.pause_car(_number(words, 0))
    return None


async def _resume(console: Console, words: list[str]) -> str | None:
    for cp in console.chosen:
        cp.pause_car(_number(words, 0), paused=False)
    return None


async def _drop(console: Console, words: list[str]) -> str | None:
    for cp in console.chosen:
        cp.faults.drop()
    return None


async def _cut(console: Console, words: list[str]) -> str | None:
    for cp in console.chosen:
        cp.faults.cut()
    return None


async def _mend(console: Console, words: list[str]) -> str | None:
    for cp in console.chosen:
        cp.faults.mend()
    return None


async def _freeze(console: Console, words: list[str]) -> str | None:
    for cp in console.chosen:
        cp.faults.freeze()
    return None


async def _thaw(console: Console, words: list[str]) -> str | None:
    for cp in console.chosen:
        cp.faults.thaw()
    return None


async def _reboot(console: Console, words: list[str]) -> str | None:
    hard = {"hard": True, "soft": False}[words[0] if words else "soft"]
    for cp in console.chosen:
        await cp.reboot(hard=hard)
    return None


async def _fault(console: Console, words: list[str]) -> str | None:
    code = words[0] if words else "OtherError"
    for cp in console.chosen:
        cp.fault(_number(words, 1), code)
    return None


async def _clear(console: Console, words: list[str]) -> str | None:
    for cp in console.chosen:
        cp.clear_fault(_number(words, 0))
    return None


async def _refuse(console: Console, words: list[str]) -> str | None:
    times = int(words[1]) if len(words) > 1 else 1
    for cp in console.chosen:
        cp.faults.refuse(words[0] if words else None, times=times)
    return None


async def _garble(console: Console, words: list[str]) -> str | None:
    for cp in console.chosen:
        cp.faults.garble_next()
    return None


async def _duplicate(console: Console, words: list[str]) -> str | None:
    for cp in console.chosen:
        cp.faults.duplicate_next()
    return None


async def _use(console: Console, words: list[str]) -> str | None:
    if words[0] == "all":
        console.chosen = console.all
        return None
    found = [cp for cp in console.all if cp.identity == words[0]]
    if not found:
        known = ", ".join(cp.identity for cp in console.all)
        return f"There is no {words[0]}; there are {known}."
    console.chosen = found
    return None


async def _status(console: Console, words: list[str]) -> str | None:
    return "\n".join(cp.describe() for cp in console.chosen)


async def _help(console: Console, words: list[str]) -> str | None:
    width = max(len(command.usage) for command in COMMANDS.values())
    return "\n".join(
        f"  {command.usage:{width}}  {command.help}" for command in COMMANDS.values()
    )


async def _quit(console: Console, words: list[str]) -> str | None:
    raise Quit


def _number(words: list[str], index: int) -> int:
    """Return the connector number at a place in the words, 1 where there is none."""
    return int(words[index]) if len(words) > index else 1


_TABLE: tuple[tuple[str, str, _Action], ...] = (
    ("plug [CONNECTOR] [SOC]", "plug in a car, at so many percent", _plug),
    ("unplug [CONNECTOR]", "unplug it", _unplug),
    ("tag TAG [CONNECTOR]", "hold an RFID card to the reader", _tag),
    ("stop [CONNECTOR]", "press the stop button", _stop),
    ("pause [CONNECTOR]", "let the car itself pause", _pause),
    ("resume [CONNECTOR]", "let the car go on", _resume),
    ("fault [CODE] [CONNECTOR]", "put a connector out of order", _fault),
    ("clear [CONNECTOR]", "put it in order again", _clear),
    ("reboot [soft|hard]", "restart", _reboot),
    ("drop", "lose the connection once", _drop),
    ("cut", "lose the network until mend", _cut),
    ("mend", "have the network back", _mend),
    ("freeze", "hang with the connection open", _freeze),
    ("thaw", "stop hanging", _thaw),
    ("refuse [ACTION] [TIMES]", "refuse the next calls", _refuse),
    ("garble", "send the next message broken", _garble),
    ("duplicate", "send the next message twice", _duplicate),
    ("use ID|all", "which charge point the commands are for", _use),
    ("status", "show what is going on", _status),
    ("help", "show this list", _help),
    ("quit", "leave", _quit),
)

COMMANDS: dict[str, _Command] = {
    usage.split()[0]: _Command(usage=usage, help=text, run=run)
    for usage, text, run in _TABLE
}
