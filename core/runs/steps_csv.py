"""Every step of fine-tunings as a table for a spreadsheet. Pure; names of runs are data there, too."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.cells import harmless
from core.runs.events import Evaluated
from core.runs.positions import images_seen

COLUMNS = (
    *("step", "epoch", "images", "seconds", "loss", "learning_rate"),
    *("validation_loss", "validation_accuracy"),
)
_ROWS_AT_ONCE = 2_000


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """What is known of a run."""

    label: str
    steps: NDArray[np.void]
    validations: Sequence[Evaluated]
    steps_per_epoch: int


def as_csv(runs: Sequence[Recorded]) -> Iterator[str]:
    """A line for each step, in portions; of several runs one after the other, each line with its run's label.

    Images and seconds are those since the run began. An epoch's validation stands at its last step.
    """
    labels = [[harmless(run.label)] if len(runs) > 1 else [] for run in runs]
    yield _lines([[*(["run"] if len(runs) > 1 else []), *COLUMNS]])
    for run, label in zip(runs, labels, strict=True):
        seen = images_seen(run.steps)
        scored = {event.epoch * run.steps_per_epoch: [event.loss, event.accuracy] for event in run.validations}
        for start in range(0, len(run.steps), _ROWS_AT_ONCE):
            part = slice(start, start + _ROWS_AT_ONCE)
            steps = run.steps[part]
            columns = (
                steps["step"].tolist(),
                ((steps["step"].astype(np.int64) - 1) // run.steps_per_epoch + 1).tolist(),
                [f"{images:.0f}" for images in seen[part].tolist()],
                *(steps[name].tolist() for name in ("seconds", "loss", "learning_rate")),
            )
            yield _lines([*label, *row, *scored.get(row[0], ["", ""])] for row in zip(*columns, strict=True))


def _lines(rows: Any) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()
