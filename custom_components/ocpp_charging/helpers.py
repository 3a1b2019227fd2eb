"""What every action and entity needs: a charger's refusals, in the user's language."""

from collections.abc import Collection, Generator
from contextlib import contextmanager
import re
from typing import Final
import unicodedata
from urllib.parse import urlsplit

from homeassistant.exceptions import HomeAssistantError, ServiceValidationError

from .const import DOMAIN
from .csms.charger import Charger
from .csms.errors import (
    ChargerNotAccepted,
    ChargerOffline,
    CommandError,
    CommandFailed,
    CommandRefused,
    CommandTimeout,
    InvalidAnswer,
    InvalidRequest,
)

MAX_WORDS = 200
"""Characters of a charger's own words that are shown: more is no help to anyone."""

_UNSUPPORTED = frozenset({"NotSupported", "NotImplemented"})
"""Status words by which a charger says that it cannot do this at all."""


_SECRET_KEY = re.compile(
    "authorizationkey|passw|passphrase|passcode|pwd|secret|psk|privatekey|apikey"
    "|credential|pincode",
    re.IGNORECASE,
)


def is_secret_key(key: str) -> bool:
    """Say whether a configuration key holds what nobody should read.

    `AuthorizationKey` is write-only (OCPP 1.6 security §2), but not on every charger,
    and makers keep Wi-Fi and SIM passwords in keys of their own.
    """
    return _SECRET_KEY.search(key) is not None


def own_words(text: str, secrets: Collection[str] = ()) -> str:
    """Return what a charger said, fit to be shown.

    Control and formatting characters become spaces, `secrets` become `***`, and the
    text is cut at `MAX_WORDS` characters.
    """
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, "***")
    printable = (
        " " if unicodedata.category(character).startswith("C") else character
        for character in text[: 4 * MAX_WORDS]
    )
    clean = " ".join("".join(printable).split())
    return clean if len(clean) <= MAX_WORDS else f"{clean[: MAX_WORDS - 1]}…"


def url_secrets(url: str) -> list[str]:
    """Return what no message may repeat of a URL that may hold a password."""
    password = urlsplit(url).password
    return [url, password] if password else []


_MARKUP: Final = re.compile(r"[\\`\[\]<>&|]|:(?=//)|(?<=www)\.", re.IGNORECASE)


def as_shown(text: str) -> str:
    """Return a text as it must be written in a dialog, to be read as it is.

    Home Assistant shows dialogs as Markdown, in which a stranger's name or a charger's
    model could be a link, a picture from somewhere, or HTML.
    """
    return _MARKUP.sub(lambda found: f"\\{found[0]}", text)


def charger_name(charger: Charger, connector_id: int | None = None) -> str:
    """Name a charger, or one of its connectors (`CP1 #2`), in any language."""
    return f"{charger.identity} #{connector_id}" if connector_id else charger.identity


def invalid(key: str, **placeholders: object) -> ServiceValidationError:
    """Return the translated error `exceptions.<key>` for a user's mistake."""
    return ServiceValidationError(
        translation_domain=DOMAIN,
        translation_key=key,
        translation_placeholders={
            name: str(value) for name, value in placeholders.items()
        },
    )


def failed(key: str, **placeholders: object) -> HomeAssistantError:
    """Return the translated error `exceptions.<key>` for what went wrong elsewhere."""
    return HomeAssistantError(
        translation_domain=DOMAIN,
        translation_key=key,
        translation_placeholders={
            name: str(value) for name, value in placeholders.items()
        },
    )


def _translation(
    error: CommandError, secrets: Collection[str]
) -> tuple[str, dict[str, str]]:
    """Return the translation key of an error and its own placeholders."""
    match error:
        case ChargerOffline():
            return "charger_offline", {}
        case ChargerNotAccepted():
            return "charger_not_accepted", {}
        case CommandTimeout():
            return "charger_timeout", {"seconds": f"{error.seconds:g}"}
        case CommandRefused():
            status = own_words(error.status, secrets)
            if error.status in _UNSUPPORTED:
                return "charger_unsupported", {"reason": status}
            return "charger_refused", {"status": status}
        case CommandFailed():
            reason = own_words(f"{error.code}: {error.description}", secrets)
            key = "charger_unsupported" if error.unsupported else "charger_failed"
            return key, {"reason": reason.removesuffix(":")}
        case InvalidRequest():
            return "invalid_request", {"detail": own_words(error.detail, secrets)}
        case InvalidAnswer():
            return "charger_invalid_answer", {
                "detail": own_words(error.detail, secrets)
            }
        case _:
            return "command_failed", {"detail": own_words(str(error), secrets)}


@contextmanager
def translated_errors(
    charger: Charger,
    connector_id: int | None = None,
    *,
    secrets: Collection[str] = (),
) -> Generator[None]:
    """Turn the errors of a command into translated errors of Home Assistant.

    `InvalidRequest`, a mistake of who asked, becomes a `ServiceValidationError`; all
    others a `HomeAssistantError`, each with a message of its own that carries the
    charger's words. `secrets` (id tags, passwords) are blotted out of them.
    """
    try:
        yield
    except CommandError as error:
        key, placeholders = _translation(error, secrets)
        raised = (
            ServiceValidationError
            if isinstance(error, InvalidRequest)
            else HomeAssistantError
        )
        raise raised(
            translation_domain=DOMAIN,
            translation_key=key,
            translation_placeholders={
                "charger": charger_name(charger, connector_id),
                "action": error.action,
                **placeholders,
            },
        ) from error
