"""A connector, as far as it matters which car is plugged in there."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final, Self

from ..csms.charger import Charger
from ..csms.connector import Connector
from ..csms.tags import TagUse, fold
from .vehicle import aware_time
from .which import NOTHING, CarReason, CarThere, PlugSeen

BEFORE: Final = timedelta(minutes=5)
"""So long before the plug a tag may be presented; chargers wait a minute or two."""


class Outlet:
    """What is plugged in at a connector, and what the owner said of it.

    `chosen` is the owner's word (a car's key, or `GUEST_CHOICE`), which holds until
    unplugged; said before a car is there it is for the next one.
    """

    def __init__(self, charger_key: str) -> None:
        """Begin with nothing plugged in."""
        self._charger_key = charger_key
        self._freed_at: datetime | None = None
        self.plug: PlugSeen | None = None
        self.chosen: str | None = None
        self.there = NOTHING

    def look(self, charger: Charger, connector: Connector, now: datetime) -> None:
        """Take over what the charger says of a plug, and of a tag that came with it.

        While it says nothing of it, as when it is offline, all stays as it was.
        """
        if connector.plugged_in is False:
            self._free(now)
        elif connector.plugged_in and self.plug is None:
            session = connector.transaction
            at = now if session is None else min(session.started_at, now)
            self.plug = PlugSeen(charger=self._charger_key, at=at)
        if self.plug is None:
            return
        id_tag = self._tag(self.plug, charger, connector)
        if id_tag != self.plug.id_tag:
            self.plug = replace(self.plug, id_tag=id_tag)
            self.there = NOTHING  # Another tag, another car: decided from scratch.

    def _free(self, now: datetime) -> None:
        if self.plug is not None:
            self._freed_at = now
            self.plug = self.chosen = None
            self.there = NOTHING

    def _tag(
        self, plug: PlugSeen, charger: Charger, connector: Connector
    ) -> str | None:
        """Return the tag that speaks for the car, folded.

        That of a session counts most; one of those who stop it does not. The tag by
        which Home Assistant starts sessions is nobody's.
        """
        running = fold(connector.id_tag or "")
        if running and running != fold(charger.settings.start_tag):
            return running
        shown = charger.presented
        if plug.id_tag is not None or shown is None or shown.use is TagUse.STOP:
            return plug.id_tag
        # An Authorize.req names no connector (OCPP 1.6 §6.1).
        here = shown.connector_id == connector.connector_id or (
            shown.connector_id is None and len(charger.connectors) == 1
        )
        since = plug.at - BEFORE
        if self._freed_at is not None:
            # What was shown while another was plugged in was to end its session.
            since = max(since, self._freed_at)
        return fold(shown.id_tag) if here and shown.at >= since else None

    def kept(self) -> dict[str, Any] | None:
        """Return what outlives a restart; `None` when there is nothing."""
        if self.plug is None and self.chosen is None:
            return None
        return {
            "at": None if self.plug is None else self.plug.at.isoformat(),
            "id_tag": None if self.plug is None else self.plug.id_tag,
            "chosen": self.chosen,
            "key": self.there.key,
            "reason": self.there.reason,
        }

    @classmethod
    def recalled(cls, charger_key: str, kept: dict[str, Any]) -> Self:
        """Return an outlet as it was before a restart.

        Raises `KeyError`, `TypeError` or `ValueError` for what `kept` cannot return.
        """
        outlet = cls(charger_key)
        outlet.chosen = _text(kept["chosen"])
        if kept["at"] is not None:
            at, id_tag = aware_time(kept["at"]), _text(kept["id_tag"])
            outlet.plug = PlugSeen(charger=charger_key, at=at, id_tag=id_tag)
            reason = CarReason(kept["reason"])
            outlet.there = CarThere(key=_text(kept["key"]), reason=reason)
        return outlet


def _text(kept: object) -> str | None:
    """Return a text that was kept, or none. Raises `TypeError` for anything else."""
    if kept is None or isinstance(kept, str):
        return kept
    raise TypeError("no text")
