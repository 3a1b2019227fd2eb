"""Simulated charge points over OCPP 1.6J, for tests, demonstrations and the bench.

The simulator is the independent counterpart of the central system: it shares no
message, profile or metering logic with it and imports nothing from it.
"""

from .answers import GARBAGE, SILENCE, Answer
from .car import Car
from .charge_point import ChargePoint
from .clock import Clock, ManualClock, RealClock
from .connector import Connector, Status, Transaction
from .errors import CallTimeout, Disconnected, HandshakeRefused, SimulatedCallError
from .fleet import Fleet
from .options import ChargePointOptions
from .quirks import PRESETS, Quirks
from .wire import Frame

__all__ = [
    "GARBAGE",
    "PRESETS",
    "SILENCE",
    "Answer",
    "CallTimeout",
    "Car",
    "ChargePoint",
    "ChargePointOptions",
    "Clock",
    "Connector",
    "Disconnected",
    "Fleet",
    "Frame",
    "HandshakeRefused",
    "ManualClock",
    "Quirks",
    "RealClock",
    "SimulatedCallError",
    "Status",
    "Transaction",
]
