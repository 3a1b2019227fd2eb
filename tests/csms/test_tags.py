"""The one decision about id tags, by which all chargers are answered."""

from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from custom_components.ocpp_charging.csms.authorizer import MAX_SEEN
from custom_components.ocpp_charging.csms.charger import Charger
from custom_components.ocpp_charging.csms.connector import Connector
from custom_components.ocpp_charging.csms.model import TagDecision
from custom_components.ocpp_charging.csms.server import CentralSystem
from custom_components.ocpp_charging.csms.tags import (
    Presentation,
    Tag,
    TagRules,
    TagUse,
    UnknownTags,
)
from tests.csms.conftest import Dial
from tests.csms.raw import Payload, RawCharger, settings, stamp

NOW = datetime(2025, 11, 22, 12, tzinfo=UTC)
ANNA = Tag(id_tag="04A1B2C3", name="Anna", group="FAMILY")
BEN = Tag(id_tag="04FFEE11", name="Ben", group="FAMILY")
LOST = Tag(id_tag="DEAD", name="Lost card", enabled=False)
GUEST = Tag(id_tag="GUEST", name="Guest", expires=NOW)
RULES = TagRules.of((ANNA, BEN, LOST, GUEST))


@pytest.mark.parametrize(
    ("id_tag", "decision"),
    [
        ("04A1B2C3", TagDecision.ACCEPTED),
        ("04a1b2c3", TagDecision.ACCEPTED),
        ("dead", TagDecision.BLOCKED),
        ("guest", TagDecision.EXPIRED),
        ("STRANGER", TagDecision.INVALID),
    ],
)
def test_a_tag_is_judged_by_the_list_whatever_its_case(
    id_tag: str, decision: TagDecision
) -> None:
    assert RULES.decide(id_tag, NOW).decision is decision


def test_a_tag_expires_at_its_moment() -> None:
    before = RULES.decide("GUEST", NOW - timedelta(seconds=1))
    assert before.accepted
    assert before.expires == NOW


@pytest.mark.parametrize(
    ("tags", "chosen", "accepted"),
    [
        ((), None, True),
        ((ANNA,), None, False),
        ((), UnknownTags.REFUSE, False),
        ((ANNA,), UnknownTags.ACCEPT, True),
        ((ANNA,), UnknownTags.ASK, False),
    ],
)
def test_unknown_tags_are_let_in_until_there_is_a_list_unless_chosen_otherwise(
    tags: tuple[Tag, ...], chosen: UnknownTags | None, accepted: bool
) -> None:
    rules = TagRules.of(tags, unknown=chosen)
    assert rules.decide("STRANGER", NOW).accepted is accepted


def test_our_own_tag_is_accepted_even_when_it_is_blocked_and_keeps_its_group() -> None:
    listed = Tag(id_tag="HOMEASSISTANT", name="We", group="FAMILY", enabled=False)
    info = TagRules.of((listed,)).decide("HomeAssistant", NOW, own=True)
    assert info.accepted
    assert info.group == "FAMILY"


def test_the_rules_digest_tells_no_tag_and_changes_with_what_a_tag_may() -> None:
    assert TagRules().digest() is None
    digests = {
        TagRules.of((ANNA,)).digest(),
        TagRules.of((ANNA, BEN)).digest(),
        TagRules.of((ANNA,), unknown=UnknownTags.ACCEPT).digest(),
        TagRules.of((Tag(id_tag="04A1B2C3", name="Anna", enabled=False),)).digest(),
    }
    assert len(digests) == 4
    renamed = Tag(id_tag="04a1b2c3", name="Anne", group="FAMILY")
    assert TagRules.of((renamed,)).digest() in digests


# On the wire


@pytest.fixture
async def heard(central: CentralSystem) -> AsyncGenerator[list[Presentation]]:
    """Return what is told of presented tags; the list is `RULES`."""
    central.authorizer.rules = RULES
    told: list[Presentation] = []
    stop = central.authorizer.listen(told.append)
    yield told
    stop()


async def authorize(raw: RawCharger, id_tag: str) -> Payload:
    """Send Authorize and return the idTagInfo."""
    answer = await raw.call("Authorize", {"idTag": id_tag})
    info: Payload = answer["idTagInfo"]
    return info


@pytest.mark.parametrize(
    ("id_tag", "info"),
    [
        ("STRANGER", {"status": "Invalid"}),
        ("GUEST", {"status": "Expired", "expiryDate": "2025-11-22T12:00:00Z"}),
        ("DEAD", {"status": "Blocked"}),
        ("04a1b2c3", {"status": "Accepted", "parentIdTag": "FAMILY"}),
    ],
)
async def test_authorize_start_and_stop_are_answered_by_the_same_decision(
    raw: RawCharger,
    heard: list[Presentation],
    id_tag: str,
    info: Payload,
) -> None:
    """OCTT TC_023_1 (invalid), TC_023_2 (expired), TC_023_3 (blocked)."""
    assert await authorize(raw, id_tag) == info
    started = await raw.start(idTag=id_tag)
    assert started["idTagInfo"] == info
    assert started["transactionId"] > 0
    stopped = await raw.stop(started["transactionId"], 1000, idTag=id_tag)
    assert stopped["idTagInfo"] == info


async def test_an_offline_start_with_a_valid_tag_is_a_session(
    raw: RawCharger, heard: list[Presentation]
) -> None:
    """OCTT TC_037_1."""
    ago = datetime.now(UTC) - timedelta(hours=2)
    started = await raw.start(idTag="04a1b2c3", timestamp=stamp(ago))
    assert started["idTagInfo"]["status"] == "Accepted"
    assert not heard, "what was held to the charger hours ago is no news"


async def test_an_offline_start_with_an_unknown_tag_gets_an_id_and_is_no_session(
    raw: RawCharger, connector: Connector, heard: list[Presentation]
) -> None:
    """OCTT TC_037_3."""
    ago = datetime.now(UTC) - timedelta(hours=2)
    started = await raw.start(idTag="STRANGER", timestamp=stamp(ago))
    assert started["idTagInfo"]["status"] == "Invalid"
    assert connector.transaction is None
    stopped = await raw.stop(
        started["transactionId"], 1000, idTag="STRANGER", reason="DeAuthorized"
    )
    assert stopped["idTagInfo"]["status"] == "Invalid"
    assert not heard


async def test_a_queued_start_is_judged_by_when_it_was(
    raw: RawCharger, central: CentralSystem
) -> None:
    now = datetime.now(UTC)
    short = Tag(id_tag="SHORT", name="Short", expires=now - timedelta(hours=1))
    central.authorizer.rules = TagRules.of((short,))
    started = await raw.start(idTag="SHORT", timestamp=stamp(now - timedelta(hours=2)))
    assert started["idTagInfo"]["status"] == "Accepted"
    assert (await authorize(raw, "SHORT"))["status"] == "Expired"


async def test_a_tag_of_the_same_group_is_told_so_and_ends_the_session(
    raw: RawCharger, connector: Connector, heard: list[Presentation]
) -> None:
    started = await raw.start(idTag=ANNA.id_tag)
    info = await authorize(raw, BEN.id_tag)
    assert info["parentIdTag"] == started["idTagInfo"]["parentIdTag"] == "FAMILY"
    await raw.stop(started["transactionId"], 2000, idTag=BEN.id_tag)
    assert connector.transaction is None


async def test_a_refused_tag_cannot_keep_a_session_from_ending(
    raw: RawCharger, connector: Connector, heard: list[Presentation]
) -> None:
    started = await raw.start(idTag=ANNA.id_tag)
    answer = await raw.stop(started["transactionId"], 2000, idTag="DEAD")
    assert answer["idTagInfo"]["status"] == "Blocked"
    assert connector.transaction is None


async def test_our_own_start_tag_is_accepted_in_any_case_and_is_no_card(
    raw: RawCharger, heard: list[Presentation]
) -> None:
    assert (await authorize(raw, "HOMEASSISTANT"))["status"] == "Accepted"
    started = await raw.start(idTag="homeassistant")
    assert started["idTagInfo"]["status"] == "Accepted"
    assert not heard


@pytest.mark.parametrize(
    ("one_session", "word"), [(True, "ConcurrentTx"), (False, "Accepted")]
)
async def test_a_tag_that_charges_elsewhere_is_refused_where_one_session_is_the_rule(
    central: CentralSystem, dial: Dial, one_session: bool, word: str
) -> None:
    central.add(settings("CP2"))
    central.authorizer.rules = TagRules.of((ANNA,), one_session=one_session)
    first, second = await dial("CP1"), await dial("CP2")
    started = await first.start(idTag=ANNA.id_tag)
    await first.status("Charging")
    # It may be asked about; only a second start is refused (OCPP 1.6 §7.2).
    assert (await authorize(second, "04a1b2c3"))["status"] == "Accepted"
    again = await second.start(idTag="04a1b2c3")
    assert again["idTagInfo"]["status"] == word
    # Its own start, sent once more, is no second one.
    assert started["idTagInfo"]["status"] == "Accepted"
    same = await first.start(idTag=ANNA.id_tag)
    assert same["idTagInfo"]["status"] == "Accepted"


async def test_a_session_whose_end_was_lost_does_not_lock_its_tag_out(
    central: CentralSystem, dial: Dial
) -> None:
    central.add(settings("CP2"))
    central.authorizer.rules = TagRules.of((ANNA,), one_session=True)
    first, second = await dial("CP1"), await dial("CP2")
    await first.start(idTag=ANNA.id_tag)
    await first.status("Charging")
    await first.status("Available")
    again = await second.start(idTag=ANNA.id_tag)
    assert again["idTagInfo"]["status"] == "Accepted"


# What is told of it


async def test_a_card_is_told_of_once_each_time_it_is_held_to_the_charger(
    raw: RawCharger, heard: list[Presentation], charger: Charger
) -> None:
    await authorize(raw, "04a1b2c3")
    started = await raw.start(idTag="04a1b2c3")
    await raw.stop(started["transactionId"], 2000, idTag="04a1b2c3")
    assert [(one.use, one.name) for one in heard] == [
        (TagUse.AUTHORIZE, "Anna"),
        (TagUse.STOP, "Anna"),
    ]
    assert heard[0].id_tag == ANNA.id_tag, "as the owner wrote it"
    assert charger.presented is heard[-1]


async def test_a_start_without_a_question_is_told_of_and_its_repetition_is_not(
    raw: RawCharger, heard: list[Presentation]
) -> None:
    start: dict[str, Any] = {"idTag": ANNA.id_tag, "timestamp": stamp()}
    await raw.start(**start)
    await raw.start(**start)
    assert [(one.use, one.connector_id) for one in heard] == [(TagUse.START, 1)]


@pytest.mark.parametrize("reason", ["Remote", "EVDisconnected", "PowerLoss"])
async def test_a_tag_that_only_says_whose_session_it_was_is_not_told_of(
    raw: RawCharger, heard: list[Presentation], reason: str
) -> None:
    started = await raw.start(idTag=ANNA.id_tag)
    heard.clear()
    await raw.stop(started["transactionId"], 2000, idTag=ANNA.id_tag, reason=reason)
    assert not heard


async def test_unknown_tags_are_remembered_the_latest_first_and_not_too_many(
    raw: RawCharger, central: CentralSystem, heard: list[Presentation]
) -> None:
    for number in range(MAX_SEEN + 5):
        await authorize(raw, f"CARD{number}")
    await authorize(raw, "card20")
    seen = [one.id_tag for one in central.authorizer.seen]
    assert len(seen) == MAX_SEEN
    assert seen[:2] == ["card20", "CARD24"]
    listed = Tag(id_tag="CARD20", name="New")
    central.authorizer.rules = TagRules.of((listed,))
    assert "card20" not in [one.id_tag for one in central.authorizer.seen]


async def test_an_observer_that_fails_harms_nobody(
    raw: RawCharger, central: CentralSystem, heard: list[Presentation]
) -> None:
    def fail(_presentation: Presentation) -> None:
        raise ValueError("a bug")

    central.authorizer.listen(fail)
    assert (await authorize(raw, ANNA.id_tag))["status"] == "Accepted"
    assert len(heard) == 1


async def test_no_tag_is_ever_logged(
    raw: RawCharger,
    central: CentralSystem,
    heard: list[Presentation],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(0)
    for id_tag in (ANNA.id_tag, "STRANGER", "DEAD"):
        await authorize(raw, id_tag)
        started = await raw.start(idTag=id_tag)
        await raw.stop(started["transactionId"], 2000, idTag=id_tag)
        assert id_tag not in "\n".join(
            record.getMessage()
            for record in caplog.records
            if record.name.startswith("custom_components")
        )
