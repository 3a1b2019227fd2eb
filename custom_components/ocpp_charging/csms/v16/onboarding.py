"""Reading and setting up a charger after each boot and each reconnect.

Each step stands alone: a refusal, an error, a silence or garbage costs that step. A
step during which the connection has died twice is left out from then on (there are
chargers that restart when a certain key is read), until the charger has new firmware
or its owner asks for a refresh.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
import logging

from ..charger import Charger
from ..errors import ChargerOffline, CommandError, CommandFailed, CommandRefused
from ..limits import set_limit
from ..local_list import LocalListKeeper
from ..model import Features, Registration
from ..pace import Pace
from ..timing import Timing
from .outgoing import Outgoing
from .words import RATE_UNITS

_LOGGER = logging.getLogger(__name__)

FATAL = 2
"""After how many dead connections a step is left out."""

MEASURANDS_KEY = "MeterValuesSampledData"
MEASURANDS_MAX_KEY = "MeterValuesSampledDataMaxLength"
INTERVAL_KEY = "MeterValueSampleInterval"

NEEDED_MEASURANDS = ("Energy.Active.Import.Register", "Power.Active.Import")
"""What the requirements ask for (R15); the others only where the charger takes them."""

WANTED_MEASURANDS = (
    *NEEDED_MEASURANDS,
    "Current.Import",
    "Voltage",
    "Current.Offered",
    "SoC",
    "Temperature",
    "Frequency",
    "Power.Factor",
    "Power.Offered",
)

PHASES_KEY = "ConnectorSwitch3to1PhaseSupported"
"""Whether a charger can charge on one phase in place of three (OCPP 1.6 §9.4)."""

_ESSENTIAL_KEYS = (
    "NumberOfConnectors",
    "SupportedFeatureProfiles",
    INTERVAL_KEY,
    "ChargingScheduleAllowedChargingRateUnit",
    "ChargeProfileMaxStackLevel",
    "ChargingScheduleMaxPeriods",
    "MaxChargingProfilesInstalled",
    PHASES_KEY,
    "LocalAuthListEnabled",
    "LocalAuthListMaxLength",
    "SendLocalListMaxLength",
)
"""Read one at a time where a charger cannot tell all its keys at once."""


def _count(value: str | None) -> int | None:
    text = (value or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else None


def _flag(value: str | None) -> bool | None:
    return {"true": True, "false": False}.get((value or "").strip().lower())


class Onboarding:
    """The steps of one connection."""

    def __init__(
        self,
        charger: Charger,
        outgoing: Outgoing,
        tags: LocalListKeeper,
        timing: Timing,
        pace: Pace,
    ) -> None:
        """Bind a charger and its connection."""
        self._charger = charger
        self._outgoing = outgoing
        self._timing = timing
        self._pace = pace
        self._steps: tuple[tuple[str, Callable[[], Awaitable[None]]], ...] = (
            ("configuration", self._read_configuration),
            ("boot", self._trigger_boot),
            ("status", self._trigger_status),
            ("measurands", self._set_measurands),
            ("interval", self._set_interval),
            ("meter_values", self._trigger_meter_values),
            ("limits", self._restore_limits),
            ("tags", tags.renew),
        )
        self.outcomes: dict[str, str] = {}
        self.booted = False
        self.running = False
        self._after_restart: dict[str, list[str]] = {}

    async def run(self) -> bool:
        """Go through all steps; returns False when the connection ends meanwhile."""
        self.running = True
        try:
            return await self._run()
        finally:
            self.running = False

    async def _run(self) -> bool:
        for name, step in self._steps:
            if self._charger.memory.fatal_steps.get(name, 0) >= FATAL:
                self.outcomes[name] = "left out: the connection died of it before"
                continue
            await self._pace.keep()
            if not await self._try(name, step):
                return False
        late = dict.fromkeys(
            key for keys in self._after_restart.values() for key in keys
        )
        if late:
            _LOGGER.info(
                "%s: uses its new %s only after a restart",
                self._charger.identity,
                ", ".join(late),
            )
        self._charger.update(ready=True)
        return True

    async def _try(self, name: str, step: Callable[[], Awaitable[None]]) -> bool:
        started = asyncio.get_running_loop().time()
        self._after_restart[name] = []
        try:
            await step()
        except ChargerOffline:
            self.outcomes[name] = "the connection ended"
            took = asyncio.get_running_loop().time() - started
            if took < self._timing.fatal_step:
                self._count_death(name)
            return False
        except CommandError as error:
            self.outcomes[name] = str(error)
            _LOGGER.debug("%s: step %s: %s", self._charger.identity, name, error)
        else:
            self.outcomes[name] = (
                "done, for after a restart" if self._after_restart[name] else "done"
            )
        if name in self._charger.memory.fatal_steps:
            self._charger.remember(
                fatal_steps={
                    key: count
                    for key, count in self._charger.memory.fatal_steps.items()
                    if key != name
                }
            )
        return True

    def _count_death(self, name: str) -> None:
        deaths = self._charger.memory.fatal_steps
        self._charger.remember(fatal_steps={**deaths, name: deaths.get(name, 0) + 1})

    async def _read_configuration(self) -> None:
        try:
            report = await self._outgoing.get_configuration()
            found = dict(report.settings)
        except ChargerOffline:
            raise
        except CommandError as error:
            _LOGGER.debug("%s: reading all keys: %s", self._charger.identity, error)
            found = {}
        if not found:
            for key in _ESSENTIAL_KEYS:
                try:
                    report = await self._outgoing.get_configuration([key])
                except ChargerOffline:
                    raise
                except CommandError as error:
                    _LOGGER.debug(
                        "%s: reading %s: %s", self._charger.identity, key, error
                    )
        self._learn()

    def _learn(self) -> None:
        """Note what the configuration says the charger can do (OCPP 1.6 §9)."""

        def value(key: str) -> str | None:
            setting = self._charger.configuration.get(key)
            return None if setting is None else setting.value

        known = self._charger.features
        words = value("SupportedFeatureProfiles")
        units = value("ChargingScheduleAllowedChargingRateUnit")
        rate_units = frozenset(
            RATE_UNITS[word.strip()]
            for word in (units or "").split(",")
            if word.strip() in RATE_UNITS
        )
        count = _count(value("NumberOfConnectors"))
        connectors = min(count, 16) if count else known.connectors or 1
        learned: Features = replace(
            known,
            profiles=(
                frozenset(word.strip() for word in words.split(",") if word.strip())
                if words
                else known.profiles
            ),
            connectors=max(connectors, *self._charger.connectors, 1),
            rate_units=rate_units or known.rate_units,
            max_stack_level=_count(value("ChargeProfileMaxStackLevel")),
            max_periods=_count(value("ChargingScheduleMaxPeriods")),
            max_profiles=_count(value("MaxChargingProfilesInstalled")),
            switches_phases=_flag(value(PHASES_KEY)),
        )
        self._charger.remember(features=learned)
        for connector_id in range(1, (learned.connectors or 1) + 1):
            self._charger.connector(connector_id)

    async def _trigger_boot(self) -> None:
        """Ask who the charger is, where it has never said so.

        Never after an accepted boot (OCPP 1.6 errata 4.0, 3.40; requirement R13).
        """
        if self.booted or self._charger.memory.accepted:
            return
        await self._outgoing.trigger("BootNotification")

    async def _trigger_status(self) -> None:
        try:
            await self._outgoing.trigger("StatusNotification")
        except CommandRefused, CommandFailed:
            for connector_id in sorted(self._charger.connectors):
                await self._outgoing.trigger("StatusNotification", connector_id)

    async def _set_measurands(self) -> None:
        setting = self._charger.configuration.get(MEASURANDS_KEY)
        present = _split(None if setting is None else setting.value)
        agreed = self._charger.features.measurands
        wanted = WANTED_MEASURANDS if agreed is None else agreed
        if present and set(wanted) <= set(present):
            self._remember_measurands(present)
            return
        if setting is not None and setting.readonly:
            return
        # What it sends already goes before what would be nice to have.
        needed = (each for each in wanted if each in NEEDED_MEASURANDS)
        await self._negotiate(tuple(dict.fromkeys((*needed, *present, *wanted))))

    async def _negotiate(self, wanted: tuple[str, ...]) -> None:
        """Set what the charger takes of the wanted measurands, all or one by one."""
        setting = self._charger.configuration.get(MEASURANDS_MAX_KEY)
        most = _count(None if setting is None else setting.value) or len(wanted)
        if await self._offer(wanted[:most]):
            return
        taken: tuple[str, ...] = ()
        for measurand in wanted:
            if len(taken) < most and await self._offer((*taken, measurand)):
                taken = (*taken, measurand)

    async def _offer(self, measurands: tuple[str, ...]) -> bool:
        try:
            await self._set("measurands", MEASURANDS_KEY, ",".join(measurands))
        except CommandRefused, CommandFailed:
            return False
        self._remember_measurands(measurands)
        return True

    def _remember_measurands(self, measurands: tuple[str, ...]) -> None:
        features = replace(self._charger.features, measurands=measurands)
        self._charger.remember(features=features)

    async def _set(self, step: str, key: str, value: str) -> None:
        if await self._outgoing.set_configuration(key, value):
            self._after_restart[step].append(key)

    async def _set_interval(self) -> None:
        wanted = str(round(self._charger.settings.sample_interval.total_seconds()))
        setting = self._charger.configuration.get(INTERVAL_KEY)
        if setting is None or setting.value != wanted:
            await self._set("interval", INTERVAL_KEY, wanted)

    async def _trigger_meter_values(self) -> None:
        await self._outgoing.trigger("MeterValues")

    async def _restore_limits(self) -> None:
        """Set the owner's limits again: some chargers forget them with a restart."""
        if not self.booted:
            return
        for connector_id, limit_a in self._charger.memory.limits_a.items():
            await set_limit(self._charger, self._outgoing, connector_id, limit_a)


def _split(value: str | None) -> tuple[str, ...]:
    return tuple(word.strip() for word in (value or "").split(",") if word.strip())


def may_start(charger: Charger) -> bool:
    """Say whether a charger may be read: not while its boot is refused."""
    return charger.registration is not Registration.REJECTED
