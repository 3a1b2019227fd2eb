"""What the owner prefers of all plans of a home: kept in the options."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Self

from ..charging import Preferences, Tie, co2_price
from ..charging.problem import GREENEST
from .peak import PeakSettings

CONF_PLANNING: Final = "planning"
CONF_START_COST: Final = "start_cost"
CONF_TIE: Final = "tie"
CONF_THRESHOLD: Final = "threshold"
CONF_MINIMUM_RUN: Final = "minimum_run_minutes"
CONF_MINIMUM_PAUSE: Final = "minimum_pause_minutes"
CONF_GREENEST: Final = "greenest_co2_price"
CONF_RANDOM_DELAY: Final = "random_delay_seconds"
CONF_PEAK_PRICE: Final = "peak_price"
CONF_PEAK_WINDOW: Final = "peak_window_minutes"
CONF_PEAK_SO_FAR: Final = "peak_so_far"


@dataclass(frozen=True, kw_only=True)
class PlanningSettings:
    """How plans are made; money is in the owner's currency."""

    start_cost: float = 0.0
    tie: Tie = Tie.LATER
    threshold: float = 0.05
    minimum_run: timedelta = timedelta(0)
    minimum_pause: timedelta = timedelta(0)
    greenest: float = GREENEST
    """What a kg of CO2 costs at the green end of the slider."""
    random_delay: timedelta = timedelta(0)
    """By how much starts and ends that are planned are later, at most; by chance."""
    peak: PeakSettings | None = None
    """None where the highest power costs nothing."""

    def preferences(self, greenness: float) -> Preferences:
        """Return them as the planner takes them, at a place of the slider."""
        return Preferences(
            co2_price=co2_price(greenness, self.greenest),
            start_cost=self.start_cost,
            minimum_run=self.minimum_run,
            minimum_pause=self.minimum_pause,
            tie=self.tie,
            threshold=self.threshold,
        )

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> Self:
        """Return what is in the options.

        Raises `ValueError` or `TypeError` for what another version may have kept.
        """
        data: Mapping[str, Any] = options.get(CONF_PLANNING) or {}
        return cls(
            start_cost=float(data.get(CONF_START_COST, 0.0)),
            tie=Tie(data.get(CONF_TIE, Tie.LATER)),
            threshold=float(data.get(CONF_THRESHOLD, 0.05)),
            minimum_run=timedelta(minutes=float(data.get(CONF_MINIMUM_RUN, 0))),
            minimum_pause=timedelta(minutes=float(data.get(CONF_MINIMUM_PAUSE, 0))),
            greenest=float(data.get(CONF_GREENEST, GREENEST)),
            random_delay=timedelta(seconds=float(data.get(CONF_RANDOM_DELAY, 0))),
            peak=_peak(data),
        )


def _peak(data: Mapping[str, Any]) -> PeakSettings | None:
    price = float(data.get(CONF_PEAK_PRICE, 0.0))
    if price <= 0.0:
        return None
    return PeakSettings(
        price_per_kw=price,
        window=timedelta(minutes=int(data.get(CONF_PEAK_WINDOW, 60))),
        so_far=data.get(CONF_PEAK_SO_FAR) or None,
    )
