"""Who may charge: the owner's list of id tags, and the one decision made by it.

Id tags are the same whatever their case (OCPP 1.6 §3.5, errata 3.1). Nothing here
knows a clock or a charger: what it needs is passed in.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
import hashlib
from types import MappingProxyType
from typing import Self

from .model import TagDecision, TagInfo

MAX_TAG_CHARACTERS = 20
"""The longest id tag (OCPP 1.6 §7.28)."""

MAX_MADE_CHARACTERS = 16
"""The longest one that we make up: some chargers garble longer ones."""


class UnknownTags(StrEnum):
    """What happens to a tag that is not on the owner's list.

    With ASK it is refused, and the owner is asked for the next time.
    """

    ACCEPT = "accept"
    REFUSE = "refuse"
    ASK = "ask"


class OfflineTags(StrEnum):
    """Who may charge while a charger cannot ask (OCPP 1.6 §3.5.1).

    UNCHANGED leaves the charger's own configuration as it is.
    """

    UNCHANGED = "unchanged"
    LISTED = "listed"
    ANYONE = "anyone"
    NOBODY = "nobody"


class TagUse(StrEnum):
    """What a tag was presented for: to be checked, to begin or to end a session."""

    AUTHORIZE = "authorize"
    START = "start"
    STOP = "stop"


def fold(text: str) -> str:
    """Return what is the same for all spellings of an id tag or a group."""
    return text.strip().casefold()


@dataclass(frozen=True, kw_only=True)
class Tag:
    """A tag on the owner's list.

    Those of the same `group` may end each other's sessions (OCPP 1.6 §3.10).
    """

    id_tag: str
    name: str
    group: str | None = None
    expires: datetime | None = None
    enabled: bool = True


@dataclass(frozen=True, kw_only=True)
class Presentation:
    """A tag that was held to a charger, and what became of it.

    `name` is the owner's name for it, None for a tag that is not on the list.
    `connector_id` is None where the charger did not say which.
    """

    identity: str
    id_tag: str
    name: str | None
    info: TagInfo
    use: TagUse
    connector_id: int | None
    at: datetime


@dataclass(frozen=True, kw_only=True)
class SeenTag:
    """A tag that is not on the list, and when and where it was last presented."""

    id_tag: str
    identity: str
    at: datetime
    accepted: bool


@dataclass(frozen=True, kw_only=True)
class TagRules:
    """The owner's list and what holds besides it; `of` makes them.

    `one_session` lets a tag charge at one connector at a time. `offline` and
    `pre_authorize` are for chargers: whom they let charge when they cannot ask, and
    whether those on the list begin without asking (`LocalPreAuthorize`).
    """

    tags: Mapping[str, Tag] = field(default_factory=dict)
    unknown: UnknownTags = UnknownTags.ACCEPT
    one_session: bool = False
    offline: OfflineTags = OfflineTags.UNCHANGED
    pre_authorize: bool = False

    @classmethod
    def of(
        cls,
        tags: Iterable[Tag] = (),
        *,
        unknown: UnknownTags | None = None,
        one_session: bool = False,
        offline: OfflineTags = OfflineTags.UNCHANGED,
        pre_authorize: bool = False,
    ) -> Self:
        """Make the rules; `unknown` None refuses unknown tags once there is a list."""
        listed = {fold(tag.id_tag): tag for tag in tags}
        if unknown is None:
            unknown = UnknownTags.REFUSE if listed else UnknownTags.ACCEPT
        return cls(
            tags=MappingProxyType(listed),
            unknown=unknown,
            one_session=one_session,
            offline=offline,
            pre_authorize=pre_authorize,
        )

    def find(self, id_tag: str) -> Tag | None:
        """Return the tag on the list, whatever its case."""
        return self.tags.get(fold(id_tag))

    def decide(
        self, id_tag: str, now: datetime, *, own: bool = False, busy: bool = False
    ) -> TagInfo:
        """Return what a presented tag may do.

        `own` is the tag that we start sessions with ourselves: always accepted, with
        the group that it has on the list. `busy` is one in another running session.
        """
        tag = self.find(id_tag)
        if own:
            return TagInfo(
                decision=TagDecision.ACCEPTED, group=None if tag is None else tag.group
            )
        if tag is None:
            accepted = self.unknown is UnknownTags.ACCEPT
            info = TagInfo(
                decision=TagDecision.ACCEPTED if accepted else TagDecision.INVALID
            )
        else:
            info = _info(tag, now)
        if busy and self.one_session and info.accepted:
            return TagInfo(decision=TagDecision.CONCURRENT_TX, group=info.group)
        return info

    def listed(self, now: datetime) -> dict[str, TagInfo]:
        """Return what chargers shall know by heart, by id tag.

        Those that may charge come first: a charger with little room keeps these.
        """
        infos = {tag.id_tag: _info(tag, now) for tag in self.tags.values()}
        return dict(sorted(infos.items(), key=lambda item: not item[1].accepted))

    def digest(self) -> str | None:
        """Return what changes when a tag may do something else; None for no rules.

        No tag can be read from it.
        """
        if not self.tags and self.unknown is UnknownTags.ACCEPT:
            return None
        said = sorted(
            f"{folded}|{tag.group}|{tag.expires}|{tag.enabled}"
            for folded, tag in self.tags.items()
        )
        others = "all" if self.unknown is UnknownTags.ACCEPT else "none"
        text = "\n".join((others, *said))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def _info(tag: Tag, now: datetime) -> TagInfo:
    """Return what is said of a tag on the list."""
    if not tag.enabled:
        decision = TagDecision.BLOCKED
    elif tag.expires is not None and tag.expires <= now:
        decision = TagDecision.EXPIRED
    else:
        decision = TagDecision.ACCEPTED
    return TagInfo(decision=decision, expires=tag.expires, group=tag.group)
