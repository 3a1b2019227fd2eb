"""What the owner starts or stops by hand wins over every mode until the car leaves."""

from contextlib import AbstractAsyncContextManager, nullcontext
from typing import TYPE_CHECKING

from ..csms.charger import Charger
from ..csms.connector import Connector
from .wishes import Override

if TYPE_CHECKING:
    from ..hub import Hub


def async_owner_acts(
    hub: Hub, charger: Charger, connector: Connector, *, on: bool
) -> AbstractAsyncContextManager[None]:
    """Return within what the owner starts or stops charging at a connector.

    Where nobody steers it is nothing.
    """
    subentry_id = hub.subentry_id_of(charger.identity)
    steering = hub.steering.of(subentry_id or "", connector.connector_id)
    if steering is None:
        return nullcontext()
    return steering.async_owner_acts(Override.ON if on else Override.OFF)
