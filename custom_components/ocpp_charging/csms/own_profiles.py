"""Notices the owner's own charging profiles beside those that we put on a charger."""

from collections.abc import Mapping
from typing import Any

from .charger import Charger
from .limits import limit_level
from .model import ProfilePurpose
from .plan_install import Installed
from .plan_ways import PlanWay, is_ours


class OwnProfiles:
    """Follows the profiles of one connector that are neither limit, plan nor share."""

    def __init__(self, charger: Charger, connector_id: int) -> None:
        """Bind a connector; what is there now is known."""
        self._charger = charger
        self._id = connector_id
        self._known = self._present()

    def see(self) -> frozenset[int]:
        """Return the ids of those that are new since this was last asked."""
        present = self._present()
        new = present - self._known
        self._known = present
        return new

    def replace(self, new: frozenset[int], plan: Installed) -> bool:
        """Say whether the owner has put one of these over a plan, or removed that."""
        profiles = self._charger.memory.profiles
        if any(_is_over(profiles[number].payload, plan.way) for number in new):
            return True
        if plan.carried or plan.profile_id(self._id) in profiles:
            return False
        # It had to make room for the owner's limit, or else was taken away.
        level = limit_level(self._charger, self._id, plan.way.purpose, installed=True)
        return level != plan.way.level

    def _present(self) -> frozenset[int]:
        return frozenset(
            number
            for number, each in self._charger.memory.profiles.items()
            if not is_ours(number) and each.connector_id in {0, self._id}
        )


def _is_over(payload: Mapping[str, Any], way: PlanWay) -> bool:
    """Say whether a profile counts in place of a plan (OCPP 1.6 §3.13.2)."""
    purpose, level = payload["chargingProfilePurpose"], payload["stackLevel"]
    if purpose == way.purpose:
        return bool(level >= way.level)
    return (
        purpose == ProfilePurpose.TRANSACTION and way.purpose is ProfilePurpose.DEFAULT
    )
