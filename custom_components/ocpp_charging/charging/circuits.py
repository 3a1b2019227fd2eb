"""A house's fuses: the main one, and the circuits below it, as a tree."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import isfinite

type Phases = tuple[float, float, float]
"""A value for each phase of the house, L1 first. Currents in A."""

NOTHING: Phases = (0.0, 0.0, 0.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Circuit:
    """A fuse, and what it bears on each phase of the house, in A.

    0 is a phase that the circuit doesn't have. Raises `ValueError` for what no fuse is.
    """

    key: str
    limit_a: Phases
    parent: str | None = None
    """The circuit that feeds it. None: it is the main fuse."""

    def __post_init__(self) -> None:
        """Refuse what no fuse is."""
        if len(self.limit_a) != 3:
            raise ValueError(f"circuit {self.key}: a limit for each of three phases")
        if any(not isfinite(limit) or limit < 0 for limit in self.limit_a):
            raise ValueError(f"circuit {self.key}: a limit is 0 A or more")
        if not any(self.limit_a):
            raise ValueError(f"circuit {self.key}: one phase at least bears current")


@dataclass(frozen=True)
class Circuits:
    """All circuits of a house. Raises `ValueError` unless they are one tree."""

    circuits: tuple[Circuit, ...]

    def __init__(self, circuits: Iterable[Circuit]) -> None:
        """Take circuits in any order."""
        object.__setattr__(self, "circuits", tuple(circuits))
        if len(self.by_key) != len(self.circuits):
            raise ValueError("two circuits have the same key")
        roots = [circuit.key for circuit in self.circuits if circuit.parent is None]
        if len(roots) != 1:
            raise ValueError(f"one circuit is the main fuse, not {len(roots)}")
        for circuit in self.circuits:
            self.path(circuit.key)

    @cached_property
    def by_key(self) -> Mapping[str, Circuit]:
        """Return the circuits by their keys."""
        return {circuit.key: circuit for circuit in self.circuits}

    @property
    def main(self) -> Circuit:
        """Return the main fuse."""
        return next(circuit for circuit in self.circuits if circuit.parent is None)

    def path(self, key: str) -> tuple[Circuit, ...]:
        """Return a circuit and all that feed it, the main fuse last.

        Raises `ValueError` for a key or a parent that isn't there, and for a cycle.
        """
        found: dict[str, Circuit] = {}
        at: str | None = key
        while at is not None:
            if at in found:
                raise ValueError(f"circuit {at} feeds itself")
            if at not in self.by_key:
                raise ValueError(f"there is no circuit {at}")
            found[at] = self.by_key[at]
            at = found[at].parent
        return tuple(found.values())
