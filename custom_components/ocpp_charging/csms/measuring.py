"""Has a charger measure now: its next sample may be minutes off."""

import logging

from .charger import Charger
from .commands import Commands
from .errors import ChargerOffline, CommandError

_LOGGER = logging.getLogger(__name__)


async def ask_what_flows(
    charger: Charger, commands: Commands, connector_id: int
) -> bool:
    """Ask for meter values; says whether the charger sends them when it is asked.

    Raises `ChargerOffline` when the connection ends meanwhile.
    """
    try:
        await commands.trigger("MeterValues", connector_id)
    except ChargerOffline:
        raise
    except CommandError as error:
        _LOGGER.debug("%s: does not measure when asked: %s", charger.identity, error)
        return False
    return True
