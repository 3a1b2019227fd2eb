"""The conversation about adding a charger, as the central system sees it."""

import asyncio
from collections.abc import Callable

from .charger import Charger
from .model import Change, ChargerSettings


class Expectation:
    """A conversation about adding a charger: it may come in while this lasts.

    `refusals` are the wrong passwords meanwhile; `charger` is the one that has come in,
    None before.
    """

    def __init__(
        self,
        settings: ChargerSettings,
        *,
        broken_handshakes: Callable[[], int],
        ended: Callable[[Expectation], None],
    ) -> None:
        """Begin to expect; use `CentralSystem.expect`.

        `broken_handshakes` returns how many there were ever, `ended` is called when
        this is closed.
        """
        self.settings = settings
        self.refusals = 0
        self.charger: Charger | None = None
        self._ended = ended
        self._broken = broken_handshakes
        self._broken_before = broken_handshakes()
        self._ready: asyncio.Future[Charger] = (
            asyncio.get_running_loop().create_future()
        )

    @property
    def connected(self) -> bool:
        """Say whether the charger has come in and is still there."""
        return self.charger is not None and self.charger.connected

    @property
    def found(self) -> Charger | None:
        """Return the charger once it has been read, None before and when closed."""
        if self._ready.done() and not self._ready.cancelled():
            return self._ready.result()
        return None

    @property
    def broken_handshakes(self) -> int:
        """Return how often somebody broke off the encryption meanwhile.

        A charger that does not trust the certificate does so, without a word: this
        is all that can be seen of it here. Whose they were cannot be known.
        """
        return max(0, self._broken() - self._broken_before)

    async def wait(self) -> Charger:
        """Wait until the charger is connected and has been read."""
        return await asyncio.shield(self._ready)

    def close(self) -> None:
        """End the conversation; a charger that was not added is disconnected."""
        self._ended(self)
        if not self._ready.done():
            self._ready.cancel()

    def arrived(self, charger: Charger) -> None:
        """Take note that the charger has come in; it is not read yet."""
        self.charger = charger

        def changed(changes: frozenset[Change]) -> None:
            if (0, "ready") in changes and charger.ready:
                stop()
                self._finish(charger)

        stop = charger.listen_all(changed)

    def _finish(self, charger: Charger) -> None:
        if not self._ready.done():
            self._ready.set_result(charger)
