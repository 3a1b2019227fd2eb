"""A connector is kept free for a tag, until it is used, given back, over or broken."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from custom_components.ocpp_charging.csms import reservations
from custom_components.ocpp_charging.csms.charger import Charger
from custom_components.ocpp_charging.csms.errors import CommandRefused, InvalidRequest
from custom_components.ocpp_charging.csms.journal import MemoryJournal
from custom_components.ocpp_charging.csms.model import ChargerMemory, Reservation
from custom_components.ocpp_charging.storage_codec import decode, encode
from tests.csms.conftest import Dial
from tests.csms.raw import RawCharger, stamp

ACCEPTED = {"status": "Accepted"}
UNTIL = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)


def reserved(charger: Charger, connector_id: int = 1) -> Reservation | None:
    """Return what is reserved now."""
    return reservations.reservation_of(charger, connector_id, datetime.now(UTC))


async def reserve(
    charger: Charger, raw: RawCharger, connector_id: int = 1, **changes: Any
) -> Reservation:
    """Reserve a connector for ANNA."""
    raw.reactions |= {"ReserveNow": ACCEPTED, "CancelReservation": ACCEPTED}
    return await reservations.reserve(
        charger, connector_id, **{"id_tag": "ANNA", "until": UNTIL, **changes}
    )


def calls(raw: RawCharger, action: str) -> list[dict[str, Any]]:
    """Return the payloads of the CALLs of one action."""
    return [asked.payload for asked in raw.log if asked.action == action]


async def test_a_reservation_is_asked_of_the_charger_and_kept(
    charger: Charger, raw: RawCharger
) -> None:
    """OCTT TC_046, TC_053 (parentIdTag)."""
    told: list[bool] = []
    charger.listen(1, "reservation", lambda: told.append(True))
    made = await reserve(charger, raw, group="FAMILY")
    assert calls(raw, "ReserveNow") == [
        {
            "connectorId": 1,
            "expiryDate": UNTIL.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "idTag": "ANNA",
            "parentIdTag": "FAMILY",
            "reservationId": made.reservation_id,
        }
    ]
    assert reserved(charger) == made
    assert told == [True]


async def test_the_charger_as_a_whole_can_be_reserved(
    charger: Charger, raw: RawCharger
) -> None:
    """OCTT TC_049."""
    made = await reserve(charger, raw, 0)
    assert calls(raw, "ReserveNow")[0]["connectorId"] == 0
    assert reserved(charger, 0) == made
    assert reserved(charger, 1) is None


async def test_the_same_connector_keeps_its_number_and_others_get_new_ones(
    charger: Charger, raw: RawCharger
) -> None:
    first = await reserve(charger, raw)
    again = await reserve(charger, raw, id_tag="BEN")
    other = await reserve(charger, raw, 2)
    assert again.reservation_id == first.reservation_id
    assert other.reservation_id == first.reservation_id + 1
    await reservations.cancel(charger, 1)
    third = await reserve(charger, raw)
    assert third.reservation_id == other.reservation_id + 1


@pytest.mark.parametrize("word", ["Faulted", "Occupied", "Unavailable", "Rejected"])
async def test_a_refusal_is_told_in_the_chargers_word_and_nothing_is_kept(
    charger: Charger, raw: RawCharger, word: str
) -> None:
    """OCTT TC_048_1 to TC_048_4."""
    raw.reactions["ReserveNow"] = {"status": word}
    with pytest.raises(CommandRefused) as caught:
        await reservations.reserve(charger, 1, id_tag="ANNA", until=UNTIL)
    assert caught.value.status == word
    assert reserved(charger) is None


async def test_nothing_is_reserved_until_yesterday(charger: Charger) -> None:
    with pytest.raises(InvalidRequest, match="past"):
        await reservations.reserve(
            charger, 1, id_tag="ANNA", until=datetime.now(UTC) - timedelta(days=1)
        )


@pytest.mark.parametrize(("word", "known"), [("Accepted", True), ("Rejected", False)])
async def test_a_cancelled_reservation_is_over_also_where_the_charger_had_none(
    charger: Charger, raw: RawCharger, word: str, known: bool
) -> None:
    """OCTT TC_051, TC_052 (rejected)."""
    made = await reserve(charger, raw)
    raw.reactions["CancelReservation"] = {"status": word}
    assert await reservations.cancel(charger, 1) is known
    assert calls(raw, "CancelReservation") == [{"reservationId": made.reservation_id}]
    assert reserved(charger) is None
    with pytest.raises(InvalidRequest, match="nothing is reserved"):
        await reservations.cancel(charger, 1)


async def test_a_reservation_is_over_at_its_end(
    charger: Charger, raw: RawCharger
) -> None:
    """OCTT TC_047."""
    made = await reserve(charger, raw)
    assert reservations.reservation_of(charger, 1, UNTIL) is None
    before = UNTIL - timedelta(seconds=1)
    assert reservations.reservation_of(charger, 1, before) == made


async def test_a_session_that_names_its_reservation_ends_it(
    charger: Charger, raw: RawCharger
) -> None:
    """OCTT TC_046."""
    whole = await reserve(charger, raw, 0)
    other = await reserve(charger, raw, 2)
    await raw.start(idTag="ANNA", reservationId=whole.reservation_id)
    assert reserved(charger, 0) is None
    assert reserved(charger, 2) == other


async def test_a_session_at_the_connector_ends_its_reservation_too(
    charger: Charger, raw: RawCharger
) -> None:
    await reserve(charger, raw)
    ago = stamp(datetime.now(UTC) - timedelta(days=1))
    await raw.start(idTag="BEN", timestamp=ago)
    assert reserved(charger) is not None, "that was yesterday's session"
    await raw.start(idTag="ANNA")
    assert reserved(charger) is None


@pytest.mark.parametrize(
    ("statuses", "over"),
    [
        (("Reserved",), False),
        (("Reserved", "Preparing"), False),
        (("Available", "Reserved"), False),
        (("Reserved", "Available"), True),
        (("Reserved", "Faulted"), True),
        (("Reserved", "Unavailable"), True),
    ],
)
async def test_a_status_ends_a_reservation_or_not(
    charger: Charger, raw: RawCharger, statuses: tuple[str, ...], over: bool
) -> None:
    await reserve(charger, raw)
    for word in statuses:
        await raw.status(word)
    assert (reserved(charger) is None) is over


async def test_a_fault_elsewhere_ends_no_reservation(
    charger: Charger, raw: RawCharger
) -> None:
    made = await reserve(charger, raw)
    await raw.status("Faulted", 2)
    assert reserved(charger) == made


async def test_a_reservation_outlives_a_new_connection_and_a_restart(
    charger: Charger, raw: RawCharger, dial: Dial
) -> None:
    made = await reserve(charger, raw)
    await dial()
    assert reserved(charger) == made
    kept: Any = encode(charger.memory)
    back = Charger(charger.settings, decode(ChargerMemory, kept), MemoryJournal())
    assert reserved(back) == made
    assert back.memory.last_reservation == made.reservation_id


async def test_no_tag_of_a_reservation_is_logged(
    charger: Charger, raw: RawCharger, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    await reserve(charger, raw, id_tag="SECRET-CARD")
    said = [one for one in caplog.records if one.name.startswith("custom_components")]
    assert "SECRET-CARD" not in "".join(one.getMessage() for one in said)


async def test_reservations_at_once_get_numbers_of_their_own(
    charger: Charger, raw: RawCharger
) -> None:
    made = await asyncio.gather(reserve(charger, raw, 1), reserve(charger, raw, 2))
    assert len({each.reservation_id for each in made}) == 2
    assert {each.connector_id for each in charger.memory.reservations.values()} == {
        1,
        2,
    }
