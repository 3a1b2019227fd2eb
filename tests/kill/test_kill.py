"""What was answered survives `kill -9` at any moment."""

import os
from pathlib import Path

import pytest

from .massacre import massacre

KILLS = int(os.environ.get("OCPP_KILLS", "50"))


@pytest.mark.timeout(60 + 5 * KILLS)
@pytest.mark.usefixtures("socket_enabled")
async def test_no_answered_transaction_is_lost_or_doubled(tmp_path: Path) -> None:
    outcome = await massacre(tmp_path, kills=KILLS)
    assert outcome.faults == []
    assert outcome.starts > 2 * KILLS
    assert outcome.stops > KILLS
    # Kills that met nobody in the middle of something would show nothing.
    assert outcome.in_flight > KILLS
