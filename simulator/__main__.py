"""Run simulated charge points from the command line."""

import asyncio
import contextlib
import logging
import sys

from .cli import parser, run
from .quirks import PRESETS


def main() -> int:
    """Run the command line and return the exit code."""
    arguments = parser().parse_args()
    if arguments.list_quirks:
        print("\n".join(sorted(PRESETS)))
        return 0
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    with contextlib.suppress(KeyboardInterrupt):
        return asyncio.run(run(arguments))
    return 0


if __name__ == "__main__":
    sys.exit(main())
