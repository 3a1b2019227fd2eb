"""Telling web pages from chargers (RFC 6455 §10.2).

Any page that somebody in the house opens can make the browser dial this central system.
Browsers cannot leave out where the page is from, and chargers seldom say such a thing:
some WebSocket libraries send the address that they dial.
"""

from urllib.parse import urlsplit


def is_foreign(origin: str | None, host: str | None) -> bool:
    """Say whether an `Origin` is that of a web page on another host than `host`.

    `host` is the header of this name, with or without a port. "null" is what browsers
    say of pages without a host. Words without a scheme come from no browser.
    """
    if origin is None:
        return False
    if "://" not in origin:
        return origin.strip().lower() == "null"
    named = _hostname(origin)
    return named is None or host is None or named != _hostname(f"//{host}")


def _hostname(url: str) -> str | None:
    try:
        return urlsplit(url.strip()).hostname
    except ValueError:
        return None
