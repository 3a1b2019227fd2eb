"""200 kills of the central system under 20 chargers, and what they were answered."""

import asyncio
from pathlib import Path
import sys
import tempfile

from tests.kill.massacre import massacre

KILLS = 200


async def main() -> int:
    """Kill, count and print."""
    with tempfile.TemporaryDirectory() as folder:
        outcome = await massacre(Path(folder), kills=KILLS)
    print(f"{outcome.kills} kills in {outcome.seconds:.0f} s under 20 chargers:")
    print(f"  starts answered              {outcome.starts:8d}")
    print(f"  stops answered               {outcome.stops:8d}")
    print(f"  messages answered            {outcome.messages:8d}")
    print(f"  in flight when it was killed {outcome.in_flight:8d}")
    print(f"  slowest restart              {outcome.slowest_restart_s:8.3f} s")
    print(f"  missing, doubled or wrong    {len(outcome.faults):8d}")
    for fault in outcome.faults[:20]:
        print(f"  {fault}")
    return 1 if outcome.faults else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
