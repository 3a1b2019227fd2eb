"""`scripts/demo`: run the demonstration, check it, or take its picture."""

import argparse
import asyncio
from datetime import datetime
from pathlib import Path
import signal
import sys
from typing import Any

from .browser import photograph
from .check import SMALL, check
from .home import USER, Home, HomeError
from .night import Curves
from .scene import BAYS, DASHBOARD, ZONE, Scene

PORT = 8123
TELL_SECONDS = 300


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/demo",
        description="Run a real Home Assistant in your browser, with two simulated "
        "chargers that dial in over an encrypted connection.",
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="no browser: switch both chargers on and off, let both cars charge by "
        "plan in a night of some seconds, print what was seen, exit with 0 or 1",
    )
    parser.add_argument(
        "--screenshot",
        type=Path,
        metavar="FILE",
        help="start charging, save a picture of the dashboard (PNG), and end",
    )
    return parser.parse_args()


def _say(text: str) -> None:
    print(text, flush=True)


async def _show(scene: Scene) -> bool:
    """Tell where to look, and wait to be told to end."""
    await scene.steer()
    _say(
        f"\n  Open    {scene.home.url}/{DASHBOARD}\n"
        f"  Log in  {USER} / {scene.home.password}\n\n"
        "Two cars are plugged in, and wait for cheap hours; switch one on, or choose\n"
        "another mode. Ctrl-C ends it and leaves nothing."
    )
    try:
        while True:
            # The day goes on: prices, CO2 and the sun are told anew.
            await asyncio.sleep(TELL_SECONDS)
            await Curves.of_day(datetime.now(ZONE)).tell(scene.home)
    except asyncio.CancelledError:
        _say("\nStopping ...")
    return True


async def _picture(scene: Scene, file: Path) -> bool:
    """Charge for a while and take the picture."""
    await scene.steer()
    for bay in BAYS:
        await scene.home.call(
            "switch",
            "turn_on",
            entity_id=scene.entities[bay.identity]["switch.charging"],
        )
    _say("Charging for two minutes, so that there is something to see ...")
    await asyncio.sleep(120)
    await photograph(scene.home, f"/{DASHBOARD}", file)
    _say(f"Saved {file}")
    return True


async def _run(scene: Scene, arguments: argparse.Namespace) -> bool:
    if arguments.check:
        return await check(scene)
    if arguments.screenshot:
        return await _picture(scene, arguments.screenshot)
    return await _show(scene)


def _end_by_signals(work: asyncio.Task[Any]) -> None:
    """Cancel `work` at Ctrl-C, a closed terminal or `kill`: it then cleans up.

    Only once: a second Ctrl-C would break off the cleaning up.
    """
    loop = asyncio.get_running_loop()

    def end() -> None:
        if not work.cancelling():
            work.cancel()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, end)


async def main() -> int:
    """Run what the arguments ask for; returns the exit code."""
    arguments = _arguments()
    work = asyncio.current_task()
    assert work is not None
    _end_by_signals(work)
    try:
        _say("Starting Home Assistant ...")
        async with Home.running(PORT) as home:
            _say("Adding the central system and two chargers ...")
            good = False
            try:
                part = SMALL if arguments.check else 1.0
                async with Scene.built(home, battery_part=part) as scene:
                    good = await _run(scene, arguments)
            finally:
                if not good and home.log:
                    _say(f"The last that Home Assistant logged:\n{home.log[-3000:]}")
    except asyncio.CancelledError:
        _say("The demonstration was ended before it was done.")
        return 1
    except HomeError as error:
        _say(f"The demonstration failed: {error}")
        return 1
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
