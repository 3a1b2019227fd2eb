"""The sensors of what sessions cost: there from when prices or CO2 are known."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, override

from homeassistant.components.sensor import (
    SensorDeviceClass,
    SensorEntity,
    SensorEntityDescription,
    SensorStateClass,
)
from homeassistant.const import Platform, UnitOfMass, UnitOfRatio
from homeassistant.core import callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .csms.charger import Charger
from .csms.connector import Connector
from .csms.model import Change
from .entity import OcppEntity, OcppEntityDescription, Place
from .hub import OcppConfigEntry
from .ledger import Session
from .settlement import ConnectorCost, Settlement


@dataclass(frozen=True, kw_only=True)
class CostSensorDescription(OcppEntityDescription, SensorEntityDescription):
    """Describe a sensor of a connector's costs.

    `needs_fn` says whether there is a source for it. `resets` is for a total that
    begins anew with each session. With `money` its unit is the currency.
    """

    stays_available: bool = True
    value_fn: Callable[[ConnectorCost], float | None]
    needs_fn: Callable[[Settlement], bool]
    resets: bool = False
    money: bool = False

    @override
    def exists(self, charger: Charger, connector: Connector) -> bool:
        """Say whether the connector has reported; the settlement says the rest."""
        return connector.status is not None


def _amount(session: Session | None) -> float | None:
    return None if session is None else session.cost.amount


def _co2_kg(session: Session | None) -> float | None:
    co2_g = None if session is None else session.cost.co2_g
    return None if co2_g is None else co2_g / 1000


def _solar_share(session: Session | None) -> float | None:
    """Return the sun's part of what was settled, in %."""
    if session is None or session.cost.solar_wh is None or not session.cost.settled_wh:
        return None
    return 100 * session.cost.solar_wh / session.cost.settled_wh


COST_SENSORS: Final[tuple[CostSensorDescription, ...]] = (
    CostSensorDescription(
        key="session_cost",
        device_class=SensorDeviceClass.MONETARY,
        state_class=SensorStateClass.TOTAL,
        suggested_display_precision=2,
        value_fn=lambda cost: _amount(cost.session),
        needs_fn=lambda settlement: settlement.prices,
        resets=True,
        money=True,
    ),
    CostSensorDescription(
        key="session_co2",
        native_unit_of_measurement=UnitOfMass.KILOGRAMS,
        state_class=SensorStateClass.TOTAL,
        suggested_display_precision=2,
        value_fn=lambda cost: _co2_kg(cost.session),
        needs_fn=lambda settlement: settlement.co2,
        resets=True,
    ),
    CostSensorDescription(
        key="session_solar_share",
        native_unit_of_measurement=UnitOfRatio.PERCENTAGE,
        suggested_display_precision=0,
        value_fn=lambda cost: _solar_share(cost.session),
        needs_fn=lambda settlement: settlement.sun.measures,
    ),
    # No state class: it is of one session, and there is no sense in adding it up.
    CostSensorDescription(
        key="last_session_cost",
        device_class=SensorDeviceClass.MONETARY,
        suggested_display_precision=2,
        value_fn=lambda cost: _amount(cost.last),
        needs_fn=lambda settlement: settlement.prices,
        money=True,
    ),
    # What the energy dashboard takes as the cost of a charger's energy.
    CostSensorDescription(
        key="total_cost",
        device_class=SensorDeviceClass.MONETARY,
        state_class=SensorStateClass.TOTAL,
        suggested_display_precision=2,
        value_fn=lambda cost: cost.total.amount,
        needs_fn=lambda settlement: settlement.prices,
        money=True,
    ),
)


class CostSensor(OcppEntity, SensorEntity):
    """Shows what a connector's sessions cost."""

    entity_description: CostSensorDescription

    @property
    def _cost(self) -> ConnectorCost:
        key = (self.charger.identity, self.place.connector_id)
        return self.place.hub.settlement.cost(key)

    @property
    @override
    def native_value(self) -> float | None:
        """Return what was settled last."""
        return self.entity_description.value_fn(self._cost)

    @property
    @override
    def native_unit_of_measurement(self) -> str | None:
        """Return the currency of money; of what was settled, the one of then."""
        if self.entity_description.money:
            return self._cost.total.currency or self.place.hub.settlement.currency
        return self.entity_description.native_unit_of_measurement

    @property
    @override
    def last_reset(self) -> datetime | None:
        """Return when a session's total began."""
        session = self._cost.session
        if self.entity_description.resets and session is not None:
            return session.started_at
        return None

    @override
    async def async_added_to_hass(self) -> None:
        """Follow the settlement."""
        await super().async_added_to_hass()
        settlement = self.place.hub.settlement
        self.async_on_remove(settlement.listen(self._async_changed))


class CostSensors:
    """Adds the sensors of every connector when there is a source for them.

    They stay from then on: what was settled remains true.
    """

    def __init__(
        self, entry: OcppConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
    ) -> None:
        """Attend to the chargers of a central system."""
        self._entry = entry
        self._hub = entry.runtime_data
        self._add = async_add_entities

    @callback
    def async_start(self) -> Callable[[], None]:
        """Add what there is, and what comes; returns how to stop."""
        return self._hub.async_follow_chargers(self._follow)

    @callback
    def _follow(self, subentry_id: str, charger: Charger) -> None:
        present: set[tuple[int, str]] = set()
        registry = er.async_get(self._hub.hass)

        @callback
        def look() -> None:
            # A charger that is being removed may still be talking.
            if subentry_id not in self._entry.subentries:
                return
            added = []
            for number, connector in charger.connectors.items():
                place = Place(
                    hub=self._hub,
                    subentry_id=subentry_id,
                    charger=charger,
                    connector_id=number,
                )
                for each in COST_SENSORS if number else ():
                    if (number, each.key) not in present and (
                        (
                            each.needs_fn(self._hub.settlement)
                            and each.exists(charger, connector)
                        )
                        or self._is_known(registry, place, each)
                    ):
                        present.add((number, each.key))
                        added.append(CostSensor(place, each))
            if added:
                self._add(added, config_subentry_id=subentry_id)

        @callback
        def charger_changed(changes: frozenset[Change]) -> None:
            if any(key in {"status", "connectors"} for _, key in changes):
                look()

        look()
        self._entry.async_on_unload(self._hub.settlement.listen(look))
        self._entry.async_on_unload(charger.listen_all(charger_changed))

    @staticmethod
    def _is_known(
        registry: er.EntityRegistry, place: Place, description: CostSensorDescription
    ) -> bool:
        unique_id = place.unique_id(description.key)
        known = registry.async_get_entity_id(
            Platform.SENSOR, place.hub.entry.domain, unique_id
        )
        return known is not None
