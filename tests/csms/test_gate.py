"""How many connections there may be, and how much each may send: the bare counting."""

import pytest

from custom_components.ocpp_charging.csms.allowance import Allowance, MessageAllowance
from custom_components.ocpp_charging.csms.bounds import (
    MAX_REMEMBERED_FAILURES,
    Bounds,
    affordable,
)
from custom_components.ocpp_charging.csms.gate import Gate, Reason, origin_of
from custom_components.ocpp_charging.csms.origin import is_foreign


def test_a_house_with_a_thousand_chargers_behind_one_address_is_within_the_bounds() -> (
    None
):
    gate: Gate[int] = Gate(Bounds())
    for number in range(1000):
        entry = gate.enter(number, "192.168.1.1", 0.0)
        assert entry.refused is None
        assert entry.gives_way is None
    assert gate.newcomers == 1000
    for number in range(1000):
        gate.admit(number)
    # All come back while their old connections still stand.
    for number in range(1000, 1200):
        assert gate.enter(number, "192.168.1.1", 1.0).refused is None
    assert gate.connections == 1200


def test_the_oldest_newcomer_of_the_address_gives_way() -> None:
    gate: Gate[str] = Gate(Bounds(newcomers_per_address=2))
    gate.enter("other", "10.0.0.2", 0.0)
    gate.enter("old", "10.0.0.1", 0.0)
    gate.enter("young", "10.0.0.1", 0.0)
    assert gate.enter("new", "10.0.0.1", 0.0).gives_way == "old"
    assert gate.waiting() == ["other", "young", "new"]


def test_the_oldest_newcomer_of_the_busiest_address_gives_way() -> None:
    gate: Gate[str] = Gate(Bounds(newcomers=3))
    gate.enter("lonely", "10.0.0.2", 0.0)
    gate.enter("busy 1", "10.0.0.1", 0.0)
    gate.enter("busy 2", "10.0.0.1", 0.0)
    assert gate.enter("new", "10.0.0.3", 0.0).gives_way == "busy 1"
    assert (gate.newcomers, gate.connections) == (3, 3)


def test_those_who_are_in_never_give_way() -> None:
    gate: Gate[str] = Gate(Bounds(connections=2))
    for one in ("a", "b"):
        gate.enter(one, "10.0.0.1", 0.0)
        gate.admit(one)
        gate.admit(one)
    assert gate.enter("c", "10.0.0.2", 0.0).refused is Reason.TOO_MANY
    gate.leave("a")
    gate.leave("a")
    assert gate.enter("c", "10.0.0.2", 0.0).refused is None
    assert gate.connections == 2


def test_who_comes_too_often_must_wait_and_nobody_else() -> None:
    gate: Gate[int] = Gate(Bounds(arrivals_at_once=2, arrivals_per_second=0.5))
    refused = [gate.enter(number, "10.0.0.1", 0.0).refused for number in range(3)]
    assert refused == [None, None, Reason.TOO_OFTEN]
    assert gate.enter(3, "10.0.0.2", 0.0).refused is None
    assert gate.enter(4, "10.0.0.1", 1.0).refused is Reason.TOO_OFTEN
    assert gate.enter(5, "10.0.0.1", 2.0).refused is None


def test_what_is_remembered_of_addresses_is_bounded_and_comes_back() -> None:
    gate: Gate[int] = Gate(Bounds())
    for number in range(2 * MAX_REMEMBERED_FAILURES):
        gate.enter(number, f"10.1.{number // 256}.{number % 256}", 0.0)
        gate.leave(number)
    assert gate.remembered <= MAX_REMEMBERED_FAILURES
    assert gate.connections == gate.newcomers == 0


@pytest.mark.parametrize(
    ("address", "origin"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::/64"),
        ("", ""),
        ("nonsense", "nonsense"),
    ],
)
def test_an_address_counts_as_itself_or_as_its_network(
    address: str, origin: str
) -> None:
    assert origin_of(address) == origin


@pytest.mark.parametrize(
    ("files", "connections"), [(2048, 1500), (1024, 768), (1, 1), (-1, 1500)]
)
def test_no_more_connections_than_files_may_be_open(
    files: int, connections: int
) -> None:
    assert affordable(1500, files) == connections


def test_an_allowance_comes_back_at_its_rate_and_up_to_its_size() -> None:
    allowance = Allowance(per_second=2, at_once=10)
    assert allowance.spend(10, 0.0) == 0
    assert allowance.spend(1, 0.0) == 0.5
    assert allowance.left(1.0) == 1
    assert allowance.left(100.0) == 10


STRICT = Bounds(
    messages_per_second=10, messages_at_once=10, flood_seconds=2, bytes_per_message=100
)


def test_bytes_count_as_messages() -> None:
    assert MessageAllowance(STRICT).spend(1, 1900, 0.0, ahead=False) == 1


def test_who_waits_for_answers_never_floods() -> None:
    allowance = MessageAllowance(STRICT)
    now = 0.0
    for _ in range(1000):
        now += allowance.spend(1, 0, now, ahead=False)
        assert not allowance.flooding
    assert now == pytest.approx(99, abs=1), "a thousand at ten a second, ten were free"


def test_who_does_not_wait_floods_in_the_end() -> None:
    allowance = MessageAllowance(STRICT)
    now = 0.0
    while not allowance.flooding:
        now += allowance.spend(5, 0, now, ahead=True)
    assert now == pytest.approx(2, abs=1)
    assert allowance.connected(now) == 0
    assert not allowance.flooding


def test_a_debt_outlives_the_connection() -> None:
    allowance = MessageAllowance(STRICT)
    allowance.spend(110, 0, 0.0, ahead=False)
    assert allowance.connected(1.0) == 9


@pytest.mark.parametrize(
    ("origin", "host", "foreign"),
    [
        (None, "ha.local:9000", False),
        ("http://ha.local:8123", "HA.local:9000", False),
        ("https://[fd00::1]", "[fd00::1]:9000", False),
        ("charger", "ha.local", False),
        ("", "ha.local", False),
        ("null", "ha.local", True),
        (" NULL ", "ha.local", True),
        ("https://evil.example", "ha.local", True),
        ("https://ha.local.evil.example", "ha.local", True),
        ("https://ha.local@evil.example", "ha.local", True),
        ("file://", "ha.local", True),
        ("http://[", "[", True),
        ("http://ha.local", None, True),
        ("http://ha.local, http://evil.example", "ha.local", True),
    ],
)
def test_a_page_of_another_host_is_told_from_a_charger(
    origin: str | None, host: str | None, foreign: bool
) -> None:
    assert is_foreign(origin, host) is foreign
