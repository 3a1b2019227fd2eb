"""How much anybody may ask of the central system, each limit named here and only here.

They are wide: a thousand chargers may live behind one address, as behind a reverse
proxy, and all come back at the same moment. Nobody but a hostile or broken peer ever
meets one. docs/security.md tells owners what happens at each.

Two kinds are elsewhere, as each is named by the rule that it follows: how long is
waited (`timing.Timing`), and how long the fields of OCPP messages are (`v16`).
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """What connections may take of the listener; tests use smaller ones.

    A *newcomer* is a connection that has not been let in yet: it has not proved who it
    is. Limits per address count an IPv6 network of 64 bits as one address, since one
    device has all of it.
    """

    connections: int = 1500
    """In all. Home Assistant may have 2048 files open, its own among them; where it may
    have fewer, three quarters of that count (see `affordable`).
    """
    connections_per_address: int = 1250
    """The others are left for everybody else."""
    newcomers: int = 1200
    """At once, in all. Beyond it the oldest one of the busiest address gives way."""
    newcomers_per_address: int = 1000
    """At once. Beyond it the address's oldest one gives way."""
    arrivals_per_second: float = 25
    """From one address in the long run; each costs a TLS handshake. Beyond it a
    connection is closed without a word.
    """
    arrivals_at_once: int = 1500
    """From one address before the rate counts."""
    request_bytes: int = 16 * 1024
    """Sent by a newcomer; a charger's request has about 500."""

    messages_per_second: float = 100
    """Of one charger in the long run, pings and fragments included. Beyond it reading
    slows down to this; nothing is dropped.
    """
    messages_at_once: int = 3000
    """Of one charger before the rate counts: what it kept while it was away."""
    flood_seconds: float = 30
    """What a charger sends beyond the rate, without waiting for answers, may take so
    long to be worked off; then its connection is ended (1008).
    """
    bytes_per_message: int = 4096
    """A message counts as one more for each of these bytes."""


MAX_MESSAGE_BYTES = 1024 * 1024
"""A longer message ends the connection (1009)."""

MAX_FRAMES_AHEAD = 4
"""Frames of one connection that are read from the network before they are wanted."""

SLICE_BYTES = 8 * 1024
"""So much of what a connection sent is looked at in one go. The smallest frame has 6
bytes: more would hold up Home Assistant's event loop.
"""

MAX_WAITING_CALLS = 32
"""CALLs of a charger that may wait for their turn before reading stops."""

MAX_WAITING_BYTES = MAX_MESSAGE_BYTES
"""The same in bytes, except that one CALL may always wait."""

MAX_KEPT_ANSWERS = 64
"""Answers that are kept of a charger for CALLs that are sent again."""

MAX_FAULTS_TOLD = 3
"""Failures of ours to process a message that are logged in full for a connection."""

MAX_ID_LENGTH = 36
"""A message id's length (OCPP-J 1.6 §4.1.4); longer ones are echoed up to here."""

MAX_ACTION_LENGTH = 64
MAX_DESCRIPTION_LENGTH = 255
"""Of a CALLERROR's description (OCPP-J 1.6 §4.2.3)."""

MAX_UNKNOWN = 32
"""Unknown chargers that are remembered; the one seen longest ago gives way."""

MAX_UNKNOWN_TOLD_PER_MINUTE = 6
"""Lines in the log about unknown chargers, after the first `MAX_UNKNOWN`."""

MAX_REFUSED = 64
"""Known chargers whose wrong passwords are remembered."""

MAX_UNASKED = 256
"""Addresses that are not asked for a certificate next time: theirs was not ours."""

MAX_CERTIFICATES = 4
"""Certificates that let one charger in: the one in use, and some not used yet."""

CERTIFICATES_AT_ONCE = 3
CERTIFICATE_INTERVAL_S = 600
"""Certificates that a charger gets of its own accord: so many, then one in so long."""

MAX_HASHES_AT_ONCE = 2
"""Passwords that are checked at the same time: each check takes 8 MiB and one core."""

MAX_REMEMBERED_FAILURES = 1024
"""Addresses, and pairs of address and identity, of which failures are remembered."""

MAX_SETTINGS = 1000
"""Configuration keys of one charger that are kept."""


def affordable(connections: int, files: int) -> int:
    """Return how many connections may be open where `files` may be open in all."""
    return max(1, min(connections, files * 3 // 4)) if files > 0 else connections
