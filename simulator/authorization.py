"""Who may charge: the local list, the cache, and the central system's word."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from .clock import parse_timestamp
from .configuration import Configuration
from .errors import CallTimeout, Disconnected, SimulatedCallError

type Json = dict[str, Any]


class Authorizer:
    """What a charge point knows of id tags, whatever their case (OCPP 1.6 §3.5)."""

    def __init__(
        self,
        configuration: Configuration,
        authorize: Callable[[str], Awaitable[Json]],
        now: Callable[[], datetime],
    ) -> None:
        """`authorize` asks the central system and returns its idTagInfo."""
        self._configuration = configuration
        self._authorize = authorize
        self._now = now
        self.cache: dict[str, Json] = {}
        self.local_list: dict[str, Json] = {}
        self.list_version = 0

    def known(self, id_tag: str) -> Json | None:
        """Return the idTagInfo of the local list, else of the cache, else None."""
        tag = id_tag.casefold()
        if (
            self._configuration.boolean("LocalAuthListEnabled")
            and tag in self.local_list
        ):
            return self.local_list[tag]
        if self._configuration.boolean("AuthorizationCacheEnabled"):
            return self.cache.get(tag)
        return None

    def learn(self, id_tag: str, info: Json) -> None:
        """Take what the central system said of a tag into the cache."""
        if self._configuration.boolean("AuthorizationCacheEnabled"):
            self.cache[id_tag.casefold()] = info

    def parent(self, id_tag: str) -> str | None:
        """Return the group of a tag as far as it is known."""
        info = self.known(id_tag)
        return info.get("parentIdTag") if info else None

    async def allowed(self, id_tag: str, *, online: bool) -> bool:
        """Return whether a tag may start a transaction, asking where that is needed."""
        info = self.known(id_tag)
        if online:
            if self._configuration.boolean("LocalPreAuthorize") and self._valid(info):
                return True
            try:
                info = await self._authorize(id_tag)
            except SimulatedCallError, CallTimeout:
                return False
            except Disconnected:
                return self._allowed_offline(self.known(id_tag))
            self.learn(id_tag, info)
            return info.get("status") == "Accepted"
        return self._allowed_offline(info)

    def _allowed_offline(self, info: Json | None) -> bool:
        if info is None:
            return self._configuration.boolean("AllowOfflineTxForUnknownId")
        return self._configuration.boolean("LocalAuthorizeOffline") and self._valid(
            info
        )

    def _valid(self, info: Json | None) -> bool:
        if info is None or info.get("status") != "Accepted":
            return False
        expiry = info.get("expiryDate")
        return expiry is None or parse_timestamp(expiry) > self._now()

    def replace_list(self, version: int, entries: list[Json]) -> None:
        """Take over a full local list (§5.15)."""
        self.local_list = {
            entry["idTag"].casefold(): entry["idTagInfo"] for entry in entries
        }
        self.list_version = version

    def update_list(self, version: int, entries: list[Json]) -> None:
        """Take over a difference: an entry without idTagInfo removes the tag."""
        for entry in entries:
            tag = entry["idTag"].casefold()
            if "idTagInfo" in entry:
                self.local_list[tag] = entry["idTagInfo"]
            else:
                self.local_list.pop(tag, None)
        self.list_version = version
