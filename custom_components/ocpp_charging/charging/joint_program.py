"""A mixed-integer program, and HiGHS to solve it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import highspy

NODES = 2000
"""How many nodes are searched at most. A count ends a search in the same way on every
machine; the time limit is only for machines that are too slow for it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Solved:
    """What HiGHS found."""

    values: Sequence[float]
    """Of each column."""
    cost: float
    bound: float
    """What no solution can be below."""


@dataclass(slots=True)
class Program:
    """Columns with a cost and bounds, rows with bounds: the least cost is wanted."""

    costs: list[float] = field(default_factory=list)
    lower: list[float] = field(default_factory=list)
    upper: list[float] = field(default_factory=list)
    whole: list[bool] = field(default_factory=list)
    row_lower: list[float] = field(default_factory=list)
    row_upper: list[float] = field(default_factory=list)
    starts: list[int] = field(default_factory=lambda: [0])
    places: list[int] = field(default_factory=list)
    factors: list[float] = field(default_factory=list)

    def column(
        self,
        *,
        cost: float = 0.0,
        low: float = 0.0,
        high: float = inf,
        whole: bool = False,
    ) -> int:
        """Add a variable and return its place."""
        self.costs.append(cost)
        self.lower.append(low)
        self.upper.append(high)
        self.whole.append(whole)
        return len(self.costs) - 1

    def row(
        self, terms: list[tuple[int, float]], *, low: float = -inf, high: float = inf
    ) -> None:
        """Bound a sum of variables; none is named twice."""
        for place, factor in terms:
            self.places.append(place)
            self.factors.append(factor)
        self.starts.append(len(self.places))
        self.row_lower.append(low)
        self.row_upper.append(high)

    def solve(
        self,
        *,
        time_limit_s: float,
        gap: float,
        start: Sequence[float] | None = None,
        checks: int | None = None,
    ) -> Solved | None:
        """Return the best solution that is found, None when there is none.

        It ends when it costs at most `gap` more than the bound, in the unit of cost.
        `start` is a solution to begin with. `checks` ends it after so many of the
        solver's own halts, which come in the same places on every machine.
        """
        # Half a second and 30 MB, which only houses with several cars need.
        import highspy  # noqa: PLC0415

        solver = highspy.Highs()  # type: ignore[no-untyped-call]
        for name, value in (
            ("output_flag", False),
            ("threads", 1),
            ("random_seed", 0),
            ("time_limit", max(0.01, time_limit_s)),
            ("mip_rel_gap", 0.0),
            ("mip_abs_gap", gap),
            ("mip_max_nodes", NODES),
        ):
            solver.setOptionValue(name, value)
        solver.passModel(self._model())
        if start is not None:
            solution = highspy.HighsSolution()
            solution.col_value = list(start)
            solver.setSolution(solution)
        if checks is not None:
            left = iter(range(checks))

            def ended(event: highspy.HighsCallbackEvent) -> None:
                if next(left, None) is None:
                    event.interrupt()

            solver.cbMipInterrupt += ended
        solver.run()
        info = solver.getInfo()
        if (
            info.primal_solution_status
            != highspy.SolutionStatus.kSolutionStatusFeasible
        ):
            return None
        cost = float(info.objective_function_value)
        bound = float(info.mip_dual_bound) if any(self.whole) else cost
        return Solved(
            values=solver.getSolution().col_value, cost=cost, bound=min(bound, cost)
        )

    def relaxed(self) -> tuple[Sequence[float], Sequence[float]]:
        """Return the best solution when nothing is whole, and its prices.

        A row's price is what one more of its bound costs. Empty when there is none.
        """
        import highspy  # noqa: PLC0415

        solver = highspy.Highs()  # type: ignore[no-untyped-call]
        for name, value in (("output_flag", False), ("threads", 1), ("random_seed", 0)):
            solver.setOptionValue(name, value)
        model = self._model()
        model.integrality_ = []
        solver.passModel(model)
        solver.run()
        if solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            return (), ()
        solution = solver.getSolution()
        return solution.col_value, solution.row_dual

    def _model(self) -> highspy.HighsLp:
        """Return the program in HiGHS's words."""
        import highspy  # noqa: PLC0415

        model = highspy.HighsLp()
        model.num_col_ = len(self.costs)
        model.num_row_ = len(self.row_lower)
        model.col_cost_ = self.costs
        model.col_lower_ = self.lower
        model.col_upper_ = self.upper
        model.row_lower_ = self.row_lower
        model.row_upper_ = self.row_upper
        model.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        model.a_matrix_.start_ = self.starts
        model.a_matrix_.index_ = self.places
        model.a_matrix_.value_ = self.factors
        model.integrality_ = [
            highspy.HighsVarType.kInteger if one else highspy.HighsVarType.kContinuous
            for one in self.whole
        ]
        return model
