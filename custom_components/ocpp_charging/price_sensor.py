"""The sensors of the prices: there while the owner has chosen a source."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final, override

from homeassistant.components.sensor import (
    SensorEntity,
    SensorEntityDescription,
    SensorStateClass,
)
from homeassistant.const import Platform, UnitOfEnergy
from homeassistant.core import CALLBACK_TYPE, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.device_registry import DeviceInfo
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.event import async_track_point_in_utc_time
from homeassistant.util import dt as dt_util

from .const import DOMAIN
from .hub import OcppConfigEntry
from .signals.prices.settings import Side
from .signals.prices.signal import PriceSignal, Status

PRICE_SENSORS: Final[Mapping[Side, SensorEntityDescription]] = {
    side: SensorEntityDescription(
        key=key,
        translation_key=key,
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=3,
    )
    for side, key in (
        (Side.PRICE, "electricity_price"),
        (Side.FEED_IN, "feed_in_price"),
    )
}

ATTR_PRICES: Final = "prices"
ATTR_TOMORROW_KNOWN: Final = "tomorrow_known"


class PriceSensors:
    """Adds the sensor of a price when its source is chosen, and takes it away again."""

    def __init__(
        self, entry: OcppConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
    ) -> None:
        """Attend to the prices of a central system."""
        self._entry = entry
        self._add = async_add_entities
        self._present: set[Side] = set()

    @callback
    def async_start(self) -> Callable[[], None]:
        """Add what there is now, and follow the owner's choice; returns how to stop."""
        stops: list[Callable[[], None]] = []
        for signal in self._entry.runtime_data.prices.signals:

            def look(signal: PriceSignal = signal) -> None:
                self._look(signal)

            look()
            stops.append(signal.listen(look))

        def stop() -> None:
            for one in stops:
                one()

        return stop

    def _look(self, signal: PriceSignal) -> None:
        if signal.settings is None:
            self._present.discard(signal.side)
            self._remove(signal)
        elif signal.side not in self._present:
            self._present.add(signal.side)
            self._add([PriceSensor(self._entry, signal)])

    def _remove(self, signal: PriceSignal) -> None:
        registry = er.async_get(self._entry.runtime_data.hass)
        known = registry.async_get_entity_id(
            Platform.SENSOR, DOMAIN, unique_id(self._entry, signal.side)
        )
        if known is not None:
            registry.async_remove(known)


def unique_id(entry: OcppConfigEntry, side: Side) -> str:
    """Return the unique id of the sensor of a price."""
    return f"{entry.entry_id}_{PRICE_SENSORS[side].key}"


class PriceSensor(SensorEntity):
    """What a kWh costs now, or earns, with all fees."""

    _attr_has_entity_name = True
    _attr_should_poll = False
    _unrecorded_attributes = frozenset({ATTR_PRICES})

    _cancel_tick: CALLBACK_TYPE | None = None

    def __init__(self, entry: OcppConfigEntry, signal: PriceSignal) -> None:
        """Show a signal."""
        self._signal = signal
        self.entity_description = PRICE_SENSORS[signal.side]
        self._attr_unique_id = unique_id(entry, signal.side)
        self._attr_device_info = DeviceInfo(identifiers={(DOMAIN, entry.entry_id)})

    @property
    @override
    def available(self) -> bool:
        """Say whether there is a price, or may be soon."""
        return self.native_value is not None or (
            self._signal.status is not Status.FAILING
        )

    @property
    @override
    def native_value(self) -> float | None:
        """Return the present price."""
        return self._signal.series.at(dt_util.utcnow())

    @property
    @override
    def native_unit_of_measurement(self) -> str:
        """Return the currency per kWh."""
        return f"{self._signal.currency}/{UnitOfEnergy.KILO_WATT_HOUR}"

    @property
    @override
    def extra_state_attributes(self) -> Mapping[str, Any]:
        """Return the prices from that of now on; they are not recorded."""
        now = dt_util.utcnow()
        return {
            ATTR_TOMORROW_KNOWN: self._signal.tomorrow_known,
            ATTR_PRICES: [
                {
                    "start": dt_util.as_local(item.start).isoformat(),
                    "end": dt_util.as_local(item.end).isoformat(),
                    "price": round(item.value, 5),
                }
                for item in self._signal.series
                if item.end > now
            ],
        }

    @override
    async def async_added_to_hass(self) -> None:
        """Follow the series, and the clock from one price to the next."""
        await super().async_added_to_hass()
        self.async_on_remove(self._signal.listen(self._async_changed))
        self.async_on_remove(self._stop_tick)
        self._plan_tick()

    @callback
    def _async_changed(self) -> None:
        self._plan_tick()
        self.async_write_ha_state()

    @callback
    def _async_tick(self, _now: datetime) -> None:
        self._cancel_tick = None
        self._async_changed()

    def _plan_tick(self) -> None:
        """Wake up when the present price ends, or the next one begins."""
        self._stop_tick()
        now = dt_util.utcnow()
        series = self._signal.series
        edges = (
            edge
            for item in series.between(now, max(now, series.end or now))
            for edge in (item.start, item.end)
            if edge > now
        )
        if (edge := next(edges, None)) is not None:
            self._cancel_tick = async_track_point_in_utc_time(
                self.hass, self._async_tick, edge
            )

    @callback
    def _stop_tick(self) -> None:
        if self._cancel_tick is not None:
            self._cancel_tick()
            self._cancel_tick = None
