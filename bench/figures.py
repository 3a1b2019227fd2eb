"""Figures beside their limits, and what makes a bench fail.

A count, a ratio or a size is the same on every machine. A time is not: its limit is
that of the machine on which the limits were set, and is stretched on a slower one by
how much longer a fixed piece of Python takes there, measured in the same run.
"""

import argparse
import asyncio
from collections.abc import Callable, Coroutine
from functools import cache
import json
import sys
import time
from typing import Any

from .loop_watch import LoopWatch

YARDSTICK_MS = 5.5
"""What the yardstick takes on the machine on which the limits were set."""


def _yardstick() -> None:
    """Do what handling messages is made of: JSON, dicts, strings, calls."""
    seen: dict[str, int] = {}
    for number in range(2000):
        frame = [2, str(number), "MeterValues", {"value": str(number), "unit": "Wh"}]
        text = json.dumps(frame)
        payload = json.loads(text)[3]
        for key, value in payload.items():
            seen[f"{key}_{value}"] = len(value)


@cache
def slowness() -> float:
    """Return how many times slower this machine is, at least 1."""
    best = float("inf")
    for _ in range(7):
        began = time.process_time()
        _yardstick()
        best = min(best, time.process_time() - began)
    ratio = best * 1000 / YARDSTICK_MS
    return ratio if ratio > 1.1 else 1.0


class Report:
    """Prints figures under a title and remembers which exceed their limit."""

    def __init__(self, *, check: bool) -> None:
        """Begin with no figure; with `check`, `end` tells of a missed limit."""
        self._check = check
        self._missed: list[str] = []

    def title(self, text: str) -> None:
        """Print what the figures that follow are about."""
        print(f"{text}:", flush=True)

    def figure(
        self, name: str, value: float, unit: str = "", *, limit: float | None = None
    ) -> None:
        """Print a figure that is the same on every machine."""
        line = f"  {name:<44}{_number(value)} {unit}"
        if limit is not None:
            line = f"{line:<66} at most {_number(limit).strip()}"
            if value > limit:
                line += "  MISSED"
                self._missed.append(name)
        print(line.rstrip(), flush=True)

    def time(
        self, name: str, value: float, unit: str, *, limit: float | None = None
    ) -> None:
        """Print a time; its limit is stretched on a slow machine."""
        stretched = None if limit is None else limit * slowness()
        self.figure(name, value, unit, limit=stretched)

    def fault(self, text: str) -> None:
        """Print something that must not be at all."""
        print(f"  {text}  MISSED", flush=True)
        self._missed.append(text)

    def end(self) -> int:
        """Return the exit code: 1 when a limit was missed and that is asked for."""
        if slowness() > 1:
            print(f"Limits of times are those of a slow machine: x {slowness():.2f}")
        return 1 if self._check and self._missed else 0


def _number(value: float) -> str:
    return f"{value:10.3f}" if abs(value) < 10 else f"{value:10.1f}"


type Program = Callable[[Report, argparse.Namespace], Coroutine[Any, Any, None]]
type LoopFactory = Callable[[], asyncio.AbstractEventLoop]


def arguments(text: str | None) -> argparse.ArgumentParser:
    """Return a parser of what all programs take; `text` says what one measures."""
    parser = argparse.ArgumentParser(
        description=text, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--check", action="store_true", help="fail when a limit is missed"
    )
    return parser


def run(
    program: Program,
    parser: argparse.ArgumentParser,
    loop_factory: LoopFactory = LoopWatch.new_loop,
) -> None:
    """Run a program and exit as its report says."""
    options = parser.parse_args()
    report = Report(check=options.check)
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(program(report, options))
    sys.exit(report.end())
