"""Giving the event loop back when many chargers want it at once."""

import asyncio

from custom_components.ocpp_charging.csms.pace import Pace


async def rounds_for(pace: Pace, turns: int) -> int:
    """Return in how many rounds of the loop so many turns were had."""
    rounds = 0
    done = False

    def count() -> None:
        nonlocal rounds
        if not done:
            rounds += 1
            asyncio.get_running_loop().call_soon(count)

    count()
    await asyncio.gather(*(pace.keep() for _ in range(turns)))
    done = True
    return rounds


async def test_turns_beyond_the_stretch_wait_for_another_round() -> None:
    assert await rounds_for(Pace(stretch=-1), 20) >= 20


async def test_turns_within_the_stretch_do_not_wait() -> None:
    assert await rounds_for(Pace(stretch=10), 20) <= 5
