"""What the owner chose: a source of prices, its unit and the fees; kept in options."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Self

from ..timetable import Timetable
from ..told import number
from ..units import Unit
from .fees import Fees

CONF_READER: Final = "reader"
CONF_TARGET: Final = "target"
CONF_PART: Final = "part"
CONF_TITLE: Final = "title"
CONF_UNIT: Final = "unit"
CONF_REVERSED: Final = "reversed"
CONF_AMOUNT: Final = "amount"
CONF_PERIODS: Final = "periods"

TYPED: Final = "typed"
"""The reader of prices that the owner typed in: always the same, or by timetable."""


class Side(StrEnum):
    """What a price is of; also the key in the options of the central system."""

    PRICE = "price"
    FEED_IN = "feed_in_price"


class UnitChoice(StrEnum):
    """What the numbers of a source are, where the owner knows better."""

    AUTO = "auto"
    MAIN_PER_KWH = "main_per_kwh"
    HUNDREDTHS_PER_KWH = "hundredths_per_kwh"
    MAIN_PER_MWH = "main_per_mwh"
    HUNDREDTHS_PER_MWH = "hundredths_per_mwh"


CHOSEN: Final[Mapping[UnitChoice, Unit]] = {
    UnitChoice.MAIN_PER_KWH: Unit(),
    UnitChoice.HUNDREDTHS_PER_KWH: Unit(factor=0.01),
    UnitChoice.MAIN_PER_MWH: Unit(factor=1e-3),
    UnitChoice.HUNDREDTHS_PER_MWH: Unit(factor=1e-5),
}


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where prices come from.

    `target` is whom the reader asks: the id of a config entry or a device, or that of
    an entity (its registry's, so that it may be renamed). `part` is the area or home
    of an answer that has several.
    """

    reader: str
    target: str = ""
    part: str = ""

    def as_data(self) -> dict[str, str]:
        """Return what `from_data` takes."""
        return {
            CONF_READER: self.reader,
            CONF_TARGET: self.target,
            CONF_PART: self.part,
        }

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Self:
        """Return the source that was kept."""
        return cls(
            reader=str(data.get(CONF_READER, "")),
            target=str(data.get(CONF_TARGET, "")),
            part=str(data.get(CONF_PART, "")),
        )


@dataclass(frozen=True, kw_only=True)
class PriceSettings:
    """All that the owner decided about one price.

    `tariff` has the typed prices, in the main unit of the currency per kWh.
    """

    source: Source
    title: str = ""
    unit: UnitChoice = UnitChoice.AUTO
    sign_reversed: bool = False
    tariff: Timetable = field(default_factory=Timetable)
    fees: Fees = field(default_factory=Fees)

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Self:
        """Return what was kept. Raises `ValueError` when it cannot be understood."""
        return cls(
            source=Source.from_data(data),
            title=str(data.get(CONF_TITLE, "")),
            unit=UnitChoice(data.get(CONF_UNIT, UnitChoice.AUTO)),
            sign_reversed=bool(data.get(CONF_REVERSED, False)),
            tariff=Timetable.from_data(
                number(data.get(CONF_AMOUNT)) or 0.0, data.get(CONF_PERIODS) or ()
            ),
            fees=Fees.from_data(data),
        )
