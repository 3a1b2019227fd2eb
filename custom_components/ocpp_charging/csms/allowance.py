"""How much may be done at a steady rate: a bucket of tokens that fills up again.

It knows no clock: every call is given the time, in seconds of a clock that never goes
back (``time.monotonic``).
"""

from .bounds import Bounds

PIPELINED = 4
"""So many frames in one go are more than a charger sends that waits for answers."""


class Allowance:
    """A bucket of tokens; taking more than there are makes a debt."""

    def __init__(self, *, per_second: float, at_once: float) -> None:
        """Begin full: `at_once` tokens, and `per_second` more for each second."""
        self._per_second = per_second
        self._at_once = at_once
        self._tokens = float(at_once)
        self._updated: float | None = None

    def left(self, now: float) -> float:
        """Return how many tokens there are; negative for a debt."""
        if self._updated is not None:
            gained = max(0.0, now - self._updated) * self._per_second
            self._tokens = min(self._at_once, self._tokens + gained)
        self._updated = now
        return self._tokens

    def spend(self, tokens: float, now: float) -> float:
        """Take tokens; return for how many seconds there will be a debt."""
        self._tokens = self.left(now) - tokens
        return max(0.0, -self._tokens / self._per_second)


class MessageAllowance:
    """What one charger may send, over all of its connections.

    A charger that has waited for each answer, but has very many messages kept, is only
    slowed down. One that keeps sending without waiting is `flooding` in the end.
    """

    def __init__(self, bounds: Bounds) -> None:
        """Begin with all that may be sent at once."""
        self._bounds = bounds
        self._tokens = Allowance(
            per_second=bounds.messages_per_second, at_once=bounds.messages_at_once
        )
        self._flooding_since: float | None = None
        self.flooding = False

    def spend(self, frames: int, size: int, now: float, *, ahead: bool) -> float:
        """Count what came; return for how many seconds not to read on.

        `size` is in bytes; `ahead` says that more came at once than a charger sends
        that waits for answers.
        """
        tokens = frames + size / self._bounds.bytes_per_message
        wait = self._tokens.spend(tokens, now)
        if not wait or not ahead:
            self._flooding_since = None
            self.flooding = False
        else:
            if self._flooding_since is None:
                self._flooding_since = now
            lasts = now - self._flooding_since + wait
            self.flooding = lasts >= self._bounds.flood_seconds
        return wait

    def connected(self, now: float) -> float:
        """Begin anew to look for a flood; return for how long not to read yet.

        What came over the connection before counts: a new one is no way around it.
        """
        self._flooding_since = None
        self.flooding = False
        return self._tokens.spend(0, now)
