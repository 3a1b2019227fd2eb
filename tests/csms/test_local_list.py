"""A charger's own list of id tags follows the owner's, over a real WebSocket."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from custom_components.ocpp_charging.csms.charger import Charger
from custom_components.ocpp_charging.csms.errors import CommandFailed, CommandTimeout
from custom_components.ocpp_charging.csms.model import (
    ChargerInfo,
    ChargerMemory,
    ListState,
    LocalList,
    TagDecision,
    TagInfo,
)
from custom_components.ocpp_charging.csms.server import CentralSystem, Timing
from custom_components.ocpp_charging.csms.tags import (
    OfflineTags,
    Tag,
    TagRules,
    UnknownTags,
)
from custom_components.ocpp_charging.storage_codec import decode, encode
from tests.csms.conftest import Dial, StartCentral
from tests.csms.raw import Payload, RawCharger, settings, until

SWIFT = Timing(
    call_timeout=1, boot_grace=0.05, boot_settle=0, close_timeout=0.5, fatal_step=5
)
ACCEPTED = {"status": "Accepted"}
ANNA = Tag(id_tag="ANNA", name="Anna", group="FAMILY")
BEN = Tag(id_tag="BEN", name="Ben")
LOST = Tag(id_tag="LOST", name="Lost", enabled=False)


class Box:
    """A charger with a list of its own, as strict as OCPP 1.6 §5.15 lets it be."""

    def __init__(self, **keys: str) -> None:
        """Begin with an empty list, with a usual configuration changed by `keys`."""
        self.keys = {
            "NumberOfConnectors": "1",
            "SupportedFeatureProfiles": "Core,LocalAuthListManagement",
            "LocalAuthListEnabled": "true",
            "LocalAuthListMaxLength": "100",
            "SendLocalListMaxLength": "2",
            "LocalAuthorizeOffline": "true",
            "LocalPreAuthorize": "false",
            "AllowOfflineTxForUnknownId": "false",
            "AuthorizationCacheEnabled": "true",
            **keys,
        }
        self.readonly: set[str] = set()
        self.change_word = "Accepted"
        self.version = 0
        self.entries: dict[str, Payload] = {}
        self.sent: list[Payload] = []
        self.asked = 0
        self.cleared = 0
        self.words: list[str | None] = []
        """What the next lists are answered with; None is as it should be."""

    def plug_into(self, raw: RawCharger) -> None:
        """Answer as this box."""
        raw.reactions.update(
            {
                "GetConfiguration": self.get,
                "ChangeConfiguration": self.change,
                "TriggerMessage": {"status": "NotImplemented"},
                "GetLocalListVersion": self.tell_version,
                "SendLocalList": self.take,
                "ClearCache": self.clear,
            }
        )

    def get(self, _payload: Payload) -> Payload:
        """Answer GetConfiguration."""
        return {
            "configurationKey": [
                {"key": key, "value": value, "readonly": key in self.readonly}
                for key, value in self.keys.items()
            ]
        }

    def change(self, payload: Payload) -> Payload:
        """Answer ChangeConfiguration."""
        if payload["key"] not in self.keys:
            return {"status": "NotSupported"}
        if self.change_word == "Accepted":
            self.keys[payload["key"]] = payload["value"]
        return {"status": self.change_word}

    def tell_version(self, _payload: Payload) -> Payload:
        """Answer GetLocalListVersion."""
        self.asked += 1
        return {"listVersion": self.version}

    def clear(self, _payload: Payload) -> Payload:
        """Answer ClearCache."""
        self.cleared += 1
        return ACCEPTED

    def take(self, payload: Payload) -> Payload:
        """Answer SendLocalList."""
        self.sent.append(payload)
        word = self.words.pop(0) if self.words else None
        if word is None:
            word = self._take(payload)
        return {"status": word}

    def _take(self, payload: Payload) -> str:
        entries = payload["localAuthorizationList"]
        tags = [entry["idTag"].casefold() for entry in entries]
        assert payload["listVersion"] not in {0, -1}
        if len(set(tags)) < len(tags):
            return "Failed"
        if len(tags) > int(self.keys.get("SendLocalListMaxLength", 1000)):
            return "Failed"
        if payload["updateType"] == "Full":
            assert all("idTagInfo" in entry for entry in entries)
            after = {}
        else:
            if payload["listVersion"] <= self.version:
                return "VersionMismatch"
            after = dict(self.entries)
        for entry in entries:
            if "idTagInfo" in entry:
                after[entry["idTag"].casefold()] = entry["idTagInfo"]
            else:
                after.pop(entry["idTag"].casefold(), None)
        if len(after) > int(self.keys.get("LocalAuthListMaxLength", 1000)):
            return "Failed"
        self.entries, self.version = after, payload["listVersion"]
        return "Accepted"

    @property
    def kinds(self) -> list[tuple[str, int]]:
        """Return the kind and the version of each list that came."""
        return [(each["updateType"], each["listVersion"]) for each in self.sent]


@pytest.fixture
async def swift(start_central: StartCentral) -> CentralSystem:
    """Return a central system that sets CP1 up at once."""
    central = await start_central(SWIFT)
    central.add(settings())
    return central


@pytest.fixture
def cp1(swift: CentralSystem) -> Charger:
    """Return what the central system knows of CP1."""
    return swift.chargers["CP1"]


async def plug(central: CentralSystem, dial: Dial, box: Box) -> RawCharger:
    """Have a box connected and set up."""
    charger = central.chargers["CP1"]
    raw = await dial(to=central)
    box.plug_into(raw)
    await until(charger, lambda: charger.ready)
    return raw


async def rule(central: CentralSystem, rules: TagRules, version: int) -> None:
    """Set other rules and wait until the charger has a list of this version."""
    charger = central.chargers["CP1"]
    central.authorizer.rules = rules
    await until(charger, lambda: charger.memory.local_list.version == version)


def state(charger: Charger) -> ListState | None:
    """Return how the charger's list stands."""
    return charger.memory.local_list.state


async def test_a_charger_without_a_list_gets_the_whole_one_in_parts_it_can_take(
    swift: CentralSystem, cp1: Charger, dial: Dial
) -> None:
    """OCTT TC_042_2 (empty list), TC_043_4 (Full)."""
    end = datetime(2027, 1, 1, tzinfo=UTC)
    guest = Tag(id_tag="GUEST", name="Guest", expires=end)
    swift.authorizer.rules = TagRules.of((LOST, ANNA, BEN, guest))
    box = Box()
    await plug(swift, dial, box)
    assert box.kinds == [("Full", 1), ("Differential", 2)]
    assert box.entries == {
        "anna": {"status": "Accepted", "parentIdTag": "FAMILY"},
        "ben": {"status": "Accepted"},
        "guest": {"status": "Accepted", "expiryDate": "2027-01-01T00:00:00Z"},
        "lost": {"status": "Blocked"},
    }
    assert state(cp1) is ListState.IN_STEP
    assert cp1.memory.local_list.version == 2


async def test_a_change_is_sent_as_a_difference_and_the_cache_is_emptied(
    swift: CentralSystem, cp1: Charger, dial: Dial
) -> None:
    """OCTT TC_043_5 (Differential)."""
    swift.authorizer.rules = TagRules.of((ANNA, BEN, LOST))
    box = Box(SendLocalListMaxLength="10")
    await plug(swift, dial, box)
    assert box.cleared == 1
    await rule(swift, TagRules.of((ANNA, replace(BEN, enabled=False), LOST)), 2)
    await rule(swift, TagRules.of((ANNA, LOST)), 3)
    assert box.kinds == [("Full", 1), ("Differential", 2), ("Differential", 3)]
    assert box.sent[1]["localAuthorizationList"] == [
        {"idTag": "BEN", "idTagInfo": {"status": "Blocked"}}
    ]
    assert box.sent[2]["localAuthorizationList"] == [{"idTag": "BEN"}]
    assert set(box.entries) == {"anna", "lost"}
    assert box.cleared == 3


async def test_another_spelling_of_a_tag_is_no_second_tag(
    swift: CentralSystem, cp1: Charger, dial: Dial
) -> None:
    swift.authorizer.rules = TagRules.of((ANNA, BEN))
    box = Box()
    await plug(swift, dial, box)
    await rule(swift, TagRules.of((replace(ANNA, id_tag="Anna"), BEN)), 2)
    assert box.kinds == [("Full", 1), ("Differential", 2)]
    assert set(cp1.memory.local_list.entries) == {"Anna", "BEN"}


async def test_a_list_in_step_is_not_sent_again(
    swift: CentralSystem, cp1: Charger, dial: Dial
) -> None:
    swift.authorizer.rules = TagRules.of((ANNA,))
    box = Box()
    raw = await plug(swift, dial, box)
    await raw.close()
    await plug(swift, dial, box)
    assert box.asked == 2
    assert box.kinds == [("Full", 1)]
    assert box.cleared == 1


async def test_a_list_is_not_touched_before_the_owner_has_one(
    swift: CentralSystem, dial: Dial
) -> None:
    box = Box()
    box.version, box.entries = 7, {"other": {"status": "Accepted"}}
    await plug(swift, dial, box)
    assert box.asked == 0
    assert not box.sent
    assert box.cleared == 0


async def test_a_list_of_which_the_owner_took_the_last_tag_is_emptied(
    swift: CentralSystem, cp1: Charger, dial: Dial
) -> None:
    swift.authorizer.rules = TagRules.of((ANNA,))
    box = Box()
    await plug(swift, dial, box)
    await rule(swift, TagRules(), 2)
    assert box.kinds[-1] == ("Full", 2)
    assert box.sent[-1]["localAuthorizationList"] == []
    assert not box.entries
    assert state(cp1) is ListState.IN_STEP


@pytest.mark.parametrize("found", [3, 40])
async def test_a_list_that_is_not_ours_is_replaced_under_a_higher_version(
    swift: CentralSystem, cp1: Charger, dial: Dial, found: int
) -> None:
    cp1.remember(local_list=LocalList(version=9, state=ListState.IN_STEP))
    swift.authorizer.rules = TagRules.of((ANNA,))
    box = Box()
    box.version = found
    await plug(swift, dial, box)
    assert box.kinds == [("Full", max(9, found) + 1)]


async def test_versions_begin_anew_where_no_higher_one_is_left(
    swift: CentralSystem, cp1: Charger, dial: Dial
) -> None:
    swift.authorizer.rules = TagRules.of((ANNA,))
    box = Box()
    box.version = 2**31 - 1
    await plug(swift, dial, box)
    assert box.kinds == [("Full", 1)]


@pytest.mark.parametrize("word", ["Failed", "VersionMismatch"])
async def test_a_difference_that_is_refused_is_followed_by_the_whole_list(
    swift: CentralSystem, cp1: Charger, dial: Dial, word: str
) -> None:
    """OCTT TC_043_3 (Failed), and §5.15 of OCPP 1.6."""
    swift.authorizer.rules = TagRules.of((ANNA, BEN))
    box = Box()
    await plug(swift, dial, box)
    box.words = [word]
    await rule(swift, TagRules.of((ANNA, replace(BEN, enabled=False))), 2)
    await until(cp1, lambda: state(cp1) is ListState.IN_STEP)
    assert [kind for kind, _ in box.kinds] == ["Full", "Differential", "Full"]
    assert box.entries["ben"] == {"status": "Blocked"}


async def test_a_whole_list_that_is_refused_is_not_sent_for_ever_and_is_told(
    swift: CentralSystem, cp1: Charger, dial: Dial
) -> None:
    """OCTT TC_043_3."""
    swift.authorizer.rules = TagRules.of((ANNA,))
    box = Box()
    box.words = ["Failed"]
    await plug(swift, dial, box)
    assert box.kinds == [("Full", 1)]
    assert state(cp1) is ListState.FAILED
    assert cp1.memory.local_list.version == 0
    await cp1.commands("SendLocalList").send_tags()
    assert state(cp1) is ListState.IN_STEP


@pytest.mark.parametrize("how", ["version", "word", "error"])
async def test_a_charger_that_cannot_have_a_list_is_not_asked_again(
    swift: CentralSystem, cp1: Charger, dial: Dial, how: str
) -> None:
    """OCTT TC_042_1 (version -1), TC_043_1 (NotSupported)."""
    swift.authorizer.rules = TagRules.of((ANNA,))
    box = Box()
    if how == "version":
        box.version = -1
    if how == "word":
        box.words = ["NotSupported"]
    raw = await dial(to=swift)
    box.plug_into(raw)
    if how == "error":
        del raw.reactions["GetLocalListVersion"]
        await raw.refuse(await raw.next_call("GetLocalListVersion"), "NotImplemented")
    await until(cp1, lambda: cp1.ready)
    assert state(cp1) is ListState.UNSUPPORTED
    assert len(box.sent) == (how == "word")
    box.version, sent, asked = 0, len(box.sent), box.asked
    await raw.close()
    raw = await plug(swift, dial, box)
    assert (len(box.sent), box.asked) == (sent, asked)
    # New firmware may have learned it.
    cp1.remember(info=ChargerInfo(firmware="2.0"))
    await raw.close()
    await plug(swift, dial, box)
    assert state(cp1) is ListState.IN_STEP


async def test_only_what_fits_is_sent_those_who_may_charge_first(
    swift: CentralSystem, cp1: Charger, dial: Dial
) -> None:
    swift.authorizer.rules = TagRules.of((LOST, ANNA, BEN))
    box = Box(LocalAuthListMaxLength="2")
    await plug(swift, dial, box)
    assert set(box.entries) == {"anna", "ben"}
    assert state(cp1) is ListState.SHORTENED


async def test_a_charger_without_the_profile_is_left_alone_until_asked(
    swift: CentralSystem, cp1: Charger, dial: Dial
) -> None:
    swift.authorizer.rules = TagRules.of((ANNA,))
    box = Box(SupportedFeatureProfiles="Core")
    await plug(swift, dial, box)
    assert box.asked == 0
    assert state(cp1) is None
    await cp1.commands("SendLocalList").send_tags()
    assert box.kinds == [("Full", 1)]


async def test_a_list_that_is_switched_off_in_the_charger_stays_so(
    swift: CentralSystem, cp1: Charger, dial: Dial
) -> None:
    swift.authorizer.rules = TagRules.of((ANNA,))
    box = Box(LocalAuthListEnabled="false")
    await plug(swift, dial, box)
    assert state(cp1) is ListState.SWITCHED_OFF
    assert box.keys["LocalAuthListEnabled"] == "false"
    assert not box.sent


OFFLINE_KEYS = (
    "LocalAuthListEnabled",
    "LocalAuthorizeOffline",
    "AllowOfflineTxForUnknownId",
    "LocalPreAuthorize",
)


@pytest.mark.parametrize(
    ("offline", "pre_authorize", "values"),
    [
        (OfflineTags.UNCHANGED, True, ("false", "maybe", "maybe", "maybe")),
        (OfflineTags.LISTED, False, ("true", "true", "false", "false")),
        (OfflineTags.LISTED, True, ("true", "true", "false", "true")),
        (OfflineTags.ANYONE, False, ("true", "true", "true", "false")),
        (OfflineTags.NOBODY, False, ("false", "false", "false", "false")),
    ],
)
async def test_what_holds_offline_is_what_the_owner_chose(
    swift: CentralSystem,
    cp1: Charger,
    dial: Dial,
    offline: OfflineTags,
    pre_authorize: bool,
    values: tuple[str, ...],
) -> None:
    swift.authorizer.rules = TagRules.of(
        (ANNA,), offline=offline, pre_authorize=pre_authorize
    )
    given = dict.fromkeys(OFFLINE_KEYS[1:], "maybe")
    box = Box(LocalAuthListEnabled="false", **given)
    await plug(swift, dial, box)
    assert tuple(box.keys[key] for key in OFFLINE_KEYS) == values
    sent = values[0] == "true"
    assert bool(box.sent) is sent


async def test_a_switch_that_counts_after_a_restart_is_not_taken_for_a_missing_list(
    swift: CentralSystem, cp1: Charger, dial: Dial
) -> None:
    swift.authorizer.rules = TagRules.of((ANNA,), offline=OfflineTags.LISTED)
    box = Box(LocalAuthListEnabled="false")
    box.change_word = "RebootRequired"
    raw = await plug(swift, dial, box)
    assert state(cp1) is ListState.SWITCHED_OFF
    box.keys["LocalAuthListEnabled"] = "true"
    await raw.close()
    await plug(swift, dial, box)
    assert state(cp1) is ListState.IN_STEP


async def test_an_offline_rule_that_is_refused_is_told_and_costs_nothing_else(
    swift: CentralSystem,
    cp1: Charger,
    dial: Dial,
    caplog: pytest.LogCaptureFixture,
) -> None:
    swift.authorizer.rules = TagRules.of((ANNA,), offline=OfflineTags.NOBODY)
    box = Box()
    box.change_word = "Rejected"
    box.readonly = {"LocalPreAuthorize"}
    await plug(swift, dial, box)
    assert "LocalAuthorizeOffline" in caplog.text
    assert state(cp1) is ListState.IN_STEP


async def test_a_change_while_the_charger_is_away_reaches_it_when_it_is_back(
    swift: CentralSystem, cp1: Charger, dial: Dial
) -> None:
    swift.authorizer.rules = TagRules.of((ANNA, BEN))
    box = Box()
    raw = await plug(swift, dial, box)
    await raw.close()
    await until(cp1, lambda: not cp1.connected)
    swift.authorizer.rules = TagRules.of((ANNA,))
    await plug(swift, dial, box)
    assert set(box.entries) == {"anna"}
    assert box.cleared == 2


async def test_a_connection_that_ends_between_two_parts_goes_on_where_it_was(
    swift: CentralSystem, cp1: Charger, dial: Dial
) -> None:
    swift.authorizer.rules = TagRules.of((ANNA, BEN, LOST))
    box = Box()
    raw = await dial(to=swift)
    box.plug_into(raw)
    del raw.reactions["SendLocalList"]
    first = await raw.next_call("SendLocalList")
    await raw.answer(first, box.take(first.payload))
    await raw.next_call("SendLocalList")
    await raw.close()
    assert cp1.memory.local_list.version == 1
    await plug(swift, dial, box)
    assert box.kinds == [("Full", 1), ("Differential", 2)]
    assert set(box.entries) == {"anna", "ben", "lost"}


async def test_a_list_whose_answer_was_lost_is_sent_whole(
    swift: CentralSystem, cp1: Charger, dial: Dial
) -> None:
    swift.authorizer.rules = TagRules.of((ANNA,))
    box = Box()
    raw = await dial(to=swift)
    box.plug_into(raw)
    del raw.reactions["SendLocalList"]
    box.take((await raw.next_call("SendLocalList")).payload)
    await raw.close()
    await plug(swift, dial, box)
    assert box.kinds == [("Full", 1), ("Full", 2)]


async def test_a_conflict_that_the_charger_reports_is_answered_once_with_the_list(
    swift: CentralSystem, cp1: Charger, dial: Dial
) -> None:
    """`LocalListConflict`, OCPP 1.6 §7.6."""
    swift.authorizer.rules = TagRules.of((ANNA,))
    box = Box()
    raw = await plug(swift, dial, box)
    for code in ("LocalListConflict", "NoError", "LocalListConflict"):
        await raw.status("Available", 0, errorCode=code)
    # The owner's own wish waits for its turn behind what is under way.
    await cp1.commands("SendLocalList").send_tags()
    assert box.kinds == [("Full", 1), ("Full", 2), ("Full", 3)]


async def test_the_same_list_is_sent_again_when_the_owner_asks_for_it(
    swift: CentralSystem, cp1: Charger, dial: Dial
) -> None:
    swift.authorizer.rules = TagRules.of((ANNA,))
    box = Box()
    await plug(swift, dial, box)
    await cp1.commands("SendLocalList").send_tags()
    assert box.kinds == [("Full", 1), ("Full", 2)]


async def test_an_owner_who_asks_is_told_what_went_wrong(
    swift: CentralSystem, cp1: Charger, dial: Dial
) -> None:
    box = Box()
    raw = await plug(swift, dial, box)
    del raw.reactions["GetLocalListVersion"]
    sending = asyncio.create_task(cp1.commands("SendLocalList").send_tags())
    await raw.refuse(
        await raw.next_call("GetLocalListVersion"), "InternalError", "no memory"
    )
    with pytest.raises(CommandFailed, match="no memory"):
        await sending
    assert state(cp1) is ListState.FAILED
    with pytest.raises(CommandTimeout):
        await cp1.commands("SendLocalList").send_tags()


async def test_changes_that_come_at_once_end_with_the_last(
    swift: CentralSystem, cp1: Charger, dial: Dial
) -> None:
    swift.authorizer.rules = TagRules.of((ANNA,))
    box = Box()
    await plug(swift, dial, box)
    for number in range(5):
        tags = (ANNA, Tag(id_tag=f"TAG{number}", name="Next"))
        swift.authorizer.rules = TagRules.of(tags)
    await until(cp1, lambda: "TAG4" in cp1.memory.local_list.entries)
    await until(cp1, lambda: state(cp1) is ListState.IN_STEP)
    assert set(box.entries) == {"anna", "tag4"}


async def test_a_tag_that_has_run_out_is_told_as_expired(
    swift: CentralSystem, dial: Dial
) -> None:
    ended = datetime.now(UTC) - timedelta(days=1)
    swift.authorizer.rules = TagRules.of((replace(ANNA, expires=ended),))
    box = Box()
    await plug(swift, dial, box)
    assert box.entries["anna"]["status"] == "Expired"


async def test_a_cache_that_cannot_be_emptied_is_told_once(
    swift: CentralSystem,
    cp1: Charger,
    dial: Dial,
    caplog: pytest.LogCaptureFixture,
) -> None:
    swift.authorizer.rules = TagRules.of((), unknown=UnknownTags.REFUSE)
    box = Box()
    raw = await dial(to=swift)
    box.plug_into(raw)
    raw.reactions["ClearCache"] = {"status": "Rejected"}
    await until(cp1, lambda: cp1.ready)
    assert "still remembers" in caplog.text
    await raw.close()
    caplog.clear()
    await plug(swift, dial, box)
    assert "still remembers" not in caplog.text


def test_what_a_charger_knows_by_heart_is_kept_over_restarts() -> None:
    end = datetime(2027, 1, 1, tzinfo=UTC)
    info = TagInfo(decision=TagDecision.ACCEPTED, expires=end, group="FAMILY")
    memory = ChargerMemory(
        local_list=LocalList(
            version=3, entries={"ANNA": info}, state=ListState.IN_STEP, rules="x"
        )
    )
    kept: Any = encode(memory)
    assert decode(ChargerMemory, kept).local_list == memory.local_list
