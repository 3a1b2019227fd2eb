"""How failures to authenticate slow down the next attempts."""

from collections.abc import Callable

from hypothesis import given, strategies as st
import pytest

from custom_components.ocpp_charging.csms.backoff import CAPACITY, FailureBackoff

HOUSE, ELSEWHERE = "192.168.1.20", "192.168.1.99"


@pytest.fixture
def backoff() -> FailureBackoff:
    return FailureBackoff()


def _fail(
    backoff: FailureBackoff, times: int, identity: str = "CP1", now: float = 0.0
) -> None:
    for _ in range(times):
        backoff.failed(HOUSE, identity, now)


def test_four_failures_cost_nothing(backoff: FailureBackoff) -> None:
    _fail(backoff, 4)
    assert backoff.blocked_for(HOUSE, "CP1", 0.0) == 0.0


def test_from_the_fifth_on_each_failure_doubles_the_wait_up_to_a_minute(
    backoff: FailureBackoff,
) -> None:
    now, waits = 0.0, []
    _fail(backoff, 4)
    for _ in range(9):
        backoff.failed(HOUSE, "CP1", now)
        waits.append(backoff.blocked_for(HOUSE, "CP1", now))
        now += waits[-1]
        assert backoff.blocked_for(HOUSE, "CP1", now) == 0.0
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_a_thousand_failures_are_counted_and_wait_no_longer(
    backoff: FailureBackoff,
) -> None:
    for count in range(1, 2001):
        assert backoff.failed(HOUSE, "CP1", count * 60.0) == count
    assert backoff.blocked_for(HOUSE, "CP1", 120_000.0) == 60.0


def test_the_wait_runs_down_with_the_clock(backoff: FailureBackoff) -> None:
    _fail(backoff, 8)
    assert backoff.blocked_for(HOUSE, "CP1", 0.0) == 8.0
    assert backoff.blocked_for(HOUSE, "CP1", 5.5) == 2.5
    assert backoff.blocked_for(HOUSE, "CP1", 100.0) == 0.0


def test_another_identity_and_another_address_are_not_held_up(
    backoff: FailureBackoff,
) -> None:
    _fail(backoff, 20)
    assert backoff.blocked_for(HOUSE, "CP1", 0.0) == 60.0
    assert backoff.blocked_for(HOUSE, "CP2", 0.0) == 0.0
    assert backoff.blocked_for(ELSEWHERE, "CP1", 0.0) == 0.0


def test_a_success_wipes_the_slate(backoff: FailureBackoff) -> None:
    _fail(backoff, 10)
    backoff.succeeded(HOUSE, "CP1", 0.0)
    assert backoff.blocked_for(HOUSE, "CP1", 0.0) == 0.0
    assert backoff.failed(HOUSE, "CP1", 0.0) == 1


def test_a_new_key_wipes_the_slate_of_its_charger_only(backoff: FailureBackoff) -> None:
    _fail(backoff, 10)
    _fail(backoff, 10, "CP2")
    backoff.forget("CP1")
    assert backoff.blocked_for(HOUSE, "CP1", 0.0) == 0.0
    assert backoff.blocked_for(HOUSE, "CP2", 0.0) > 0.0


def test_failures_long_ago_are_not_in_a_row(backoff: FailureBackoff) -> None:
    _fail(backoff, 10)
    assert backoff.failed(HOUSE, "CP1", 901.0) == 1
    assert backoff.blocked_for(HOUSE, "CP1", 901.0) == 0.0


def test_an_address_that_tries_out_identities_is_slowed_to_thirty_a_minute(
    backoff: FailureBackoff,
) -> None:
    now, tries = 0.0, 0
    while now <= 600.0:
        identity = f"guess {tries}"
        if wait := backoff.blocked_for(HOUSE, identity, now):
            now += wait
        else:
            backoff.failed(HOUSE, identity, now)
            tries += 1
    assert 325 <= tries <= 335, "30 at once, then 30 a minute for 10 minutes"
    assert backoff.blocked_for(ELSEWHERE, "CP1", now) == 0.0


def test_one_charger_with_a_wrong_key_does_not_use_up_its_address(
    backoff: FailureBackoff,
) -> None:
    now = 0.0
    while now < 600.0:
        now += backoff.blocked_for(HOUSE, "CP1", now)
        backoff.failed(HOUSE, "CP1", now)
        assert backoff.blocked_for(HOUSE, "CP2", now) == 0.0
        now += 0.1


def test_a_proven_charger_keeps_its_way_in_at_a_blocked_address(
    backoff: FailureBackoff,
) -> None:
    backoff.succeeded(HOUSE, "CP2", 0.0)
    for number in range(30):
        backoff.failed(HOUSE, f"guess {number}", 0.0)
    assert backoff.blocked_for(HOUSE, "CP1", 0.0) > 0.0
    assert backoff.blocked_for(HOUSE, "CP2", 0.0) == 0.0
    _fail(backoff, 5, "CP2")
    assert backoff.blocked_for(HOUSE, "CP2", 0.0) == 1.0, "but its own failures count"


def test_a_proof_of_last_year_is_none(backoff: FailureBackoff) -> None:
    backoff.succeeded(HOUSE, "CP1", 0.0)
    now = 365 * 86_400.0
    for number in range(30):
        backoff.failed(HOUSE, f"guess {number}", now)
    assert backoff.blocked_for(HOUSE, "CP1", now) > 0.0


@pytest.mark.parametrize(
    "act",
    [
        lambda backoff, n: backoff.failed(f"2001:db8::{n:x}", f"CP{n}", 0.0),
        lambda backoff, n: backoff.succeeded(HOUSE, f"CP{n}", 0.0),
    ],
)
def test_memory_is_bounded_and_the_longest_untouched_is_forgotten(
    backoff: FailureBackoff, act: Callable[[FailureBackoff, int], object]
) -> None:
    for number in range(CAPACITY):
        act(backoff, number)
    full = backoff.remembered
    for number in range(CAPACITY, 2 * CAPACITY):
        act(backoff, number)
    assert backoff.remembered == full <= 3 * CAPACITY


def test_what_is_still_failing_is_not_what_is_forgotten(
    backoff: FailureBackoff,
) -> None:
    for number in range(2 * CAPACITY):
        backoff.failed(f"10.0.{number // 256}.{number % 256}", "CP1", 0.0)
        assert backoff.failed(HOUSE, "CP1", 0.0) == number + 1


ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["failed", "succeeded", "forget"]),
        st.sampled_from(["A", "B"]),
        st.sampled_from(["1", "2", "3"]),
        st.one_of(st.just(0.0), st.floats(0, 2), st.floats(0, 120)),
    ),
    max_size=120,
)


@given(ACTIONS)
def test_only_failures_block_and_never_for_more_than_a_minute(
    actions: list[tuple[str, str, str, float]],
) -> None:
    backoff, now = FailureBackoff(), 0.0
    in_a_row: dict[tuple[str, str], int] = {}
    proven: set[tuple[str, str]] = set()
    at_address: dict[str, list[float]] = {}
    for action, address, identity, pause in actions:
        now += pause
        pair = address, identity
        if action == "failed":
            backoff.failed(address, identity, now)
            in_a_row[pair] = in_a_row.get(pair, 0) + 1
            at_address.setdefault(address, []).append(now)
        elif action == "succeeded":
            backoff.succeeded(address, identity, now)
            in_a_row.pop(pair, None)
            proven.add(pair)
        else:
            backoff.forget(identity)
            for other in [other for other in in_a_row if other[1] == identity]:
                del in_a_row[other]
        for where in "AB":
            recent = [time for time in at_address.get(where, []) if now - time <= 60]
            for who in "123":
                wait = backoff.blocked_for(where, who, now)
                assert 0.0 <= wait <= 60.0
                if in_a_row.get((where, who), 0) < 5 and (
                    (where, who) in proven or len(recent) < 30
                ):
                    assert wait == 0.0
                # A charger that waits as told is let in.
                assert backoff.blocked_for(where, who, now + wait + 1e-6) == 0.0
