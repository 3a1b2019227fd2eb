"""The last resort: what an entity shows now is the price until the hour is over."""

from collections.abc import Sequence

from ..told import Told, number
from ..units import parse_unit
from .reader import AttributeReader, Layers, Look, present


def read(looks: Sequence[Look]) -> Layers:
    """Return the present value, from the beginning of the hour to its end."""
    look = looks[0]
    value = number(look.state)
    return [Told() if value is None else present(value, look)]


READER = AttributeReader(
    key="present_value",
    name="Present value",
    # A currency alone may be any amount of money, a bill for instance.
    recognise=lambda look: (
        "/" in str(look.attributes.get("unit_of_measurement"))
        and parse_unit(look.attributes.get("unit_of_measurement")) is not None
        and number(look.state) is not None
    ),
    read=read,
)
