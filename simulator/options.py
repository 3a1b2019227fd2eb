"""What a simulated charge point is, told once at its making."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
import ssl

from .quirks import Quirks


@dataclass(frozen=True, kw_only=True)
class ChargePointOptions:
    """Identity, connection, hardware and habits of a charge point.

    `password` is what goes into the Basic auth header: bytes as they are, text in
    UTF-8, None for no header. Times named `..._s` are seconds of wall time.
    """

    identity: str = "CP1"
    url: str = "ws://127.0.0.1:9000"
    append_identity: bool = True
    """Whether the identity is the URL's last path segment (OCPP-J 1.6 §3.1.1)."""
    user: str | None = None
    """The Basic auth user name where it is not the identity."""
    password: bytes | str | None = field(default=None, repr=False)
    subprotocols: tuple[str, ...] = ("ocpp1.6",)
    compression: bool = False

    ca_file: Path | None = None
    """The CA that must have signed the server's certificate."""
    trust_system: bool = False
    """Verify against this machine's own CAs. With neither nothing is verified."""
    verify_hostname: bool = True
    tls: ssl.SSLContext | None = field(default=None, repr=False)
    """Ready TLS settings, shared by many, in place of the files and rules here."""
    client_certificate: Path | None = None
    client_key: Path | None = None
    tls12_only: bool = False
    ciphers: str | None = None
    """TLS 1.2 suites in OpenSSL's notation."""

    vendor: str = "Simulated"
    model: str = "SimBox 3"
    serial: str | None = None
    """None makes one of the identity."""
    firmware: str = "1.0"
    meter_type: str | None = None
    connectors: int = 1
    phases: int = 3
    max_current: float = 32.0
    """What the installation allows one connector, in A per phase."""
    voltage_v: float = 230.0
    register_wh: float = 0.0
    """The reading of every connector's meter at the beginning."""
    main_meter: bool = False
    """Whether connector 0 has a meter that sends clock-aligned values."""
    fixed_cable: bool = False
    """UnlockConnector is not supported then."""
    switches_phases: bool = False
    """Whether numberPhases of a profile changes the phases used."""

    configuration: Mapping[str, str] = field(default_factory=dict)
    """Configuration keys that begin with another value."""
    sample_at_begin: bool = False
    """Send MeterValues with context Transaction.Begin."""
    sample_at_end: bool = False
    autostart_tag: str | None = None
    """Start a transaction with this tag as soon as a car is plugged in."""

    boot_on_reconnect: bool = True
    status_on_reconnect: bool = True
    reconnect_backoff_s: tuple[float, ...] = (1.0, 2.0, 5.0, 10.0, 30.0)
    boot_retry_s: float = 10.0
    """Between BootNotifications where the central system names no interval."""
    reboot_s: float = 1.0
    """How long the charge point is away when it reboots."""
    call_timeout_s: float = 30.0
    """For an answer of the central system; real seconds whatever the clock."""
    open_timeout_s: float = 10.0
    firmware_step_s: float = 1.0
    """Duration of each step of a firmware update or diagnostics upload."""

    signed_firmware: bool = False
    """Whether firmware must be signed (security whitepaper, L01)."""

    clock_offset_s: float = 0.0
    clock_drift_ppm: float = 0.0
    follow_server_time: bool = True

    history: int = 2000
    """How many frames of each direction are remembered."""
    quirks: Quirks = field(default_factory=Quirks)

    @property
    def serial_number(self) -> str:
        """Return the serial number for BootNotification, at most 25 characters."""
        return (self.serial or f"SIM-{self.identity}")[:25]
