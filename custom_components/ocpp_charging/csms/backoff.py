"""How long to turn away those who have presented wrong credentials.

It knows no clock and no socket: every call is given the time, in seconds of a clock
that never goes back (``time.monotonic``).

Two things are held apart. A pair of address and identity that fails is one charger with
a wrong key, or one that is being guessed: after five failures in a row it waits, longer
each time. An address that fails for many identities is someone trying them out; its
newcomers wait. A charger behind the same address that has proved itself before does
not: one wrong key in a house must not lock the other chargers out.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from math import inf

from .bounds import MAX_REMEMBERED_FAILURES

FREE_FAILURES = 5
"""So many failures in a row cost a pair nothing but the last one."""
FIRST_BLOCK_SECONDS = 1.0
MAX_BLOCK_SECONDS = 60.0
"""Also the longest that a charger waits after its owner has put it right."""
FORGET_AFTER_SECONDS = 900.0
"""Silence of a pair after which its failures no longer count as in a row."""
PROOF_LASTS_SECONDS = 90 * 86_400.0
"""How long a success counts for: a router may give the address to something else."""
ADDRESS_FAILURES_PER_MINUTE = 30
CAPACITY = MAX_REMEMBERED_FAILURES
"""How many pairs, addresses and proven pairs are each remembered; the longest untouched
is forgotten first.
"""


@dataclass(slots=True, kw_only=True)
class _Pair:
    """The failures in a row of one identity at one address."""

    failures: int = 0
    last: float = -inf
    blocked_until: float = -inf


@dataclass(slots=True, kw_only=True)
class _Proof:
    """When an identity last proved itself at an address."""

    at: float = -inf


@dataclass(slots=True, kw_only=True)
class _Address:
    """The recent failures at one address: a bucket that leaks 30 a minute."""

    level: float = 0.0
    updated: float = -inf

    def level_at(self, now: float) -> float:
        """Return how much is left in the bucket."""
        leaked = max(0.0, now - self.updated) * ADDRESS_FAILURES_PER_MINUTE / 60
        return max(0.0, self.level - leaked)


class FailureBackoff:
    """Counts failures and says how long to refuse before even looking at credentials.

    ``address`` is the peer's IP address without its port, or what it counts as
    (``gate.origin_of``). An attempt that is refused
    because of ``blocked_for`` is not to be reported as failed: it has not been judged.
    """

    def __init__(self) -> None:
        self._pairs: OrderedDict[tuple[str, str], _Pair] = OrderedDict()
        self._addresses: OrderedDict[str, _Address] = OrderedDict()
        self._proven: OrderedDict[tuple[str, str], _Proof] = OrderedDict()

    def blocked_for(self, address: str, identity: str, now: float) -> float:
        """Return for how many seconds to refuse this pair; 0.0 lets it try."""
        wait = 0.0
        if (pair := self._pairs.get((address, identity))) is not None:
            wait = max(wait, pair.blocked_until - now)
        known = self._addresses.get(address)
        if known is not None and not self._is_proven(address, identity, now):
            over = known.level_at(now) - (ADDRESS_FAILURES_PER_MINUTE - 1)
            wait = max(wait, over * 60 / ADDRESS_FAILURES_PER_MINUTE)
        return wait

    def failed(self, address: str, identity: str, now: float) -> int:
        """Count a failure; return how many in a row it makes for the pair.

        The number tells what to log: the first, and not each of a hundred.
        """
        known = _touch(self._addresses, address, _Address)
        known.level = min(known.level_at(now) + 1, ADDRESS_FAILURES_PER_MINUTE)
        known.updated = now
        pair = _touch(self._pairs, (address, identity), _Pair)
        if now - pair.last > FORGET_AFTER_SECONDS:
            pair.failures = 0
        pair.failures += 1
        pair.last = now
        # The exponent is limited, as a float's is.
        doublings = min(pair.failures - FREE_FAILURES, 10)
        if doublings >= 0:
            block = min(FIRST_BLOCK_SECONDS * 2**doublings, MAX_BLOCK_SECONDS)
            pair.blocked_until = now + block
        return pair.failures

    def succeeded(self, address: str, identity: str, now: float) -> None:
        """Clear the pair's failures and remember that it has proved itself."""
        self._pairs.pop((address, identity), None)
        _touch(self._proven, (address, identity), _Proof).at = now

    def forget(self, identity: str) -> None:
        """Let ``identity`` try at once from everywhere: its key has been changed."""
        for pair in [pair for pair in self._pairs if pair[1] == identity]:
            del self._pairs[pair]

    def _is_proven(self, address: str, identity: str, now: float) -> bool:
        proof = self._proven.get((address, identity))
        return proof is not None and now - proof.at <= PROOF_LASTS_SECONDS

    @property
    def remembered(self) -> int:
        """How many things are remembered, at most three times ``CAPACITY``."""
        return len(self._pairs) + len(self._addresses) + len(self._proven)


def _touch[K, V](table: OrderedDict[K, V], key: K, make: Callable[[], V]) -> V:
    """Return the value of ``key``, made if need be, as the table's most recent."""
    if key in table:
        table.move_to_end(key)
    else:
        while len(table) >= CAPACITY:
            table.popitem(last=False)
        table[key] = make()
    return table[key]
