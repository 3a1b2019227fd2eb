"""Decides on every id tag that is presented at any charger, and tells of it.

Authorize, StartTransaction and StopTransaction are answered by the same decision
(OCPP 1.6 §4.1, §4.8, §4.10).
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
import logging

from .charger import Charger
from .model import TagInfo
from .tags import Presentation, SeenTag, TagRules, TagUse, fold
from .transactions import RECENT

_LOGGER = logging.getLogger(__name__)

MAX_SEEN = 20
"""How many tags that are not on the list are remembered."""

SAME = timedelta(seconds=10)
"""A start or stop with times so close is the same one, sent again: the charger's clock
may have been measured better meanwhile, by which its time is corrected."""

type TagListener = Callable[[Presentation], None]


class Authorizer:
    """The owner's rules at work, for all chargers of a central system."""

    def __init__(self, chargers: Mapping[str, Charger]) -> None:
        """Begin with rules that let everyone charge."""
        self._chargers = chargers
        self._rules = TagRules()
        self._seen: dict[str, SeenTag] = {}
        self._checked: dict[str, str] = {}
        self._latest: dict[str, tuple[str, TagUse, datetime]] = {}
        self._listeners: list[TagListener] = []

    @property
    def rules(self) -> TagRules:
        """Return the owner's rules."""
        return self._rules

    @rules.setter
    def rules(self, rules: TagRules) -> None:
        """Decide by other rules from now on, and have the chargers told."""
        if rules == self._rules:
            return
        self._rules = rules
        for folded in rules.tags.keys() & self._seen.keys():
            del self._seen[folded]
        for charger in tuple(self._chargers.values()):
            charger.publish(0, {"tag_rules"})

    @property
    def seen(self) -> tuple[SeenTag, ...]:
        """Return the tags not on the list that were presented, the latest first."""
        return tuple(reversed(self._seen.values()))

    def listen(self, listener: TagListener) -> Callable[[], None]:
        """Call `listener` for each tag that is presented; returns how to stop."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def decide(
        self,
        charger: Charger,
        id_tag: str,
        use: TagUse,
        now: datetime,
        *,
        connector_id: int | None = None,
        at: datetime | None = None,
        presented: bool = True,
    ) -> TagInfo:
        """Return what a tag may do, and tell the listeners that it was presented.

        `at` is when it was presented, by default `now`: what a charger had in its
        queue is judged by its own time and is no news. Not `presented` is a tag that
        the charger merely names.
        """
        when = now if at is None else min(at, now)
        past = now - when > RECENT
        own = fold(id_tag) == fold(charger.settings.start_tag)
        busy = (
            use is TagUse.START
            and not past
            and self._is_busy(charger, id_tag, connector_id)
        )
        info = self._rules.decide(id_tag, when, own=own, busy=busy)
        if presented and not own and not past:
            self._note(charger, id_tag, use, info, connector_id, when)
        return info

    def _is_busy(self, charger: Charger, id_tag: str, connector_id: int | None) -> bool:
        """Say whether a tag is in a session that runs elsewhere."""
        folded = fold(id_tag)
        return any(
            connector.transaction is not None
            and connector.runs
            and fold(connector.transaction.id_tag or "") == folded
            and (each is not charger or connector.connector_id != connector_id)
            for each in self._chargers.values()
            for connector in each.connectors.values()
        )

    def _note(
        self,
        charger: Charger,
        id_tag: str,
        use: TagUse,
        info: TagInfo,
        connector_id: int | None,
        at: datetime,
    ) -> None:
        """Tell of a tag, once each time that it is held to the charger.

        A charger checks a tag and then begins or ends a session with it: that is one
        presentation, unless the decision has become another meanwhile.
        """
        identity, folded = charger.identity, fold(id_tag)
        before = self._latest.get(identity)
        self._latest[identity] = (folded, use, at)
        if (
            before is not None
            and use is not TagUse.AUTHORIZE
            and before[:2] == (folded, use)
            and abs(at - before[2]) <= SAME
        ):
            return  # the same message, sent again
        verdict = f"{folded} {info.decision}"
        checked = self._checked.pop(identity, None)
        if use is TagUse.AUTHORIZE:
            self._checked[identity] = verdict
        elif checked == verdict:
            return
        tag = self._rules.find(id_tag)
        if tag is None and folded:
            self._seen.pop(folded, None)
            self._seen[folded] = SeenTag(
                id_tag=id_tag, identity=identity, at=at, accepted=info.accepted
            )
            for oldest in list(self._seen)[:-MAX_SEEN]:
                del self._seen[oldest]
        presentation = Presentation(
            identity=identity,
            id_tag=id_tag if tag is None else tag.id_tag,
            name=None if tag is None else tag.name,
            info=info,
            use=use,
            connector_id=connector_id,
            at=at,
        )
        charger.update(presented=presentation)
        for listener in tuple(self._listeners):
            try:
                listener(presentation)
            except Exception:
                _LOGGER.exception("An observer of the id tags failed")

    def forget(self, identity: str) -> None:
        """Forget what was noted of a charger that is removed."""
        self._checked.pop(identity, None)
        self._latest.pop(identity, None)
