"""A plan is left for another only when that gains enough."""

from datetime import timedelta

import pytest

from custom_components.ocpp_charging.charging import Plan, ReasonKey, State

from .houses import at, check_whole, planned, series, signals, spans

PRICES = [0.20, 0.25, 0.30, 0.25, 0.25]
THRESHOLD = {"threshold": 0.05}


def charging(plan: Plan) -> State:
    return State(running=True, plan=plan)


def test_a_running_charge_is_not_stopped_for_little() -> None:
    first = planned(PRICES, 1, ready=5, prefer=THRESHOLD)
    assert spans(first) == [(0, 1)]
    news = [0.20, 0.25, 0.30, 0.16, 0.25]
    fresh = planned(news, 1, ready=5)
    assert spans(fresh) == [(3, 4)]
    kept = planned(news, 1, ready=5, prefer=THRESHOLD, state=charging(first))
    check_whole(kept)
    assert spans(kept) == [(0, 1)]
    assert kept.reason.key is ReasonKey.KEPT
    assert kept.reason.price == pytest.approx(0.04, abs=1e-4)


def test_a_running_charge_is_stopped_for_enough() -> None:
    first = planned(PRICES, 1, ready=5, prefer=THRESHOLD)
    news = [0.20, 0.25, 0.30, 0.14, 0.25]
    moved = planned(news, 1, ready=5, prefer=THRESHOLD, state=charging(first))
    assert spans(moved) == [(3, 4)]
    assert moved.reason.key is ReasonKey.CHEAPER_LATER


def test_a_plan_for_later_is_not_moved_for_little_either() -> None:
    first = planned([0.30, 0.25, 0.20, 0.25], 1, ready=4)
    assert spans(first) == [(2, 3)]
    news = [0.30, 0.25, 0.20, 0.17]
    same = State(plan=first)
    kept = planned(news, 1, ready=4, prefer=THRESHOLD, state=same)
    assert spans(kept) == [(2, 3)]
    assert spans(planned(news, 1, ready=4, state=same, prefer={"threshold": 0})) == [
        (3, 4)
    ]


def test_it_goes_on_when_the_car_drew_less_than_planned() -> None:
    first = planned(PRICES, 1.5, ready=5, prefer=THRESHOLD)
    news = [0.20, 0.21, 0.30, 0.195, 0.25]
    kept = planned(news, 1.4, ready=5, now=0.5, prefer=THRESHOLD, state=charging(first))
    check_whole(kept)
    assert spans(kept)[0][0] == 0.5
    assert spans(kept)[0][1] >= 1
    assert kept.met
    assert kept.reason.key in {ReasonKey.KEPT, ReasonKey.CHEAP, ReasonKey.BRIDGE}


@pytest.mark.parametrize(
    ("kwh", "news", "expected"),
    [
        (0.7, [0.20, 0.21, 0.30, 0.19, 0.25], [(0.5, 1), (3.8, 4)]),
        (0.7, [0.20, 0.21, 0.30, 0.05, 0.25], [(3.3, 4)]),
        (3.5, [0.20, 0.21, 0.30, 0.19, 0.25], [(0.5, 2), (3, 5)]),
    ],
)
def test_what_the_plan_so_far_leaves_open_is_planned_after_it(
    kwh: float, news: list[float], expected: list[tuple[float, float]]
) -> None:
    first = planned(PRICES, 1, ready=5, prefer=THRESHOLD)
    assert spans(first) == [(0, 1)]
    made = planned(news, kwh, ready=5, now=0.5, prefer=THRESHOLD, state=charging(first))
    check_whole(made)
    assert spans(made) == expected
    assert made.met


def test_a_plan_so_far_that_breaks_a_new_limit_is_left() -> None:
    first = planned(PRICES, 1, ready=5, prefer=THRESHOLD)
    limited = signals(PRICES, limit=series([0.0, 2000, 2000, 2000, 2000]))
    made = planned(
        limited, 0.7, ready=5, now=0.5, prefer=THRESHOLD, state=charging(first)
    )
    check_whole(made)
    assert spans(made)[0][0] >= 1
    assert made.reason.key is ReasonKey.POWER_LIMIT


def test_less_to_charge_ends_it_sooner() -> None:
    first = planned(PRICES, 1, ready=5, prefer=THRESHOLD)
    kept = planned(
        PRICES, 0.25, ready=5, now=0.5, prefer=THRESHOLD, state=charging(first)
    )
    assert kept.totals.energy_kwh == pytest.approx(0.25)
    assert kept.totals.starts == 0


def test_a_plan_that_can_no_longer_be_met_is_left() -> None:
    first = planned(PRICES, 1, ready=5, prefer=THRESHOLD)
    for now, ready in ((0.5, 1.0), (0.5, 2.0), (4.5, 5.0)):
        made = planned(
            PRICES, 1.5, ready=ready, now=now, prefer=THRESHOLD, state=charging(first)
        )
        check_whole(made)
        assert spans(made)[0][0] == now


def test_a_run_and_a_pause_that_have_begun_last_their_least_length() -> None:
    prices = [0.20, 0.30, 0.10, 0.30]
    prefer = {"minimum_run": timedelta(hours=1), "threshold": 0}
    since = State(running=True, since=at(0))
    made = planned(prices, 1.25, ready=4, now=0.25, prefer=prefer, state=since)
    assert spans(made)[0] == (0.25, 1)
    prefer = {"minimum_pause": timedelta(hours=1), "threshold": 0}
    since = State(running=False, since=at(0))
    made = planned([0.1, 0.2, 0.3], 1, ready=3, now=0.5, prefer=prefer, state=since)
    assert spans(made) == [(1, 2)]
