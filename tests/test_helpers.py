"""A charger's refusals reach the user in their own words, and nothing else does."""

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers.translation import async_get_translations
import pytest

from custom_components.ocpp_charging.const import DOMAIN
from custom_components.ocpp_charging.csms.charger import Charger
from custom_components.ocpp_charging.csms.errors import (
    ChargerNotAccepted,
    ChargerOffline,
    CommandError,
    CommandFailed,
    CommandRefused,
    CommandTimeout,
    InvalidAnswer,
    InvalidRequest,
)
from custom_components.ocpp_charging.csms.journal import MemoryJournal
from custom_components.ocpp_charging.csms.model import ChargerMemory, ChargerSettings
from custom_components.ocpp_charging.helpers import (
    MAX_WORDS,
    is_secret_key,
    own_words,
    translated_errors,
)

REFUSALS = [
    (ChargerOffline("Reset"), "charger_offline", ["CP1 #2", "Reset"]),
    (ChargerNotAccepted("Reset"), "charger_not_accepted", ["CP1 #2", "Reset"]),
    (CommandTimeout("Reset", 30), "charger_timeout", ["within 30 seconds"]),
    (CommandRefused("Reset", "Rejected"), "charger_refused", ["Reset: Rejected"]),
    (
        CommandRefused("UnlockConnector", "NotSupported"),
        "charger_unsupported",
        ["does not support UnlockConnector: NotSupported"],
    ),
    (
        CommandFailed("Reset", "InternalError", "meter busy"),
        "charger_failed",
        ["InternalError: meter busy"],
    ),
    (
        CommandFailed("ClearCache", "NotImplemented", ""),
        "charger_unsupported",
        ["does not support ClearCache: NotImplemented"],
    ),
    (InvalidRequest("Reset", "type is missing"), "invalid_request", ["type is"]),
    (InvalidAnswer("Reset", "no status"), "charger_invalid_answer", ["no status"]),
    (CommandError("Reset", "something new"), "command_failed", ["something new"]),
]


@pytest.fixture
def charger() -> Charger:
    return Charger(ChargerSettings(identity="CP1"), ChargerMemory(), MemoryJournal())


@pytest.fixture
async def translations(hass: HomeAssistant, enable_custom_integrations: None) -> None:
    hass.config.components.add(DOMAIN)
    await async_get_translations(hass, "en", "exceptions", [DOMAIN])


@pytest.mark.usefixtures("translations")
@pytest.mark.parametrize(("error", "key", "words"), REFUSALS)
async def test_each_error_has_a_message_with_the_charger_and_its_words(
    charger: Charger, error: CommandError, key: str, words: list[str]
) -> None:
    with pytest.raises(HomeAssistantError) as raised, translated_errors(charger, 2):
        raise error
    assert raised.value.translation_domain == DOMAIN
    assert raised.value.translation_key == key
    message = str(raised.value)
    assert all(word in message for word in words), message
    assert "CP1 #2" in message
    assert "{" not in message


async def test_only_the_users_own_mistake_is_a_validation_error(
    charger: Charger,
) -> None:
    with pytest.raises(ServiceValidationError), translated_errors(charger):
        raise InvalidRequest("Reset", "no")
    with pytest.raises(HomeAssistantError) as raised, translated_errors(charger):
        raise CommandRefused("Reset", "Rejected")
    assert not isinstance(raised.value, ServiceValidationError)


async def test_other_errors_pass_untouched(charger: Charger) -> None:
    with pytest.raises(ZeroDivisionError), translated_errors(charger):
        raise ZeroDivisionError


async def test_secrets_are_blotted_out_of_a_chargers_words(charger: Charger) -> None:
    error = CommandFailed("RemoteStart", "GenericError", "tag 04A1B2 not in list")
    with (
        pytest.raises(HomeAssistantError) as raised,
        translated_errors(charger, secrets=["", "04A1B2"]),
    ):
        raise error
    assert raised.value.translation_placeholders is not None
    assert raised.value.translation_placeholders["reason"] == (
        "GenericError: tag *** not in list"
    )


def test_words_are_cleaned_and_cut() -> None:
    assert own_words("a\n\tb\x00c\u202e  d") == "a b c d"
    assert own_words("x" * 10_000) == "x" * (MAX_WORDS - 1) + "…"
    assert own_words("x" * MAX_WORDS) == "x" * MAX_WORDS


@pytest.mark.parametrize(
    ("key", "secret"),
    [
        ("AuthorizationKey", True),
        ("authorizationkey", True),
        ("WifiPassword", True),
        ("APN_PWD", True),
        ("HeartbeatInterval", False),
        ("AuthorizeRemoteTxRequests", False),
    ],
)
def test_keys_that_hold_secrets_are_known(key: str, secret: bool) -> None:
    assert is_secret_key(key) is secret
