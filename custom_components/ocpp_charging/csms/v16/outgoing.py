"""Commands to an OCPP 1.6 charger (OCPP 1.6 §5)."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, override

from ..bounds import MAX_SETTINGS
from ..charger import Charger
from ..errors import CommandRefused, InvalidAnswer
from ..limits import forget_cleared
from ..link import Link
from ..model import (
    ChargingProfile,
    ChargingSchedule,
    ConfigurationReport,
    DataTransferAnswer,
    InstalledProfile,
    ProfilePurpose,
    RateUnit,
    Reservation,
    Setting,
    TagInfo,
)
from . import fields, schemas
from .certificate_commands import CertificateCommands
from .firmware_commands import FirmwareCommands, seconds
from .log_commands import LogCommands
from .profiles import profile_payload, read_schedule
from .tag_messages import tag_info

ACTIONS = (
    "CancelReservation",
    "CertificateSigned",
    "ChangeAvailability",
    "ChangeConfiguration",
    "ClearCache",
    "ClearChargingProfile",
    "DataTransfer",
    "DeleteCertificate",
    "ExtendedTriggerMessage",
    "GetCompositeSchedule",
    "GetConfiguration",
    "GetDiagnostics",
    "GetInstalledCertificateIds",
    "GetLocalListVersion",
    "GetLog",
    "InstallCertificate",
    "RemoteStartTransaction",
    "RemoteStopTransaction",
    "ReserveNow",
    "Reset",
    "SendLocalList",
    "SetChargingProfile",
    "SignedUpdateFirmware",
    "TriggerMessage",
    "UnlockConnector",
    "UpdateFirmware",
)
"""What we may send; their schemas are compiled before the first charger comes."""

SECRETS = frozenset({"AuthorizationKey"})
"""Keys whose values are not kept (some chargers let them be read)."""

MAX_KEPT_PROFILES = 64


class Outgoing(CertificateCommands, FirmwareCommands, LogCommands):
    """The commands over one connection."""

    def __init__(
        self,
        charger: Charger,
        link: Link,
        refresh: Callable[[], Any],
        send_tags: Callable[[], Any],
    ) -> None:
        """Bind a charger's connection.

        `refresh` reads the charger anew, `send_tags` sends it all id tags.
        """
        self._charger = charger
        self._link = link
        self._refresh = refresh
        self._send_tags = send_tags

    @override
    async def _call(self, action: str, **payload: Any) -> dict[str, Any]:
        """Send what is not None of a payload, checked; return the answer."""
        present = {key: value for key, value in payload.items() if value is not None}
        schemas.check(action, present)
        return await self._link.call(action, present)

    @override
    async def _ask(self, action: str, good: Sequence[str], **payload: Any) -> str:
        """Send a CALL whose answer is a status word; refuse all but the good ones."""
        answer = await self._call(action, **payload)
        status = fields.text(answer, "status", 40)
        if status is None:
            raise InvalidAnswer(action, "the answer has no status")
        if status not in good:
            raise CommandRefused(action, status)
        return status

    @override
    async def remote_start(
        self, connector_id: int, id_tag: str, profile: ChargingProfile | None = None
    ) -> None:
        await self._ask(
            "RemoteStartTransaction",
            ("Accepted",),
            connectorId=connector_id,
            idTag=id_tag,
            chargingProfile=None if profile is None else profile_payload(profile),
        )

    @override
    async def remote_stop(self, transaction_id: int) -> None:
        await self._ask(
            "RemoteStopTransaction", ("Accepted",), transactionId=transaction_id
        )

    @override
    async def unlock(self, connector_id: int) -> None:
        await self._ask("UnlockConnector", ("Unlocked",), connectorId=connector_id)

    @override
    async def reset(self, *, hard: bool) -> None:
        await self._ask("Reset", ("Accepted",), type="Hard" if hard else "Soft")

    @override
    async def change_availability(self, connector_id: int, *, operative: bool) -> str:
        return await self._ask(
            "ChangeAvailability",
            ("Accepted", "Scheduled"),
            connectorId=connector_id,
            type="Operative" if operative else "Inoperative",
        )

    @override
    async def get_configuration(
        self, keys: Sequence[str] | None = None
    ) -> ConfigurationReport:
        answer = await self._call(
            "GetConfiguration", key=None if keys is None else list(keys)
        )
        settings: dict[str, Setting] = {}
        for item in fields.objects(answer, "configurationKey")[:MAX_SETTINGS]:
            key = fields.text(item, "key", 50)
            if key is not None:
                settings[key] = Setting(
                    key=key,
                    value=None if key in SECRETS else fields.text(item, "value", 500),
                    readonly=item.get("readonly") is True,
                )
        unknown = answer.get("unknownKey")
        names = unknown[:MAX_SETTINGS] if isinstance(unknown, list) else []
        known = {**self._charger.configuration, **settings}
        for oldest in list(known)[:-MAX_SETTINGS]:
            del known[oldest]
        self._charger.update(configuration=known)
        return ConfigurationReport(
            settings=settings,
            unknown=tuple(
                name
                for each in names
                if (name := fields.text({"key": each}, "key", 50)) is not None
            ),
        )

    @override
    async def set_configuration(self, key: str, value: str) -> bool:
        status = await self._ask(
            "ChangeConfiguration",
            ("Accepted", "RebootRequired"),
            key=key,
            value=value,
        )
        known = self._charger.configuration.get(key)
        if known is not None:
            kept = None if key in SECRETS else value
            changed = Setting(key=key, value=kept, readonly=known.readonly)
            self._charger.update(
                configuration={**self._charger.configuration, key: changed}
            )
        return status == "RebootRequired"

    @override
    async def set_profile(self, connector_id: int, profile: ChargingProfile) -> None:
        await self.set_raw_profile(connector_id, profile_payload(profile))

    @override
    async def set_raw_profile(
        self, connector_id: int, profile: Mapping[str, Any]
    ) -> None:
        payload = dict(profile)
        await self._ask(
            "SetChargingProfile",
            ("Accepted",),
            connectorId=connector_id,
            csChargingProfiles=payload,
        )
        self._keep_profile(connector_id, payload)

    def _keep_profile(self, connector_id: int, payload: dict[str, Any]) -> None:
        """Remember what is installed: same id, or same place, replaces (§3.13.2)."""

        def place(connector: int, profile: Mapping[str, Any]) -> tuple[Any, ...]:
            return (
                connector,
                profile["chargingProfilePurpose"],
                profile["stackLevel"],
            )

        kept = {
            profile_id: installed
            for profile_id, installed in self._charger.memory.profiles.items()
            if place(installed.connector_id, installed.payload)
            != place(connector_id, payload)
        }
        kept.pop(payload["chargingProfileId"], None)
        kept[payload["chargingProfileId"]] = InstalledProfile(
            connector_id=connector_id, payload=payload
        )
        for oldest in list(kept)[:-MAX_KEPT_PROFILES]:
            del kept[oldest]
        self._charger.remember(profiles=kept)

    @override
    async def clear_profiles(
        self,
        *,
        profile_id: int | None = None,
        connector_id: int | None = None,
        purpose: ProfilePurpose | None = None,
        stack_level: int | None = None,
        keep_limits: bool = False,
    ) -> bool:
        status = await self._ask(
            "ClearChargingProfile",
            ("Accepted", "Unknown"),
            id=profile_id,
            connectorId=connector_id,
            chargingProfilePurpose=None if purpose is None else str(purpose),
            stackLevel=stack_level,
        )

        def matches(known_id: int, known: InstalledProfile) -> bool:
            if profile_id is not None:
                return known_id == profile_id
            return (
                connector_id in {None, known.connector_id}
                and purpose in {None, known.payload["chargingProfilePurpose"]}
                and stack_level in {None, known.payload["stackLevel"]}
            )

        installed = self._charger.memory.profiles
        cleared = [each for each, known in installed.items() if matches(each, known)]
        self._charger.remember(
            profiles={
                each: known for each, known in installed.items() if each not in cleared
            }
        )
        if not keep_limits:
            forget_cleared(self._charger, cleared)
        return status == "Accepted"

    @override
    async def composite_schedule(
        self, connector_id: int, duration: timedelta, unit: RateUnit | None = None
    ) -> ChargingSchedule | None:
        action = "GetCompositeSchedule"
        answer = await self._call(
            action,
            connectorId=connector_id,
            duration=round(duration.total_seconds()),
            chargingRateUnit=None if unit is None else str(unit),
        )
        status = fields.text(answer, "status", 40)
        if status != "Accepted":
            raise CommandRefused(action, status or "nothing")
        schedule = answer.get("chargingSchedule")
        if not isinstance(schedule, dict):
            return None
        read = read_schedule(schedule, action)
        if read.start is None:
            start = fields.moment(answer, "scheduleStart")
            return ChargingSchedule(
                unit=read.unit,
                periods=read.periods,
                duration=read.duration,
                start=start,
            )
        return read

    @override
    async def trigger(self, message: str, connector_id: int | None = None) -> None:
        await self._ask(
            "TriggerMessage",
            ("Accepted",),
            requestedMessage=message,
            connectorId=connector_id,
        )

    @override
    async def clear_cache(self) -> None:
        await self._ask("ClearCache", ("Accepted",))

    @override
    async def local_list_version(self) -> int:
        action = "GetLocalListVersion"
        version = fields.integer(await self._call(action), "listVersion")
        if version is None:
            raise InvalidAnswer(action, "the answer has no version")
        return version

    @override
    async def send_local_list(
        self, version: int, entries: Mapping[str, TagInfo | None], *, full: bool
    ) -> str:
        return await self._ask(
            "SendLocalList",
            ("Accepted", "Failed", "NotSupported", "VersionMismatch"),
            listVersion=version,
            updateType="Full" if full else "Differential",
            localAuthorizationList=[
                {"idTag": id_tag}
                if info is None
                else {"idTag": id_tag, "idTagInfo": tag_info(info)}
                for id_tag, info in entries.items()
            ],
        )

    @override
    async def send_tags(self) -> None:
        await self._send_tags()

    @override
    async def reserve(self, reservation: Reservation) -> None:
        await self._ask(
            "ReserveNow",
            ("Accepted",),
            connectorId=reservation.connector_id,
            expiryDate=fields.iso(reservation.expires),
            idTag=reservation.id_tag,
            parentIdTag=reservation.group,
            reservationId=reservation.reservation_id,
        )

    @override
    async def cancel_reservation(self, reservation_id: int) -> bool:
        status = await self._ask(
            "CancelReservation",
            ("Accepted", "Rejected"),
            reservationId=reservation_id,
        )
        return status == "Accepted"

    @override
    async def data_transfer(
        self, vendor_id: str, message_id: str | None, data: str | None
    ) -> DataTransferAnswer:
        answer = await self._call(
            "DataTransfer", vendorId=vendor_id, messageId=message_id, data=data
        )
        status = fields.text(answer, "status", 40)
        if status is None:
            raise InvalidAnswer("DataTransfer", "the answer has no status")
        return DataTransferAnswer(
            status=status, data=fields.text(answer, "data", 10_000)
        )

    @override
    async def get_diagnostics(
        self,
        location: str,
        *,
        start: datetime | None = None,
        stop: datetime | None = None,
        retries: int | None = None,
        retry_interval: timedelta | None = None,
    ) -> str | None:
        answer = await self._call(
            "GetDiagnostics",
            location=location,
            startTime=None if start is None else fields.iso(start),
            stopTime=None if stop is None else fields.iso(stop),
            retries=retries,
            retryInterval=seconds(retry_interval),
        )
        return fields.text(answer, "fileName", 255)

    @override
    async def refresh(self) -> None:
        await self._refresh()
