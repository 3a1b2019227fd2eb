"""The owner's cars: what is set, what their own integrations say, and where they are.

Everything about a car is optional: one that tells nothing is charged by the energy that
its owner names, or that its past sessions took.
"""

from .settings import VehicleSettings
from .vehicle import Vehicle
from .vehicles import Vehicles, async_forget_vehicles
from .which import CarReason, CarThere

__all__ = [
    "CarReason",
    "CarThere",
    "Vehicle",
    "VehicleSettings",
    "Vehicles",
    "async_forget_vehicles",
]
