"""Reading MeterValues and transactionData of OCPP 1.6 (§7.33, §7.43)."""

from datetime import datetime

from ..metering import DEFAULT_MEASURAND, Sample
from . import fields
from .fields import Payload

MAX_SAMPLES = 2000
"""A message with more values than this is cut; a day of minutes has 1440."""


def read_samples(
    payload: Payload, now: datetime, *, key: str = "meterValue"
) -> list[Sample]:
    """Return the sampled values of a message, with the standard's defaults.

    A bucket without a readable time counts as of `now`. What is no sampled value is
    left out: the message is answered all the same (OCPP 1.6 §4.7).
    """
    samples: list[Sample] = []
    for bucket in fields.objects(payload, key):
        at = fields.moment(bucket, "timestamp") or now
        for item in fields.objects(bucket, "sampledValue"):
            value = fields.text(item, "value", 2500)
            if value is None:
                continue
            samples.append(
                Sample(
                    at=at,
                    value=value,
                    measurand=fields.text(item, "measurand", 60) or DEFAULT_MEASURAND,
                    phase=fields.text(item, "phase", 10),
                    unit=fields.text(item, "unit", 20),
                    context=fields.text(item, "context", 30) or "Sample.Periodic",
                    location=fields.text(item, "location", 20) or "Outlet",
                    signed=item.get("format") == "SignedData",
                )
            )
            if len(samples) >= MAX_SAMPLES:
                return samples
    return samples
