"""What holds at a connector: the owner's wish, else what the car has of its own."""

from datetime import date, datetime, time

from homeassistant.util import dt as dt_util

from .connector_plan import ConnectorPlan
from .need import target_soc as reached_soc


def _next(plan: ConnectorPlan) -> datetime | None:
    """Return when the car is to be ready next, by the local clock."""
    now = dt_util.utcnow()
    found, vehicle = plan.wishes.next_ready_by(now), plan.likely_vehicle
    if found is None and vehicle is not None:
        found = vehicle.next_departure(now)
    return None if found is None else dt_util.as_local(found)


def ready_by(plan: ConnectorPlan) -> time | None:
    """Return by what time the car is to be ready; None where none is set."""
    if plan.wishes.ready_by is not None:
        return plan.wishes.ready_by
    found = _next(plan)
    return None if found is None else found.time()


def ready_on(plan: ConnectorPlan) -> date | None:
    """Return on which day that is next."""
    if plan.wishes.ready_on is not None:
        return plan.wishes.ready_on
    found = _next(plan)
    return None if found is None else found.date()


def wanted_soc(plan: ConnectorPlan) -> float:
    """Return the state of charge that is wished, in %, whatever the car's own limit."""
    vehicle, wished = plan.likely_vehicle, plan.wishes.target_soc
    if wished is None and vehicle is not None:
        wished = vehicle.settings.target_soc
    return 100.0 if wished is None else wished


def target_soc(plan: ConnectorPlan) -> float | None:
    """Return the state of charge to reach, in %."""
    vehicle = plan.likely_vehicle
    if vehicle is None:
        return plan.wishes.target_soc
    return reached_soc(plan.wishes, vehicle)


def target_kwh(plan: ConnectorPlan) -> float | None:
    """Return what a session is to take; None where the state of charge says that."""
    vehicle = plan.likely_vehicle
    if plan.wishes.target_kwh is not None or vehicle is None or plan.knows_soc:
        return plan.wishes.target_kwh
    return vehicle.settings.energy_kwh


def minimum_soc(plan: ConnectorPlan) -> float:
    """Return what is charged at once, in %; 0 where nothing is."""
    vehicle, wished = plan.likely_vehicle, plan.wishes.minimum_soc
    if wished is None and vehicle is not None:
        wished = vehicle.settings.minimum_soc
    return wished or 0.0
