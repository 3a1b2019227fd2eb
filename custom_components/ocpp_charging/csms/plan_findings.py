"""What was found out about a charger while it was held to a plan; it is remembered."""

from dataclasses import replace
import logging

from .charger import Charger
from .model import ProfilePurpose
from .plan_install import NotHeld
from .plan_ways import purposes

_LOGGER = logging.getLogger(__name__)


def takes_no_plan(charger: Charger, failure: NotHeld) -> None:
    """Note that a charger takes a plan in no way: its sessions have to be switched."""
    _LOGGER.info(
        "%s: takes no plan, sessions are started and stopped instead: %s",
        charger.identity,
        failure,
    )
    features = charger.features
    charger.remember(
        features=replace(
            features,
            plan_refused=True,
            plan_purpose=None,
            plan_ignored=features.plan_ignored | failure.ignored,
        )
    )


def ignores(charger: Charger, connector_id: int, purpose: ProfilePurpose) -> None:
    """Note that a charger lets the car draw more than profiles of a purpose allow."""
    _LOGGER.warning(
        "%s: the car draws more than the plan allows: %s is ignored",
        charger.identity,
        purpose,
    )
    features = charger.features
    left = set(purposes(charger, connector_id)) - {purpose}
    charger.remember(
        features=replace(
            features,
            plan_purpose=None,
            plan_refused=not left,
            plan_ignored=features.plan_ignored | {purpose},
        )
    )


def ignores_phases(charger: Charger) -> None:
    """Note that a charger goes on with three phases when it is told one."""
    _LOGGER.warning(
        "%s: the car charges on more phases than the plan says: they are not switched",
        charger.identity,
    )
    charger.remember(features=replace(charger.features, plan_phases_ignored=True))


def ends_at_zero(charger: Charger) -> None:
    """Note that a charger ends a session when nothing may flow."""
    _LOGGER.info("%s: ends sessions at 0 A", charger.identity)
    charger.remember(features=replace(charger.features, ends_at_zero=True))


def is_stuck(charger: Charger) -> None:
    """Note that a session's own profile can't be replaced once it has suspended it."""
    _LOGGER.info("%s: keeps the TxProfile of a session that waits", charger.identity)
    ignored = charger.features.plan_ignored | {ProfilePurpose.TRANSACTION}
    charger.remember(
        features=replace(charger.features, plan_purpose=None, plan_ignored=ignored)
    )
