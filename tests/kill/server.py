"""A central system with its ledger, in a process that is made to be killed.

`python -m tests.kill.server URL PORT CHARGERS` imports everything once and then, for
each line on its standard input, forks a central system. It prints the new process's id
and, when chargers can dial in, `ready`. What it forks is an ordinary process: it
shares nothing with the next one but the database.
"""

import asyncio
import os
import signal
import sys

from custom_components.ocpp_charging.csms.model import ChargerSettings
from custom_components.ocpp_charging.csms.server import CentralSystem
from custom_components.ocpp_charging.csms.timing import Timing
from custom_components.ocpp_charging.ledger_journal import LedgerJournal

TIMING = Timing(boot_grace=0.2, boot_settle=0.02, close_timeout=0.5)


def identities(count: int) -> list[str]:
    """Return the identities of the chargers."""
    return [f"CP{number}" for number in range(count)]


async def serve(url: str, port: int, count: int) -> None:
    """Run a central system until somebody kills it."""
    journal = LedgerJournal(url, central="kill")
    await journal.async_load()
    central = CentralSystem(journal, timing=TIMING)
    for identity in identities(count):
        settings = ChargerSettings(identity=identity, password_required=False)
        charger = central.add(settings, journal.memory(identity))
        journal.remember(identity, charger.memory)
    await central.start("127.0.0.1", port, None)
    os.write(1, b"ready\n")
    await asyncio.Event().wait()


def main() -> None:
    """Fork a central system for each line."""
    url, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    # The killed ones are to leave no zombies.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    os.write(1, b"imported\n")
    for _line in sys.stdin:
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            asyncio.run(serve(url, port, count))
        os.write(1, f"{child}\n".encode())


if __name__ == "__main__":
    main()
