"""How long the central system waits for what, in seconds, in one place."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Waiting times in seconds; tests shorten them.

    `boot_grace` is how long a charger that reconnects may take to boot before it is
    read without: some end up in a loop when asked earlier. `silence` is after how
    long without a word a charger that answers pings is dead, `silence_without_pongs`
    the same for one that never answered any. `confirm` is how long a charger may take
    to do what it has accepted. `open_timeout` is how long a newcomer may take for its
    TLS handshake, and again for its request; `decide_timeout` how long we may take to
    decide on it, when many have come at once.

    A plan goes to a charger no more often than every `plan_pause`; what failed is
    tried again after `plan_retry`. A charger that still draws more than planned after
    `plan_ignored` ignores the plan; `plan_ignored_far` is the same where it is much
    more, and its register of energy agrees. What was measured is asked for every
    `plan_check` while it is too much.

    What was measured is asked for `share_check` after a share of the fuse was lowered.
    Who still draws more after `share_ignored` ignores it. A share that was refused is
    tried again after `share_retry`.
    """

    call_timeout: float = 30
    boot_grace: float = 10
    boot_settle: float = 1
    boot_retry: int = 30
    heartbeat_interval: int = 60
    ping_interval: float = 20
    silence: float = 45
    silence_without_pongs: float = 150
    confirm: float = 60
    open_timeout: float = 10
    decide_timeout: float = 60
    close_timeout: float = 3
    fatal_step: float = 20
    plan_pause: float = 30
    plan_retry: float = 60
    plan_ignored: float = 60
    plan_ignored_far: float = 15
    plan_check: float = 10
    share_check: float = 4
    share_ignored: float = 15
    share_retry: float = 10
