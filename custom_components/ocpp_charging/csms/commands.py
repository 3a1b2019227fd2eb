"""What can be asked of a connected charger, whatever OCPP it speaks.

Every method raises `ChargerOffline`, `CommandTimeout`, `CommandFailed` or
`InvalidAnswer` of `errors`, and `CommandRefused` when the charger says no.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from .logs import LogType
from .model import (
    CertificateId,
    ChargingProfile,
    ChargingSchedule,
    ConfigurationReport,
    DataTransferAnswer,
    ProfilePurpose,
    RateUnit,
    Reservation,
    RootUse,
    TagInfo,
)


class Commands(ABC):
    """The commands of one connected charger; they are sent one at a time."""

    @abstractmethod
    async def remote_start(
        self, connector_id: int, id_tag: str, profile: ChargingProfile | None = None
    ) -> None:
        """Ask for a transaction (OCPP 1.6 §5.11); accepted is not yet started."""

    @abstractmethod
    async def remote_stop(self, transaction_id: int) -> None:
        """Ask for the end of a transaction (OCPP 1.6 §5.12)."""

    @abstractmethod
    async def unlock(self, connector_id: int) -> None:
        """Unlock the cable (OCPP 1.6 §5.18)."""

    @abstractmethod
    async def reset(self, *, hard: bool) -> None:
        """Restart the charger (OCPP 1.6 §5.14)."""

    @abstractmethod
    async def change_availability(self, connector_id: int, *, operative: bool) -> str:
        """Take a connector (0: all) in or out of service (OCPP 1.6 §5.2).

        Returns `Accepted`, or `Scheduled` when a transaction must end first.
        """

    @abstractmethod
    async def get_configuration(
        self, keys: Sequence[str] | None = None
    ) -> ConfigurationReport:
        """Read some or all configuration keys (OCPP 1.6 §5.8)."""

    @abstractmethod
    async def set_configuration(self, key: str, value: str) -> bool:
        """Write a configuration key (OCPP 1.6 §5.3).

        Returns True when the charger must restart for it to count.
        """

    @abstractmethod
    async def set_profile(self, connector_id: int, profile: ChargingProfile) -> None:
        """Install a charging profile (OCPP 1.6 §5.16)."""

    @abstractmethod
    async def set_raw_profile(
        self, connector_id: int, profile: Mapping[str, Any]
    ) -> None:
        """Install a `csChargingProfiles` object exactly as given.

        Raises `InvalidRequest` when it breaks the protocol's schema.
        """

    @abstractmethod
    async def clear_profiles(
        self,
        *,
        profile_id: int | None = None,
        connector_id: int | None = None,
        purpose: ProfilePurpose | None = None,
        stack_level: int | None = None,
        keep_limits: bool = False,
    ) -> bool:
        """Remove the profiles that match all criteria (OCPP 1.6 §5.5).

        The owner's limit of a connector is forgotten when its profile is among them,
        unless `keep_limits`.
        Returns False when the charger knows none that match.
        """

    @abstractmethod
    async def composite_schedule(
        self, connector_id: int, duration: timedelta, unit: RateUnit | None = None
    ) -> ChargingSchedule | None:
        """Ask what limit results over time (OCPP 1.6 §5.7); None: no schedule."""

    @abstractmethod
    async def trigger(self, message: str, connector_id: int | None = None) -> None:
        """Ask the charger to send a message now (OCPP 1.6 §5.17)."""

    @abstractmethod
    async def extended_trigger(
        self, message: str, connector_id: int | None = None
    ) -> None:
        """Ask for a message, also one of the whitepaper (OCPP 1.6 security, §5.7)."""

    @abstractmethod
    async def certificate_signed(self, chain: str) -> None:
        """Give the charger its certificate, in PEM form (OCPP 1.6 security, §5.1)."""

    @abstractmethod
    async def install_certificate(self, use: RootUse, certificate: str) -> None:
        """Have the charger trust an authority, in PEM form (OCPP 1.6 security, M05)."""

    @abstractmethod
    async def installed_certificates(self, use: RootUse) -> tuple[CertificateId, ...]:
        """Ask which authorities the charger trusts (OCPP 1.6 security, M03)."""

    @abstractmethod
    async def delete_certificate(self, certificate: CertificateId) -> bool:
        """Have the charger trust an authority no more (OCPP 1.6 security, M04).

        Returns False when it does not know it. Nothing keeps the caller from deleting
        the one without which the charger cannot connect: see `trust`.
        """

    @abstractmethod
    async def clear_cache(self) -> None:
        """Empty the charger's authorization cache (OCPP 1.6 §5.4)."""

    @abstractmethod
    async def local_list_version(self) -> int:
        """Ask for the version of the charger's own list of id tags (OCPP 1.6 §5.10).

        0 is no list; below 0 is a charger that cannot have one.
        """

    @abstractmethod
    async def send_local_list(
        self, version: int, entries: Mapping[str, TagInfo | None], *, full: bool
    ) -> str:
        """Replace (`full`) or change the charger's own list (OCPP 1.6 §5.15).

        With None an id tag is taken off the list. Returns the charger's word:
        `Accepted`, `Failed`, `NotSupported` or `VersionMismatch`.
        """

    @abstractmethod
    async def send_tags(self) -> None:
        """Send the charger all id tags anew, whatever it was sent before."""

    @abstractmethod
    async def reserve(self, reservation: Reservation) -> None:
        """Keep a connector free for an id tag (OCPP 1.6 §5.13)."""

    @abstractmethod
    async def cancel_reservation(self, reservation_id: int) -> bool:
        """Give back what was reserved (OCPP 1.6 §5.1).

        Returns False when the charger knows no such reservation.
        """

    @abstractmethod
    async def data_transfer(
        self, vendor_id: str, message_id: str | None, data: str | None
    ) -> DataTransferAnswer:
        """Send vendor-specific data (OCPP 1.6 §5.6)."""

    @abstractmethod
    async def update_firmware(
        self,
        location: str,
        retrieve_at: datetime,
        *,
        retries: int | None = None,
        retry_interval: timedelta | None = None,
    ) -> None:
        """Have the charger fetch and install firmware (OCPP 1.6 §5.19)."""

    @abstractmethod
    async def signed_update_firmware(
        self,
        request_id: int,
        location: str,
        retrieve_at: datetime,
        *,
        certificate: str,
        signature: str,
        retries: int | None = None,
        retry_interval: timedelta | None = None,
    ) -> bool:
        """Have the charger install signed firmware (OCPP 1.6 security, L01).

        `certificate` is the signer's in PEM form, `signature` in base64. Returns True
        when an update that was under way is given up for it.
        """

    @abstractmethod
    async def get_diagnostics(
        self,
        location: str,
        *,
        start: datetime | None = None,
        stop: datetime | None = None,
        retries: int | None = None,
        retry_interval: timedelta | None = None,
    ) -> str | None:
        """Have the charger upload diagnostics (OCPP 1.6 §5.9).

        Returns the name of the file it will upload, None when it has nothing.
        """

    @abstractmethod
    async def get_log(
        self,
        request_id: int,
        kind: LogType,
        location: str,
        *,
        oldest: datetime | None = None,
        latest: datetime | None = None,
        retries: int | None = None,
        retry_interval: timedelta | None = None,
    ) -> str | None:
        """Have the charger upload a log (OCPP 1.6 security, N01).

        An upload that is under way is given up for it. Returns the name of the file,
        None where the charger says none.
        """

    @abstractmethod
    async def refresh(self) -> None:
        """Read the charger anew: configuration, statuses and meter values."""
