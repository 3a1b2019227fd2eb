"""200 kills of the central system under 20 chargers, and what they were answered."""

import argparse
from pathlib import Path
import tempfile

from tests.kill.massacre import massacre

from .figures import Report, arguments, run

KILLS = 200


async def program(report: Report, options: argparse.Namespace) -> None:
    """Kill, count and print."""
    with tempfile.TemporaryDirectory() as folder:
        outcome = await massacre(Path(folder), kills=options.kills)
    report.title(f"{outcome.kills} kills in {outcome.seconds:.0f} s under 20 chargers")
    report.figure("starts answered", outcome.starts)
    report.figure("stops answered", outcome.stops)
    report.figure("messages answered", outcome.messages)
    report.figure("in flight when it was killed", outcome.in_flight)
    report.figure("slowest restart", outcome.slowest_restart_s, "s")
    report.figure("missing, doubled or wrong", len(outcome.faults), limit=0)
    for fault in outcome.faults[:20]:
        print(f"  {fault}")


if __name__ == "__main__":
    _parser = arguments(__doc__)
    _parser.add_argument("--kills", type=int, default=KILLS)
    run(program, _parser)
