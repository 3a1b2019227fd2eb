"""What the owner has to put right, and the way to where it is done."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from enum import StrEnum
import logging
from typing import TYPE_CHECKING, Any, Final, cast

from homeassistant.components.repairs import (
    ConfirmRepairFlow,
    RepairsFlow,
    RepairsFlowResult,
)
from homeassistant.components.repairs.const import FlowType
from homeassistant.config_entries import (
    SOURCE_RECONFIGURE,
    ConfigFlowContext,
    ConfigFlowResult,
    SubentryFlowContext,
    SubentryFlowResult,
)
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir
from homeassistant.util import dt as dt_util

from .const import DOMAIN, SUBENTRY_CHARGER
from .csms.certificates import CertificateError
from .csms.charger import Charger
from .csms.security_events import ALARMING, SecurityEventKind
from .csms.server import Refusal, RefusalReason
from .kept_history import KEPT_HISTORY, KeptHistoryFlow
from .ledger import Cause, LedgerUnavailable, Opening
from .listener import async_describe
from .tag_requests import ISSUE_UNKNOWN_TAG, UnknownTagFlow

if TYPE_CHECKING:
    from .hub import Hub

_LOGGER = logging.getLogger(__name__)

EXPIRY_NOTICE: Final = timedelta(days=14)
REFUSALS: Final = 3
"""Wrong passwords in a row before the owner is told: one may be a slip."""

SECURITY_EVENT: Final = "security_event"
"""How the ids of issues about what a charger reported of its security begin."""

SECURITY_ISSUES: Final = {
    SecurityEventKind.ATTEMPTED_REPLAY_ATTACKS: (
        "security_event_attempted_replay_attacks"
    ),
    SecurityEventKind.TAMPER_DETECTION_ACTIVATED: (
        "security_event_tamper_detection_activated"
    ),
    SecurityEventKind.INVALID_FIRMWARE_SIGNATURE: (
        "security_event_invalid_firmware_signature"
    ),
    SecurityEventKind.INVALID_FIRMWARE_SIGNING_CERTIFICATE: (
        "security_event_invalid_firmware_signing_certificate"
    ),
    SecurityEventKind.INVALID_CENTRAL_SYSTEM_CERTIFICATE: (
        "security_event_invalid_central_system_certificate"
    ),
    SecurityEventKind.INVALID_CHARGE_POINT_CERTIFICATE: (
        "security_event_invalid_charge_point_certificate"
    ),
}
"""The text of the issue for each kind of `ALARMING`."""

CONF_ENTRY_ID: Final = "entry_id"
CONF_SUBENTRY_ID: Final = "subentry_id"


class Issue(StrEnum):
    """The kinds of issues; the first two are of the listener's certificate."""

    CERTIFICATE_UNUSABLE = "certificate_unusable"
    CERTIFICATE_EXPIRING = "certificate_expiring"
    PLAIN_WS = "plain_ws"
    WRONG_PASSWORD = "wrong_password"
    LESS_SECURE = "less_secure"
    WRONG_CERTIFICATE = "wrong_certificate"
    LEDGER_UNAVAILABLE = "ledger_unavailable"
    LEDGER_SET_ASIDE = "ledger_set_aside"


_REFUSED = {
    RefusalReason.PASSWORD: Issue.WRONG_PASSWORD,
    RefusalReason.CERTIFICATE: Issue.WRONG_CERTIFICATE,
    RefusalReason.NO_CERTIFICATE: Issue.LESS_SECURE,
    RefusalReason.NOT_ENCRYPTED: Issue.LESS_SECURE,
}


def issue_id(issue: Issue, entry_id: str, identity: str | None = None) -> str:
    """Return the id of an issue of a central system, or of one of its chargers."""
    return "_".join(filter(None, (issue.value, entry_id, identity)))


@callback
def async_delete_issues(hass: HomeAssistant, entry_id: str) -> None:
    """Take back all issues of a central system that is removed."""
    registry = ir.async_get(hass)
    for domain, known_id in list(registry.issues):
        if domain == DOMAIN and entry_id in known_id:
            registry.async_delete(domain, known_id)


class RepairDesk:
    """Raises the issues of one central system, and takes them back."""

    def __init__(self, hub: Hub) -> None:
        """Attend to `hub`."""
        self._hub = hub
        self._hass = hub.hass
        self._entry_id = hub.entry.entry_id

    @callback
    def async_start(self) -> Callable[[], None]:
        """Begin to watch for wrong passwords; returns how to stop."""
        stop_refused = self._hub.central.listen_refused(self._refused)
        stop_following = self._hub.async_follow_chargers(self._follow)

        def stop() -> None:
            stop_refused()
            stop_following()

        return stop

    @callback
    def async_note_security(self) -> None:
        """Say what a line without encryption means, as long as there is one."""
        if self._hub.settings.secure and not self._hub.settings.also_plain:
            self._delete(Issue.PLAIN_WS)
        else:
            self._create(Issue.PLAIN_WS, port=str(self._hub.settings.port))

    async def async_note_certificate(self, error: CertificateError | None) -> None:
        """Say why the certificate cannot be used, or else when it ends soon."""
        self._delete(Issue.CERTIFICATE_EXPIRING)
        if error is not None:
            self._create(
                Issue.CERTIFICATE_UNUSABLE,
                ir.IssueSeverity.ERROR,
                reason=await async_describe(self._hass, error),
            )
            return
        self._delete(Issue.CERTIFICATE_UNUSABLE)
        certificates = self._hub.tls.certificates
        # Our own are renewed long before their end.
        if certificates is None or self._hub.settings.own_ca:
            return
        if certificates.expires - dt_util.utcnow() < EXPIRY_NOTICE:
            end = dt_util.as_local(certificates.expires)
            self._create(
                Issue.CERTIFICATE_EXPIRING, date=end.strftime("%Y-%m-%d %H:%M")
            )

    @callback
    def async_note_ledger(self, error: LedgerUnavailable | None) -> None:
        """Say why sessions cannot be kept, as long as they cannot."""
        for cause in Cause:
            if error is None or cause is not error.cause:
                self._delete(Issue.LEDGER_UNAVAILABLE, cause.value)
        if error is None:
            return
        _LOGGER.warning("Sessions cannot be kept at present: %s", error)
        ir.async_create_issue(
            self._hass,
            DOMAIN,
            issue_id(Issue.LEDGER_UNAVAILABLE, self._entry_id, error.cause.value),
            is_fixable=False,
            severity=ir.IssueSeverity.ERROR,
            translation_key=f"{Issue.LEDGER_UNAVAILABLE}_{error.cause}",
            translation_placeholders={"name": self._hub.entry.title},
        )

    @callback
    def async_note_opening(self, opening: Opening) -> None:
        """Say that a damaged file was replaced, and where it is now."""
        if opening.set_aside is None:
            return
        _LOGGER.warning(
            "The ledger was damaged: it is now %s; sessions taken over from it: %d",
            opening.set_aside,
            opening.salvaged,
        )
        ir.async_create_issue(
            self._hass,
            DOMAIN,
            issue_id(Issue.LEDGER_SET_ASIDE, self._entry_id),
            is_fixable=False,
            is_persistent=True,
            severity=ir.IssueSeverity.WARNING,
            translation_key=Issue.LEDGER_SET_ASIDE,
            translation_placeholders={
                "name": self._hub.entry.title,
                "file": str(opening.set_aside),
                "count": str(opening.salvaged),
            },
        )

    @callback
    def async_charger_removed(self, identity: str) -> None:
        """Take back what was said of a charger."""
        for issue in _REFUSED.values():
            self._delete(issue, identity)
        for kind in ALARMING:
            ir.async_delete_issue(
                self._hass, DOMAIN, self._security_issue_id(kind, identity)
            )

    def _security_issue_id(self, kind: str, identity: str) -> str:
        return f"{SECURITY_EVENT}_{kind}_{self._entry_id}_{identity}"

    def _security_event(self, charger: Charger) -> None:
        """Tell the owner of what is alarming, until it is dismissed."""
        event = charger.security_event
        if event is None or event.kind not in ALARMING:
            return
        ir.async_create_issue(
            self._hass,
            DOMAIN,
            self._security_issue_id(event.kind, charger.identity),
            is_fixable=True,
            is_persistent=True,
            severity=ir.IssueSeverity.WARNING,
            translation_key=SECURITY_ISSUES[event.kind],
            translation_placeholders={"name": charger.identity},
        )

    def _follow(self, _subentry_id: str, charger: Charger) -> None:
        def look() -> None:
            if charger.connected:
                for issue in _REFUSED.values():
                    self._delete(issue, charger.identity)

        charger.listen(0, "connected", look)
        charger.listen(0, "security_event", lambda: self._security_event(charger))

    def _refused(self, refusal: Refusal) -> None:
        subentry_id = self._hub.subentry_id_of(refusal.identity)
        if subentry_id is None or refusal.attempts < REFUSALS:
            return
        self._create(
            _REFUSED[refusal.reason],
            identity=refusal.identity,
            subentry_id=subentry_id,
            address=refusal.address,
        )

    def _create(
        self,
        issue: Issue,
        severity: ir.IssueSeverity = ir.IssueSeverity.WARNING,
        *,
        identity: str | None = None,
        subentry_id: str | None = None,
        **placeholders: str,
    ) -> None:
        ir.async_create_issue(
            self._hass,
            DOMAIN,
            issue_id(issue, self._entry_id, identity),
            data={CONF_ENTRY_ID: self._entry_id, CONF_SUBENTRY_ID: subentry_id},
            is_fixable=True,
            severity=severity,
            translation_key=issue,
            translation_placeholders={
                "name": identity or self._hub.entry.title,
                **placeholders,
            },
        )

    def _delete(self, issue: Issue, identity: str | None = None) -> None:
        ir.async_delete_issue(
            self._hass, DOMAIN, issue_id(issue, self._entry_id, identity)
        )


class OpenSettingsFlow(RepairsFlow):
    """Explains an issue, then opens the form in which it is put right.

    The issue goes when what it says is no longer so, not when this flow is done.
    """

    async def async_step_init(
        self, user_input: Mapping[str, Any] | None = None
    ) -> RepairsFlowResult:
        """Begin with the explanation."""
        return await self.async_step_confirm()

    async def async_step_confirm(
        self, user_input: Mapping[str, Any] | None = None
    ) -> RepairsFlowResult:
        """Explain, and open the form when the owner wants it."""
        if user_input is not None:
            return await self._open_settings()
        issue = ir.async_get(self.hass).async_get_issue(DOMAIN, self.issue_id)
        return self.async_show_form(
            step_id="confirm",
            description_placeholders=issue.translation_placeholders if issue else None,
        )

    async def _open_settings(self) -> RepairsFlowResult:
        assert self.data is not None
        entry_id = cast(str, self.data[CONF_ENTRY_ID])
        subentry_id = cast(str | None, self.data[CONF_SUBENTRY_ID])
        entries = self.hass.config_entries
        if (entry := entries.async_get_entry(entry_id)) is None or (
            subentry_id is not None and subentry_id not in entry.subentries
        ):
            return self.async_abort(reason="gone")
        kind = FlowType.CONFIG_FLOW
        flow: ConfigFlowResult | SubentryFlowResult
        if subentry_id is None:
            flow = await entries.flow.async_init(
                DOMAIN,
                context=ConfigFlowContext(source=SOURCE_RECONFIGURE, entry_id=entry_id),
            )
        else:
            kind = FlowType.CONFIG_SUBENTRIES_FLOW
            flow = await entries.subentries.async_init(
                (entry_id, SUBENTRY_CHARGER),
                context=SubentryFlowContext(
                    source=SOURCE_RECONFIGURE, subentry_id=subentry_id
                ),
            )
        return self.async_abort(
            reason="open_settings", next_flow=(kind, flow["flow_id"])
        )


async def async_create_fix_flow(
    hass: HomeAssistant,
    issue_id: str,
    data: dict[str, str | int | float | None] | None,
) -> RepairsFlow:
    """Return the flow of a fixable issue; most are put right in the settings."""
    if issue_id.startswith(KEPT_HISTORY):
        return KeptHistoryFlow()
    if issue_id.startswith(ISSUE_UNKNOWN_TAG):
        return UnknownTagFlow()
    if issue_id.startswith(SECURITY_EVENT):
        return ConfirmRepairFlow()
    return OpenSettingsFlow()
