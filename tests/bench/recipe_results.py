"""The results of single trainings, kept in a file of JSON lines, so that a benchmark that is cut off goes on."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from core.runs.config import FineTuneConfig
from tests.bench.one_training import Outcome


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """What decides, beside the settings, what comes of a training, and how soon."""

    machine: str
    versions: str


@dataclass(frozen=True, kw_only=True)
class Result:
    """What came of one training."""

    settings: dict[str, Any]  # all of them, its seed too
    conditions: Conditions
    day: str  # as in 2025-01-31
    outcome: Outcome


class Results:
    """Those of a file, and those that are added to it; without a file, of this process alone.

    A training is known by all its settings and its conditions: once a preset has changed, it is trained anew.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        text = path.read_text(errors="replace") if path is not None and path.exists() else ""
        self._results = [*_read(text)]
        self._is_torn = bool(text) and not text.endswith("\n")

    def of(self, config: FineTuneConfig, conditions: Conditions) -> Result | None:
        """The newest of a training, if there is one."""
        settings = config.to_dict()
        found = (result for result in reversed(self._results) if result.settings == settings)
        return next((result for result in found if result.conditions == conditions), None)

    def add(self, result: Result) -> None:
        """Keep one."""
        self._results.append(result)
        if self._path is not None:
            with open(self._path, "a") as file:
                file.write("\n" * self._is_torn + json.dumps(asdict(result)) + "\n")
            self._is_torn = False


def _read(text: str) -> Iterator[Result]:
    """Those of all lines that are whole: the last one may have been cut off."""
    for line in text.splitlines():
        try:
            values = json.loads(line)
            about = {"conditions": Conditions(**values["conditions"]), "outcome": Outcome(**values["outcome"])}
            settings = FineTuneConfig.recorded(values["settings"]).to_dict()  # younger settings have their defaults
            yield Result(**{**values, **about, "settings": settings})
        except (ValueError, TypeError, KeyError):
            continue
