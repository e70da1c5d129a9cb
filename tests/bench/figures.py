"""A measured number, and a home that is gone afterwards: what all benchmarks share."""

import os
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One measured number and what it should be."""

    name: str
    value: float
    unit: str
    target: float
    more_is_better: bool = False
    runs: tuple[float, ...] = ()  # that it is the median of, in their order

    @classmethod
    def median(
        cls, runs: Sequence[float], *, name: str, unit: str, target: float, more_is_better: bool = False
    ) -> "Figure":
        """The median of several runs, which are told with it."""
        return cls(
            name=name,
            value=statistics.median(runs),
            unit=unit,
            target=target,
            more_is_better=more_is_better,
            runs=tuple(runs),
        )

    @property
    def is_met(self) -> bool:
        return self.value >= self.target if self.more_is_better else self.value <= self.target

    def __str__(self) -> str:
        sign, verdict = (">=" if self.more_is_better else "<="), ("ok" if self.is_met else "MISSED")
        line = f"{self.name:<58} {self.value:>9.3f} {self.unit:<9} target {sign} {self.target:g} {self.unit}  {verdict}"
        spread = f"  ({len(self.runs)} runs, {min(self.runs):.3f} to {max(self.runs):.3f})" if self.runs else ""
        return line + spread


@contextmanager
def temporary_home() -> Iterator[Path]:
    """An empty home for runs that is gone afterwards."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        os.environ["UNFREEZE_HOME"] = folder
        try:
            yield Path(folder)
        finally:
            del os.environ["UNFREEZE_HOME"]
