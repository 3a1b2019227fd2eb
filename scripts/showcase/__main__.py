"""`scripts/demo`: run the demonstration, check it, or take its picture."""

import argparse
import asyncio
from datetime import datetime
from pathlib import Path
import signal
import sys
from typing import Any

from .browser import photograph
from .check import check
from .curves import Curves
from .dashboard import DASHBOARD
from .home import USER, Home, HomeError
from .scene import ZONE, Scene

PORT = 8123
PICTURE = (1440, 940)
"""Its size in pixels on the page."""
SUNNY = 10
"""What time of the day it is in the picture, whenever it is taken."""


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
        "plan in a night that takes a second, print what was seen, exit with 0 or 1",
    )
    parser.add_argument(
        "--screenshot",
        type=Path,
        metavar="FILE",
        help="save a picture of the dashboard (PNG) after three minutes, and end",
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
        "Two cars are plugged in. One waits for cheap hours, the other takes what the\n"
        "roof has left, too. Switch one on, or choose another mode.\n"
        "Ctrl-C ends it and leaves nothing."
    )
    try:
        await scene.live()
    except asyncio.CancelledError:
        _say("\nStopping ...")
    return True


async def _picture(scene: Scene, file: Path) -> bool:
    """Follow the plans for a while, as if the sun stood high, and take the picture."""
    await scene.steer()
    _say("Waiting for three minutes, so that there is something to see ...")
    await scene.live(180)
    await photograph(scene.home, f"/{DASHBOARD}", file, size=PICTURE, settle=20)
    _say(f"Saved {file}")
    return True


async def _run(home: Home, arguments: argparse.Namespace) -> bool:
    if arguments.check:
        return await check(home)
    if arguments.screenshot:
        hour = datetime.now(ZONE).replace(minute=0)
        async with Scene.built(home, Curves.from_hour(hour, SUNNY)) as scene:
            return await _picture(scene, arguments.screenshot)
    async with Scene.built(home) as scene:
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
                good = await _run(home, arguments)
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
