"""Who gets what of the fuse: cases with numbers worked out by hand."""

from dataclasses import replace
from typing import Any

import pytest

from custom_components.ocpp_charging.charging.circuits import Circuit, Circuits
from custom_components.ocpp_charging.charging.claims import (
    Claim,
    House,
    Reading,
    SharingState,
    on_house,
)
from custom_components.ocpp_charging.charging.sharing import share

from .fuses import (
    NOON,
    after,
    car,
    currents,
    drawing,
    fuse,
    house,
    reading,
    reasons,
    shared,
)

GARAGE: dict[str, Any] = {"circuit": "garage"}
ONE: dict[str, Any] = {"phases": (1,)}


@pytest.mark.parametrize(
    ("home", "claims", "meter", "expected", "why"),
    [
        pytest.param(
            house(), {"a": car()}, None, {"a": 16}, {"a": "wanted"}, id="alone"
        ),
        pytest.param(
            house(), {"a": car(32)}, None, {"a": 25}, {"a": "fuse"}, id="main-fuse"
        ),
        pytest.param(
            house(),
            {"a": car(32)},
            reading(5, 12, 3),
            {"a": 13},
            {"a": "fuse"},
            id="the-fullest-phase-counts",
        ),
        pytest.param(
            house(),
            {"a": car(32, phases=(1,)), "b": car(32, phases=(2, 3))},
            reading(5, 12, 3),
            {"a": 20, "b": 13},
            {"a": "fuse", "b": "fuse"},
            id="each-on-its-own-phases",
        ),
        pytest.param(
            house(other_a={"main": fuse(9)}),
            {"a": car(32)},
            None,
            {"a": 16},
            {"a": "fuse"},
            id="no-meter-but-a-guess",
        ),
        pytest.param(
            house(32),
            {"a": car(32), "b": car(32)},
            None,
            {"a": 16, "b": 16},
            {"a": "fuse", "b": "fuse"},
            id="even",
        ),
        pytest.param(
            house(),
            {"a": car(32), "b": car(32)},
            None,
            {"a": 13, "b": 12},
            {"a": "fuse", "b": "fuse"},
            id="the-odd-ampere",
        ),
        pytest.param(
            house(),
            {"a": car(32, step_a=0.1), "b": car(32, step_a=0.1)},
            None,
            {"a": 12.5, "b": 12.5},
            {"a": "fuse", "b": "fuse"},
            id="tenths",
        ),
        pytest.param(
            house(),
            {"a": car(8), "b": car(32)},
            None,
            {"a": 8, "b": 17},
            {"a": "wanted", "b": "fuse"},
            id="what-one-leaves",
        ),
        pytest.param(
            house(30),
            {"a": car(32, need_kw=8.0), "b": car(32, need_kw=2.0)},
            None,
            # 18 A are left above the two minimums, 4 : 1; the odd ampere to the first.
            {"a": 21, "b": 9},
            {"a": "fuse", "b": "fuse"},
            id="by-need",
        ),
        pytest.param(
            house(),
            {"a": car(32), "b": car(32, priority=1)},
            None,
            {"a": 6, "b": 19},
            {"a": "fuse", "b": "fuse"},
            id="priority",
        ),
        pytest.param(
            house(11),
            {"a": car(), "b": car(priority=1)},
            None,
            {"a": 0, "b": 11},
            {"a": "rotation", "b": "fuse"},
            id="not-enough-for-two",
        ),
        pytest.param(
            house(),
            {"a": car()},
            reading(20),
            {"a": 0},
            {"a": "fuse"},
            id="not-enough-for-one",
        ),
        pytest.param(
            house(garage=16),
            {"a": car(32, **GARAGE), "b": car(32)},
            None,
            {"a": 13, "b": 12},
            {"a": "fuse", "b": "fuse"},
            id="a-board-that-is-large-enough",
        ),
        pytest.param(
            house(garage=10),
            {"a": car(32, **GARAGE), "b": car(32)},
            None,
            {"a": 10, "b": 15},
            {"a": "circuit", "b": "fuse"},
            id="a-board-that-is-not",
        ),
        pytest.param(
            house(garage=10, other_a={"garage": fuse(3, 0, 0)}),
            {"a": car(32, phases=(2, 3), **GARAGE), "b": car(32, **ONE)},
            None,
            {"a": 10, "b": 25},
            {"a": "circuit", "b": "fuse"},
            id="a-board-with-something-else",
        ),
        pytest.param(
            house(garage=(16.0, 0.0, 0.0)),
            {"a": car(**GARAGE)},
            None,
            {"a": 0},
            {"a": "circuit"},
            id="a-board-with-one-phase",
        ),
        pytest.param(
            house(),
            {"a": car(5)},
            None,
            {"a": 0},
            {"a": "wanted"},
            id="wants-less-than-its-least",
        ),
        pytest.param(
            house(),
            {"a": car(32)},
            Reading(power_w=2300, at=NOON),
            {"a": 15},
            {"a": "fuse"},
            id="power-in-all-may-be-on-one-phase",
        ),
        pytest.param(
            house((40.0, 0.0, 0.0)),
            {"a": car(32, **ONE)},
            Reading(power_w=4600, at=NOON),
            {"a": 20},
            {"a": "fuse"},
            id="power-of-a-house-with-one-phase",
        ),
        pytest.param(
            house(),
            {"a": car(32)},
            reading(-10),
            {"a": 25},
            {"a": "fuse"},
            id="sunshine-is-no-fuse",
        ),
        pytest.param(
            house(),
            {"a": car(32)},
            reading(5, at=after(-61)),
            {"a": 6},
            {"a": "meter_silent"},
            id="silent-meter",
        ),
        pytest.param(
            house(),
            {"a": car(32, safe_a=10)},
            Reading(),
            {"a": 10},
            {"a": "meter_silent"},
            id="silent-meter-with-a-safe-limit",
        ),
        pytest.param(
            house(other_a={"main": fuse(20)}),
            {"a": car(32, safe_a=10)},
            Reading(),
            {"a": 0},
            {"a": "fuse"},
            id="even-the-safe-limit-is-within-the-fuse",
        ),
        pytest.param(
            house(),
            {"a": drawing(16, NOON)},
            reading(24),
            {"a": 17},
            {"a": "fuse"},
            id="a-car-that-is-in-the-reading",
        ),
    ],
)
def test_what_is_free_is_shared_by_priority_and_need(
    home: House,
    claims: dict[str, Claim],
    meter: Reading | None,
    expected: dict[str, float],
    why: dict[str, str],
) -> None:
    shares = shared(home, claims, meter)
    assert (currents(shares), reasons(shares)) == (expected, why)


@pytest.mark.parametrize(
    ("limit_w", "expected", "why"),
    [
        (4200.0, 6, "grid_limit"),  # 4200 W / 230 V / 3 = 6.09 A
        (4000.0, 0, "grid_limit"),
        (50000.0, 16, "wanted"),
        (0.0, 0, "grid_limit"),
    ],
)
def test_the_grid_limits_all_charging_together(
    limit_w: float, expected: float, why: str
) -> None:
    shares = shared(house(), {"a": car()}, grid_limit_w=limit_w)
    assert (currents(shares)["a"], reasons(shares)["a"]) == (expected, why)


def test_a_phase_that_a_car_draws_from_counts_even_where_it_was_not_learned() -> None:
    claim = car(32, phases=(1,), drawn_a=(9.0, 9.0, 0.0), drawn_at=NOON, allowed_a=9.0)
    shares = shared(house(), {"a": claim}, reading(9, 25, 0))
    assert currents(shares) == {"a": 9}


def test_a_charger_that_is_wired_turned_is_turned_back() -> None:
    assert on_house((10.0, 6.0, 0.0), (2, 3, 1), 0.0) == (0.0, 10.0, 6.0)
    assert on_house((10.0,), (3,), 0.0) == (0.0, 0.0, 10.0)


def test_a_meter_that_tells_late_does_not_stop_who_may_go_on() -> None:
    home = house(hysteresis_a=1.0)
    state = SharingState()

    def told(second: float, other_a: float, *meter: float) -> dict[str, float]:
        nonlocal state
        measured = after(second - 0.1)
        shares = shared(
            home,
            {
                "one": drawing(10, measured, phases=(1,)),
                "other": drawing(other_a, measured),
            },
            reading(*meter, at=after(second)),
            state,
            after(second),
        )
        state = shares.state
        return currents(shares)

    assert told(0, 10, 24, 14, 14) == {"one": 10, "other": 10}
    assert told(10, 10, 34, 14, 14) == {"one": 10, "other": 0}
    # The other draws nothing any more, and the meter still tells that it does.
    for second in (10.5, 12, 14.9):
        assert told(second, 0, 34, 14, 14) == {"one": 10, "other": 0}
    # So late is no meter: it is something else that draws.
    assert told(15.5, 0, 34, 14, 14) == {"one": 0, "other": 0}


@pytest.mark.parametrize("step", [1.0, 0.1])
def test_a_meter_that_trembles_moves_no_share_to_and_fro(step: float) -> None:
    home = house(hysteresis_a=1.0)
    one, other, state = 6.0, 6.0, SharingState()
    had = []
    for second in range(600):
        at = after(second)
        drawn = (one + other, other, other)
        house_a = 3.0 + 0.01 * (second % 2)
        shares = shared(
            home,
            {
                "one": drawing(one, at, phases=(1,), need_kw=2.0, step_a=step),
                "other": drawing(other, at, wanted=16.0, need_kw=3.1, step_a=step),
            },
            reading(*(house_a + each for each in drawn), at=at),
            state,
            at,
        )
        state = shares.state
        one, other = currents(shares).values()
        had.append((one, other))
    assert len(set(had[120:])) == 1
    assert one + other >= 20


def test_less_comes_at_once_and_more_after_a_while() -> None:
    home = house(hysteresis_a=1.0)
    at_first = shared(home, {"a": car(32)}, reading(5))
    # 1 A stays free when it gets more.
    assert (currents(at_first), reasons(at_first)) == ({"a": 19}, {"a": "fuse"})

    oven = shared(
        home,
        {"a": drawing(19, after(10))},
        reading(34, at=after(10)),
        at_first.state,
        after(10),
    )
    assert currents(oven) == {"a": 10}

    off = shared(
        home,
        {"a": drawing(10, after(20))},
        reading(15, at=after(20)),
        oven.state,
        after(20),
    )
    assert (currents(off), reasons(off)) == ({"a": 10}, {"a": "slow_rise"})

    later = shared(
        home,
        {"a": drawing(10, after(40))},
        reading(15, at=after(40)),
        off.state,
        after(40),
    )
    assert currents(later) == {"a": 19}


def test_a_house_that_varies_by_less_than_an_ampere_moves_nothing_twice() -> None:
    home = house(hysteresis_a=1.0)
    shares = shared(home, {"a": car(32)}, reading(5))
    given = {currents(shares)["a"]}
    for step in range(1, 100):
        now = after(20 * step)
        had = currents(shares)["a"]
        rest = 5.0 + (0.9 if step % 2 else 0.0)
        claims = {"a": drawing(had, now)}
        meter = reading(rest + had, at=now)
        shares = shared(home, claims, meter, shares.state, now)
        given.add(currents(shares)["a"])
    assert given == {19}


def test_what_a_car_does_not_take_goes_to_the_others_and_comes_back_at_once() -> None:
    home = house(20.0)
    both = {"a": drawing(10, NOON, wanted=16), "b": drawing(10, NOON, wanted=16)}
    first = shared(home, both)
    assert currents(first) == {"a": 10, "b": 10}

    # One takes 4 A, so 6 A are enough for it: it is lowered first.
    takes_4 = drawing(4, after(60), wanted=16, content_a=6, allowed_a=10)
    less = {"a": takes_4, "b": drawing(10, after(60), wanted=16)}
    second = shared(home, less, state=first.state, now=after(60))
    assert (currents(second), reasons(second)) == (
        {"a": 6, "b": 10},
        {"a": "unused", "b": "slow_rise"},
    )
    lowered = less | {"a": replace(takes_4, allowed_a=6)}
    third = shared(home, lowered, state=second.state, now=after(61))
    assert (currents(third), reasons(third)["a"]) == ({"a": 6, "b": 14}, "unused")

    # It takes all it has: the other gives way, and when it has, the first rises.
    more = drawing(6, after(70), wanted=16)
    grown = {"a": more, "b": drawing(14, after(70), wanted=16)}
    fourth = shared(home, grown, state=third.state, now=after(70))
    assert currents(fourth) == {"a": 6, "b": 10}
    grown["b"] = drawing(10, after(72), wanted=16)
    last = shared(home, grown, state=fourth.state, now=after(72))
    assert currents(last) == {"a": 10, "b": 10}


def test_what_nobody_else_can_use_stays_with_a_car_that_takes_less() -> None:
    takes_4 = drawing(4, NOON, wanted=16, content_a=6, allowed_a=10)
    alone = shared(house(13.0), {"a": takes_4})
    assert (currents(alone), reasons(alone)) == ({"a": 13}, {"a": "fuse"})
    enough = shared(house(32.0), {"a": takes_4, "b": car(16)})
    assert (currents(enough), set(reasons(enough).values())) == (
        {"a": 16, "b": 16},
        {"wanted"},
    )


def test_one_that_was_stopped_stays_so_for_a_while() -> None:
    home = house()
    charging = shared(home, {"a": car()}, reading(5))
    oven = shared(
        home,
        {"a": drawing(16, after(5))},
        reading(39, at=after(5)),
        charging.state,
        after(5),
    )
    assert currents(oven) == {"a": 0}
    claims = {"a": car(drawn_a=fuse(0), drawn_at=after(10))}
    state = oven.state
    for seconds, expected in ((20, 0), (60, 0), (120, 0), (125, 16)):
        now = after(seconds)
        shares = shared(home, claims, reading(5, at=now), state, now)
        assert currents(shares) == {"a": expected}, seconds
        state = shares.state


def test_one_that_asks_for_more_need_not_wait_for_what_is_free() -> None:
    home = house(hysteresis_a=1.0)
    shares = shared(home, {"a": car(0)}, reading(5))
    for seconds, wanted in ((1, 6), (7, 16), (13, 0), (19, 10)):
        now = after(seconds)
        claims = {"a": car(wanted, drawn_a=fuse(0), drawn_at=now)}
        shares = shared(home, claims, reading(5, at=now), shares.state, now)
        assert currents(shares) == {"a": wanted}, seconds
        assert reasons(shares) == {"a": "wanted"}


def test_what_one_lets_go_is_given_on_only_when_it_has_followed() -> None:
    home = house()
    first = shared(home, {"a": car(32)}, reading(0))
    assert currents(first) == {"a": 25}

    both = {"a": drawing(25, after(60)), "b": car(32, priority=1)}
    shares = shared(home, both, reading(25, at=after(60)), first.state, after(60))
    assert (currents(shares), reasons(shares)["b"]) == ({"a": 6, "b": 0}, "slow_rise")

    told = {"a": drawing(25, after(61), allowed_a=6.0), "b": both["b"]}
    shares = shared(home, told, reading(25, at=after(61)), shares.state, after(61))
    assert currents(shares) == {"a": 6, "b": 0}

    followed = {"a": drawing(6, after(64)), "b": both["b"]}
    shares = shared(home, followed, reading(6, at=after(66)), shares.state, after(66))
    assert currents(shares) == {"a": 6, "b": 19}


def test_a_car_that_has_not_followed_yet_is_not_cut_twice() -> None:
    home = house()
    shares = shared(home, {"a": drawing(16, NOON)}, reading(25))
    shares = shared(
        home,
        {"a": drawing(16, after(1))},
        reading(31, at=after(1)),
        shares.state,
        after(1),
    )
    assert currents(shares) == {"a": 10}
    for seconds in (2, 3, 4, 5):
        now = after(seconds)
        claims = {"a": drawing(16, after(1), allowed_a=10.0)}
        shares = shared(home, claims, reading(31, at=now), shares.state, now)
        assert currents(shares) == {"a": 10}, seconds


def test_a_charger_that_does_not_follow_takes_from_the_others() -> None:
    home = house()
    claims = {"a": car(10), "b": car(15)}
    shares = shared(home, claims, reading(0))
    assert currents(shares) == {"a": 10, "b": 15}
    claims = {
        "a": drawing(16, after(20), wanted=10, allowed_a=10.0, max_a=10.0),
        "b": drawing(15, after(20), wanted=15),
    }
    shares = shared(home, claims, reading(31, at=after(20)), shares.state, after(20))
    # 6 A more than it may: 19 A are left for the two.
    assert sum(currents(shares).values()) == 19


def test_an_overload_that_lasts_is_not_explained_by_what_a_charger_said_before() -> (
    None
):
    """It said 16 A half a minute ago, but draws 6: then 6 of the 22 A are its own."""
    home = house()
    shares = shared(home, {"a": drawing(16, NOON)}, reading(20))
    assert currents(shares)["a"] >= 16
    for seconds in range(30, 45):
        now = after(seconds)
        told = currents(shares)["a"]
        claims = {"a": drawing(16, NOON, allowed_a=told)}
        shares = shared(home, claims, reading(26, at=now), shares.state, now)
        if seconds < 40:
            assert currents(shares)["a"] >= 6, seconds
    assert currents(shares)["a"] == 0


def test_the_cars_own_change_is_not_taken_for_the_houses() -> None:
    """A car that goes on after a pause is in the meter before its charger tells."""
    home = house()
    shares = shared(home, {"a": drawing(16, NOON)}, reading(20))
    idle = {"a": drawing(16, after(10), drawn_a=fuse(0))}
    shares = shared(home, idle, reading(4, at=after(10)), shares.state, after(10))
    before = currents(shares)
    shares = shared(home, idle, reading(20, at=after(12)), shares.state, after(12))
    assert currents(shares) == before
    assert shares.rest_a["main"] == fuse(4)


def test_a_silent_meter_lowers_all_to_what_is_safe_and_says_so() -> None:
    home = house()
    shares = shared(home, {"a": car(32)}, reading(5))
    assert (currents(shares), shares.silent) == ({"a": 20}, frozenset())
    claims = {"a": drawing(20, after(61))}
    shares = shared(home, claims, reading(25), shares.state, after(61))
    assert (currents(shares), reasons(shares)) == ({"a": 6}, {"a": "meter_silent"})
    assert shares.silent == {"main"}
    back = {"a": drawing(6, after(100))}
    shares = shared(home, back, reading(11, at=after(100)), shares.state, after(100))
    assert (currents(shares), shares.silent) == ({"a": 20}, frozenset())


def test_a_meter_that_says_the_same_while_cars_change_is_frozen() -> None:
    home = house()
    shares = shared(home, {"a": drawing(6, NOON)}, reading(11))
    state = shares.state
    for seconds in range(10, 130, 10):
        now = after(seconds)
        claims = {"a": drawing(6 if seconds == 10 else 20, now)}
        shares = shared(home, claims, reading(11, at=now), state, now)
        state = shares.state
    assert shares.silent == {"main"}
    assert reasons(shares) == {"a": "meter_silent"}


def test_a_meter_that_told_a_change_before_the_charger_is_believed() -> None:
    """It tells whole amperes, so it says the same for minutes."""
    home = house()
    shares = shared(home, {"a": drawing(6, NOON)}, reading(11))
    for seconds in range(10, 130, 10):
        now = after(seconds)
        drawn = 6 if seconds == 10 else 16
        told = {"a": drawing(drawn, after(seconds - 5), allowed_a=16.0)}
        shares = shared(home, told, reading(21, at=now), shares.state, now)
        assert shares.silent == frozenset(), seconds
    assert shares.rest_a["main"] == fuse(5)


@pytest.mark.parametrize("told", [False, True], ids=["tells_nothing", "tells_the_same"])
def test_what_is_drawn_later_explains_nothing_of_what_a_meter_told(told: bool) -> None:
    """The car takes 3 A more; they are not in the 22 A, so the house still has 16."""
    home = house()
    shares = shared(home, {"a": drawing(6, NOON, wanted=16)}, reading(22))
    assert currents(shares) == {"a": 9}
    for seconds in range(10, 60, 10):
        now = after(seconds)
        claims = {"a": drawing(6 if seconds < 30 else 9, now, wanted=16, allowed_a=9)}
        meter = reading(22, at=now if told else after(10))
        shares = shared(home, claims, meter, shares.state, now)
        assert currents(shares) == {"a": 9}, seconds
        assert shares.rest_a["main"] == fuse(16)


def test_nobody_gets_more_twice_by_the_same_reading_or_before_all_have_followed() -> (
    None
):
    home = house()
    first = {"a": drawing(16, NOON, wanted=16), "b": drawing(6, NOON, wanted=6)}
    shares = shared(home, first, reading(22))
    state = shares.state
    assert currents(shares) == {"a": 16, "b": 6}
    had = {}
    for second, told, asked in (
        (40, 40, 6),  # one lets go of 10 A,
        (44, 44, 11),  # which the meter may not have told yet,
        (46, 44, 11),
        (47, 47, 11),  # and now it has.
        (90, 47, 16),
        (91, 91, 16),
    ):
        now = after(second)
        claims = {
            "a": drawing(6, now, wanted=6),
            "b": drawing(6, now, wanted=asked),
        }
        shares = shared(home, claims, reading(12, at=after(told)), state, now)
        state, had[second] = shares.state, currents(shares)["b"]
    assert had == {40: 6, 44: 6, 46: 6, 47: 11, 90: 11, 91: 16}


def test_the_meter_of_a_board_counts_for_the_board() -> None:
    home = house(garage=16)
    claims = {"a": car(32, **GARAGE)}
    meters = {"main": reading(2), "garage": reading(7)}
    shares = share(home, claims, meters, SharingState(), NOON)
    assert currents(shares) == {"a": 9}
    assert shares.allowed["a"].circuit == "garage"
    with pytest.raises(ValueError, match="no such circuit"):
        share(home, claims, {"attic": reading(7)}, SharingState(), NOON)


@pytest.mark.parametrize(
    ("circuits", "said"),
    [
        ([], "one circuit is the main fuse"),
        ([("a", None), ("b", None)], "one circuit is the main fuse"),
        ([("a", None), ("a", None)], "same key"),
        ([("a", None), ("b", "c"), ("c", "b")], "feeds itself"),
        ([("a", None), ("b", "x")], "no circuit x"),
    ],
)
def test_circuits_are_one_tree(
    circuits: list[tuple[str, str | None]], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        Circuits(
            Circuit(key=key, limit_a=fuse(16), parent=parent)
            for key, parent in circuits
        )


@pytest.mark.parametrize(
    "limit", [(0, 0, 0), (-1, 5, 5), (float("inf"), 5, 5), (float("nan"), 5, 5), (5,)]
)
def test_a_fuse_bears_something(limit: Any) -> None:
    with pytest.raises(ValueError, match="circuit a"):
        Circuit(key="a", limit_a=limit)


@pytest.mark.parametrize(
    "wrong",
    [
        {"min_a": 0.0},
        {"min_a": 33.0},
        {"step_a": 0.0},
        {"phases": ()},
        {"phases": (1, 1)},
        {"phases": (4,)},
        {"drawn_a": fuse(1)},
    ],
)
def test_a_claim_that_no_car_has_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"current|phases|drawn"):
        car(**wrong)
