"""Units: what their texts say of prices (currency and scale), and of CO2."""

from dataclasses import dataclass
import re
from typing import Final

from homeassistant.generated.currencies import ACTIVE_CURRENCIES

_ENERGIES: Final = {"kwh": 1.0, "mwh": 1 / 1000, "wh": 1000.0, "gwh": 1e-6}
"""What a number per this unit of energy is multiplied by to be one per kWh."""

_SYMBOLS: Final[dict[str, str | None]] = {
    "€": "EUR",
    "euro": "EUR",
    "£": "GBP",
    "zł": "PLN",
    "zl": "PLN",
    "kč": "CZK",
    "ft": "HUF",
    "fr": "CHF",
    "fr.": "CHF",
    "lei": "RON",
    "лв": "BGN",
    "лв.": "BGN",
    "₺": "TRY",
    "tl": "TRY",
    "₴": "UAH",
    "a$": "AUD",
    "nz$": "NZD",
    "₹": "INR",
    "₪": "ILS",
    "r$": "BRL",
    # Of several countries: whichever Home Assistant is in.
    "$": None,
    "¥": None,
    "kr": None,
    "kr.": None,
    "nkr": "NOK",
    "skr": "SEK",
    "dkr": "DKK",
}
_HUNDREDTHS: Final[dict[str, str | None]] = {
    "c": None,
    "ct": None,
    "cts": None,
    "cent": None,
    "cents": None,
    "¢": None,
    "€c": "EUR",
    "c€": "EUR",
    "eurocent": "EUR",
    "eur-cent": "EUR",
    "ceur": "EUR",
    "snt": "EUR",
    "senti": "EUR",
    "øre": None,
    "öre": None,
    "ore": None,
    "p": "GBP",
    "pence": "GBP",
    "penny": "GBP",
    "gbx": "GBP",
    "rp": "CHF",
    "rp.": "CHF",
    "rappen": "CHF",
    "gr": "PLN",
    "grosz": "PLN",
    "groszy": "PLN",
    "stotinki": "BGN",
    "bani": "RON",
    "haléř": "CZK",
    "fillér": "HUF",
}
_PENCE: Final = "GBp"
"""As stock exchanges write it; in other letters it is pounds."""

_MASSES: Final = {"g": 1.0, "kg": 1000.0, "t": 1e6, "lb": 453.592, "lbs": 453.592}
_CO2: Final = re.compile(
    r"(kg|g|t|lbs?)\s*(?:co2|co₂)?\s*[-_]?\s*(?:eq|e)?\.?\s*/\s*([kmg]?wh)"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Unit:
    """A unit of prices.

    `factor` makes a price in it one in the main unit of the currency per kWh.
    `currency` is the currency's code, None where the text leaves that open.
    """

    factor: float = 1.0
    currency: str | None = None


def parse_unit(text: object) -> Unit | None:
    """Return what a text such as `EUR/MWh` or `öre/kWh` means, None for no price.

    A currency alone is taken to be per kWh.
    """
    if not isinstance(text, str):
        return None
    money, _, energy = text.strip().partition("/")
    scale = _ENERGIES.get(energy.strip().lower()) if energy else 1.0
    money = money.strip()
    word = money.lower()
    if scale is None or not word:
        return None
    if money == _PENCE:
        word = "p"
    if word in _HUNDREDTHS:
        return Unit(factor=scale / 100, currency=_HUNDREDTHS[word])
    if word in _SYMBOLS:
        return Unit(factor=scale, currency=_SYMBOLS[word])
    # Not any three letters: what is "snt" or "din" in some language is no code.
    if money.upper() in ACTIVE_CURRENCIES and (energy or money.isupper()):
        return Unit(factor=scale, currency=money.upper())
    return None


def may_be_price(unit: object) -> bool:
    """Say whether something measured in this unit can be a price of energy.

    So can what has no unit, and an unknown currency per kWh; watts, °C or CO2 cannot.
    """
    if not isinstance(unit, str) or not unit.strip():
        return True
    _, _, energy = unit.partition("/")
    per_energy = energy.strip().lower() in _ENERGIES
    return parse_unit(unit) is not None or (
        per_energy and to_grams_per_kwh(unit) is None
    )


def to_grams_per_kwh(unit: object) -> float | None:
    """Return what makes a value in a unit one in g/kWh, None for no such unit."""
    if not isinstance(unit, str):
        return None
    match = _CO2.fullmatch(unit.strip().lower())
    return _MASSES[match[1]] * _ENERGIES[match[2]] if match else None
