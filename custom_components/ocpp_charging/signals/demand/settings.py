"""What the owner chose to hear what the grid asks for; kept in options."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Self

from ..prices.settings import CONF_TITLE
from ..told import number

CONF_SOURCES: Final = "sources"
CONF_ENTITY: Final = "entity"
CONF_LIMIT_W: Final = "limit_w"
CONF_EXTRA_PRICE: Final = "extra_price"
CONF_WORDS: Final = "words"


class Kind(StrEnum):
    """What a source is."""

    SWITCH = "switch"
    WATTS = "watts"
    CALENDAR = "calendar"


KINDS: Final[Mapping[str, Kind]] = {
    "binary_sensor": Kind.SWITCH,
    "input_boolean": Kind.SWITCH,
    "switch": Kind.SWITCH,
    "schedule": Kind.SWITCH,
    "sensor": Kind.WATTS,
    "number": Kind.WATTS,
    "input_number": Kind.WATTS,
    "calendar": Kind.CALENDAR,
}
"""By the domain of the entity."""


@dataclass(frozen=True, kw_only=True)
class DemandSource:
    """An entity that tells what the grid asks for, and what that means.

    `limit_w` and `extra_price` (per kWh, in the main unit of the currency, negative for
    what is given) count during an event; a number of watts has its limit in itself.
    `words`: only calendar events that have this text in their title count, or of two
    sensors those of such a direction.
    """

    entity_id: str
    title: str = ""
    limit_w: float | None = None
    extra_price: float | None = None
    words: str = ""

    @property
    def kind(self) -> Kind:
        """Return what it is, from its entity."""
        return KINDS[self.entity_id.partition(".")[0]]

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Self:
        """Return what was kept. Raises `ValueError` for an entity of no use."""
        entity_id = str(data.get(CONF_ENTITY))
        if entity_id.partition(".")[0] not in KINDS:
            raise ValueError(f"{entity_id} cannot tell what the grid asks for")
        return cls(
            entity_id=entity_id,
            title=str(data.get(CONF_TITLE) or entity_id),
            limit_w=number(data.get(CONF_LIMIT_W)),
            extra_price=number(data.get(CONF_EXTRA_PRICE)),
            words=str(data.get(CONF_WORDS) or ""),
        )

    def as_data(self) -> dict[str, Any]:
        """Return what `from_data` takes."""
        return {
            CONF_ENTITY: self.entity_id,
            CONF_TITLE: self.title,
            CONF_LIMIT_W: self.limit_w,
            CONF_EXTRA_PRICE: self.extra_price,
            CONF_WORDS: self.words,
        }


@dataclass(frozen=True, kw_only=True)
class DemandSettings:
    """All sources that the owner chose."""

    sources: tuple[DemandSource, ...]

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Self:
        """Return what was kept. Raises `ValueError` when it cannot be understood."""
        sources = data.get(CONF_SOURCES) or ()
        return cls(sources=tuple(DemandSource.from_data(each) for each in sources))

    def as_data(self) -> dict[str, Any]:
        """Return what `from_data` takes."""
        return {CONF_SOURCES: [each.as_data() for each in self.sources]}
