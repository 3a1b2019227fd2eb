"""What the owner has to put right, and the way to where it is done."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from enum import StrEnum
import logging
from typing import TYPE_CHECKING, Any, Final, cast

from homeassistant.components.repairs import RepairsFlow, RepairsFlowResult
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
from .csms.server import Refusal
from .ledger import Cause, LedgerUnavailable, Opening
from .listener import async_describe

if TYPE_CHECKING:
    from .hub import Hub

_LOGGER = logging.getLogger(__name__)

EXPIRY_NOTICE: Final = timedelta(days=14)
REFUSALS: Final = 3
"""Wrong passwords in a row before the owner is told: one may be a slip."""

CONF_ENTRY_ID: Final = "entry_id"
CONF_SUBENTRY_ID: Final = "subentry_id"


class Issue(StrEnum):
    """The kinds of issues; the first two are of the listener's certificate."""

    CERTIFICATE_UNUSABLE = "certificate_unusable"
    CERTIFICATE_EXPIRING = "certificate_expiring"
    PLAIN_WS = "plain_ws"
    WRONG_PASSWORD = "wrong_password"
    LEDGER_UNAVAILABLE = "ledger_unavailable"
    LEDGER_SET_ASIDE = "ledger_set_aside"


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
        if self._hub.settings.secure:
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
        self._delete(Issue.WRONG_PASSWORD, identity)

    def _follow(self, _subentry_id: str, charger: Charger) -> None:
        def look() -> None:
            if charger.connected:
                self._delete(Issue.WRONG_PASSWORD, charger.identity)

        charger.listen(0, "connected", look)

    def _refused(self, refusal: Refusal) -> None:
        subentry_id = self._hub.subentry_id_of(refusal.identity)
        if subentry_id is None or refusal.attempts < REFUSALS:
            return
        self._create(
            Issue.WRONG_PASSWORD,
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
    """Return the flow of a fixable issue; all are put right in the settings."""
    return OpenSettingsFlow()
