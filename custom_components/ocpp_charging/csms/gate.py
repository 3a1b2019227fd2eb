"""How many connections there may be, from whom, and which one gives way.

It has no I/O and no clock: every call is given the time, in seconds of a clock that
never goes back. When there are too many newcomers, the one that has waited longest
gives way: a charger proves who it is within a moment, while those who only occupy
places (slow requests, half-open sockets) grow old.
"""

from collections import Counter, OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from enum import StrEnum
import ipaddress

from .allowance import Allowance
from .bounds import MAX_REMEMBERED_FAILURES, Bounds

_IPV6_NETWORK_BITS = 64


class Reason(StrEnum):
    """Why a connection was turned away before it could say who it is."""

    TOO_MANY = "too many connections"
    TOO_OFTEN = "connecting too often"
    GAVE_WAY = "slow while others waited"
    TOO_SLOW = "no request in time"
    REQUEST_TOO_LONG = "a request that is too long"
    WEB_PAGE = "a web page of another site"
    BROKEN_TLS = "a broken TLS handshake"
    FOREIGN_CERTIFICATE = "a certificate that is not ours"


@dataclass(frozen=True, kw_only=True)
class Entry[K]:
    """Whether a connection may come in (`refused` is None), and who gives way."""

    refused: Reason | None = None
    gives_way: K | None = None


class Gate[K: Hashable]:
    """Counts connections by address; `K` is what stands for one."""

    def __init__(self, bounds: Bounds) -> None:
        """Begin with none."""
        self._bounds = bounds
        self._newcomers: dict[str, OrderedDict[K, None]] = {}
        self._origins: dict[K, str] = {}
        self._waiting = 0
        self._present: Counter[str] = Counter()
        self._arrivals: OrderedDict[str, Allowance] = OrderedDict()

    @property
    def connections(self) -> int:
        """Return how many connections there are."""
        return len(self._origins)

    @property
    def newcomers(self) -> int:
        """Return how many of them have not been let in yet."""
        return self._waiting

    @property
    def remembered(self) -> int:
        """Return of how many addresses something is remembered."""
        return len(self._present) + len(self._newcomers) + len(self._arrivals)

    def waiting(self) -> list[K]:
        """Return the newcomers."""
        return [one for queue in self._newcomers.values() for one in queue]

    def enter(self, one: K, address: str, now: float) -> Entry[K]:
        """Decide on a new connection from an IP address; it counts unless refused."""
        origin = origin_of(address)
        if not self._may_arrive(origin, now):
            return Entry(refused=Reason.TOO_OFTEN)
        crowded = self._crowded(origin)
        gives_way: K | None = None
        if crowded is not None:
            queue = self._newcomers.get(crowded)
            if not queue:
                return Entry(refused=Reason.TOO_MANY)
            gives_way = next(iter(queue))
            self.leave(gives_way)
        self._origins[one] = origin
        self._newcomers.setdefault(origin, OrderedDict())[one] = None
        self._present[origin] += 1
        self._waiting += 1
        return Entry(gives_way=gives_way)

    def admit(self, one: K) -> None:
        """Count a connection as let in."""
        self._no_newcomer(one)

    def leave(self, one: K) -> None:
        """Forget a connection; one that is not counted is passed over."""
        self._no_newcomer(one)
        origin = self._origins.pop(one, None)
        if origin is None:
            return
        self._present[origin] -= 1
        if not self._present[origin]:
            del self._present[origin]

    def _no_newcomer(self, one: K) -> None:
        origin = self._origins.get(one)
        queue = None if origin is None else self._newcomers.get(origin)
        if origin is None or queue is None or one not in queue:
            return
        del queue[one]
        self._waiting -= 1
        if not queue:
            del self._newcomers[origin]

    def _may_arrive(self, origin: str, now: float) -> bool:
        allowance = self._arrivals.pop(origin, None)
        if allowance is None:
            allowance = Allowance(
                per_second=self._bounds.arrivals_per_second,
                at_once=self._bounds.arrivals_at_once,
            )
        self._arrivals[origin] = allowance
        while len(self._arrivals) > MAX_REMEMBERED_FAILURES:
            self._arrivals.popitem(last=False)
        if allowance.left(now) < 1:
            return False
        allowance.spend(1, now)
        return True

    def _crowded(self, origin: str) -> str | None:
        """Return the address whose oldest newcomer must give way to one of `origin`."""
        bounds = self._bounds
        own = len(self._newcomers.get(origin, ()))
        if (
            own >= bounds.newcomers_per_address
            or self._present[origin] >= bounds.connections_per_address
        ):
            return origin
        if (
            self._waiting >= bounds.newcomers
            or len(self._origins) >= bounds.connections
        ):
            return max(
                self._newcomers, key=lambda each: len(self._newcomers[each]), default=""
            )
        return None


def origin_of(address: str) -> str:
    """Return what an IP address counts as: itself, or its IPv6 network of 64 bits."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    network = int(parsed) >> _IPV6_NETWORK_BITS << _IPV6_NETWORK_BITS
    return f"{ipaddress.IPv6Address(network)}/{_IPV6_NETWORK_BITS}"
