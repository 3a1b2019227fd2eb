"""What a charger tells late, oddly or twice is in the books as it happened.

Over a real connection, with the ledger in a file.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from custom_components.ocpp_charging.ledger import SessionState
from tests.csms.house import House
from tests.csms.raw import stamp


def ago(minutes: float) -> datetime:
    """Return the time so many minutes ago."""
    return datetime.now(UTC) - timedelta(minutes=minutes)


def data(*values: tuple[float, str], **changes: Any) -> list[dict[str, Any]]:
    """Return the transactionData of a stop: values so many minutes ago."""
    return [
        {"timestamp": stamp(ago(minutes)), "sampledValue": [{"value": value} | changes]}
        for minutes, value in values
    ]


# transactionData (OCPP 1.6 §4.10)


async def test_the_data_of_a_stop_counts_for_a_session_that_is_not_shown(
    home: House,
) -> None:
    await home.raw.status("Available")
    begun = await home.raw.start(meterStart=1000, timestamp=stamp(ago(120)))
    assert home.connector.transaction is None
    # Counts from the session's start, which meterStart and meterStop do not.
    await home.raw.stop(
        begun["transactionId"],
        None,  # type: ignore[arg-type]
        timestamp=stamp(ago(60)),
        transactionData=data((110, "1100"), (90, "1.9"), (61, "2500")),
    )
    (session,) = await home.sessions()
    assert (session.state, session.energy_wh) == (SessionState.ENDED, 1500)


async def test_the_data_of_a_stop_of_an_unknown_session_tells_what_it_took(
    home: House,
) -> None:
    await home.raw.start(meterStart=90_000)
    assert (
        await home.raw.stop(
            4711,
            5000,
            timestamp=stamp(ago(60)),
            transactionData=data((110, "1.0"), (90, "3.5"), unit="kWh"),
        )
        == {}
    )
    running, orphan = sorted(
        await home.sessions(), key=lambda one: one.state == "orphan"
    )
    assert (orphan.state, orphan.energy_wh) == (SessionState.ORPHAN, 4000)
    assert running.state is SessionState.RUNNING
    assert home.connector.transaction is not None


async def test_the_data_of_an_unknown_stop_goes_with_it_to_its_session(
    home: House,
) -> None:
    begun = stamp(ago(120))
    await home.raw.start(meterStart=1000, timestamp=begun)
    await home.raw.stop(
        -1,
        None,  # type: ignore[arg-type]
        idTag="TAG",
        timestamp=stamp(ago(60)),
        transactionData=data((110, "1100"), (61, "2500")),
    )
    (session,) = await home.sessions()
    assert (session.state, session.energy_wh) == (SessionState.ENDED, 1500)
    assert home.connector.transaction is None


async def test_of_the_data_of_a_stop_only_the_energy_register_counts(
    home: House,
) -> None:
    at = stamp(ago(1))
    samples = [
        {"value": "7.0", "context": "Transaction.Begin", "unit": "kWh"},
        {"value": "9200", "context": "Transaction.End", "unit": "Wh"},
        {"value": "OCMF|{}|{}", "format": "SignedData", "context": "Transaction.End"},
        {"value": "99999", "measurand": "Power.Active.Import"},
        {"value": "123", "measurand": "Energy.Active.Export.Register"},
        {"value": "77777", "unit": "varh"},
    ]
    await home.raw.stop(
        4711,
        None,  # type: ignore[arg-type]
        timestamp=at,
        transactionData=[{"timestamp": at, "sampledValue": samples}],
    )
    (session,) = await home.sessions()
    assert session.energy_wh == 2200


async def test_the_phases_of_a_register_add_up_in_the_data_of_a_stop(
    home: House,
) -> None:
    def bucket(minutes: float, *values: int) -> dict[str, Any]:
        sampled = [
            {"value": str(value), "phase": f"L{phase}", "unit": "Wh"}
            for phase, value in enumerate(values, 1)
        ]
        return {"timestamp": stamp(ago(minutes)), "sampledValue": sampled}

    await home.raw.stop(
        0,
        None,  # type: ignore[arg-type]
        transactionData=[bucket(30, 100, 200, 300), bucket(10, 200, 300, 500)],
    )
    (session,) = await home.sessions()
    assert session.energy_wh == 400
