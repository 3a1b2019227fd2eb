"""When a charge point reads its meters, and the messages that come of it."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from .clock import Clock, DeviceClock, Timer, timestamp
from .configuration import Configuration
from .connector import Connector, Transaction
from .meter import Context, sampled_values
from .options import ChargePointOptions
from .outbox import Outbox, Outgoing

type Json = dict[str, Any]


class Sampler:
    """Sampled values in transactions, clock-aligned ones always (OCPP 1.6 §3.16)."""

    def __init__(
        self,
        options: ChargePointOptions,
        clock: Clock,
        device: DeviceClock,
        configuration: Configuration,
        outbox: Outbox,
        connectors: dict[int, Connector],
        refresh: Callable[[], None],
    ) -> None:
        """`refresh` brings the meters to now before they are read."""
        self._options = options
        self._clock = clock
        self._device = device
        self._configuration = configuration
        self._outbox = outbox
        self._connectors = connectors
        self._refresh = refresh
        self._sampling: dict[int, Timer] = {}
        self._aligning: Timer | None = None
        self._previous: dict[tuple[int, Context], float] = {}

    def begin(self, connector: Connector) -> None:
        """Start with a transaction."""
        self._remember(connector, Context.BEGIN)
        if self._options.sample_at_begin:
            self.send(connector, Context.BEGIN)
        self._arm(connector)

    def end(self, connector: Connector) -> None:
        """Stop with a transaction; called while it is still the connector's."""
        self._cancel(connector)
        self._remember(connector, Context.END)
        quirk = self._options.quirks.meter_values_after_stop
        if self._options.sample_at_end and not quirk:
            self.send(connector, Context.END)

    def rearm(self) -> None:
        """Take over changed intervals."""
        for connector in self._connectors.values():
            self._cancel(connector)
            if connector.transaction:
                self._arm(connector)
        self._align()

    def stop(self) -> None:
        """Disarm every timer."""
        for timer in [*self._sampling.values(), self._aligning]:
            if timer:
                timer.cancel()
        self._sampling.clear()
        self._aligning = None

    def send(
        self,
        connector: Connector,
        context: Context,
        *,
        transaction: Transaction | None = None,
        at: datetime | None = None,
    ) -> None:
        """Read the meter of a connector and post MeterValues.

        `transaction` is the one to report for where it is the connector's no more.
        """
        transaction = transaction or connector.transaction
        value = self._meter_value(connector, context, at)
        if not value["sampledValue"]:
            return

        def build() -> Json:
            payload: Json = {"connectorId": connector.id, "meterValue": [value]}
            quirks = self._options.quirks
            reported = quirks.idle_transaction_id
            if transaction:
                reported = transaction.id
                if quirks.reported_transaction_id is not None:
                    reported = quirks.reported_transaction_id
            if reported is not None:
                payload["transactionId"] = reported
            return payload

        triggered = context is Context.TRIGGER
        self._outbox.post(
            Outgoing(
                action="MeterValues",
                build=build,
                transactional=transaction is not None and not triggered,
                before_accepted=triggered,
            )
        )

    def send_main_meter(self, at: datetime) -> None:
        """Post the clock-aligned value of the charge point's own meter, connector 0."""
        register = sum(one.register_wh for one in self._connectors.values())
        value = {
            "value": f"{register:.0f}",
            "context": Context.CLOCK.value,
            "measurand": "Energy.Active.Import.Register",
            "location": "Inlet",
            "unit": "Wh",
        }
        meter_value = {"timestamp": timestamp(at), "sampledValue": [value]}
        payload = {"connectorId": 0, "meterValue": [meter_value]}
        self._outbox.post(Outgoing(action="MeterValues", build=lambda: payload))

    def _arm(self, connector: Connector) -> None:
        interval = self._configuration.integer("MeterValueSampleInterval")
        if interval <= 0:
            return

        def fire() -> None:
            self._sampling[connector.id] = self._clock.later(interval, fire)
            self._refresh()
            if connector.transaction:
                self.send(connector, Context.PERIODIC)

        self._sampling[connector.id] = self._clock.later(interval, fire)

    def _cancel(self, connector: Connector) -> None:
        timer = self._sampling.pop(connector.id, None)
        if timer:
            timer.cancel()

    def _align(self) -> None:
        """Arm for the next ClockAlignedDataInterval since midnight (§9.1.3)."""
        if self._aligning:
            self._aligning.cancel()
            self._aligning = None
        interval = self._configuration.integer("ClockAlignedDataInterval")
        if interval <= 0:
            return
        now = self._device.now()
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        passed = (now - midnight).total_seconds()
        tomorrow = midnight + timedelta(days=1)
        due = min(
            midnight + timedelta(seconds=(passed // interval + 1) * interval), tomorrow
        )

        def fire() -> None:
            self._refresh()
            if self._options.main_meter:
                self.send_main_meter(due)
            for connector in self._connectors.values():
                self.send(connector, Context.CLOCK, at=due)
            self._align()

        wait_s = max((due - now).total_seconds(), 0.001)
        self._aligning = self._clock.later_wall(wait_s, fire)

    def _meter_value(
        self, connector: Connector, context: Context, at: datetime | None
    ) -> Json:
        key = (
            "MeterValuesAlignedData"
            if context is Context.CLOCK
            else "MeterValuesSampledData"
        )
        return self._sample(connector, context, self._configuration.items(key), at)

    def _remember(self, connector: Connector, context: Context) -> None:
        """Keep a sample for the transactionData of StopTransaction."""
        measurands = self._configuration.items("StopTxnSampledData")
        if connector.transaction and measurands:
            sample = self._sample(connector, context, measurands, None)
            connector.transaction.samples.append(sample)

    def _sample(
        self,
        connector: Connector,
        context: Context,
        measurands: list[str],
        at: datetime | None,
    ) -> Json:
        place = (connector.id, context)
        reading = connector.reading(self._previous.get(place, connector.register_wh))
        self._previous[place] = connector.register_wh
        return {
            "timestamp": timestamp(at or self._device.now()),
            "sampledValue": sampled_values(
                reading, measurands, context, self._options.quirks
            ),
        }
