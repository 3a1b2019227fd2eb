"""What an entity shows now, such as that of Electricity Maps: no forecast.

It is known until the hour is over; the rest is learned from what was recorded.
"""

from collections.abc import Sequence

from ..prices.reader import AttributeReader, Layers, Look, present
from ..told import Told, number
from ..units import to_grams_per_kwh


def read(looks: Sequence[Look]) -> Layers:
    """Return the present value, from the beginning of the hour to its end."""
    look = looks[0]
    value = number(look.state)
    return [Told() if value is None else present(value, look)]


READER = AttributeReader(
    key="present_value",
    name="Present value",
    recognise=lambda look: (
        to_grams_per_kwh(look.attributes.get("unit_of_measurement")) is not None
        and number(look.state) is not None
    ),
    read=read,
)
