"""What each preset comes to for each way to fine-tune: accuracy and seconds on the bundled photos, with several seeds.

Needs no browser. A training is what a worker would do, see `one_training`. There is no target: the result is a table.
"""

import datetime
import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from core.runs.config import FineTuneConfig, Mode
from core.runs.presets import PRESETS
from tests.bench.machine import machine, versions
from tests.bench.one_training import train_apart
from tests.bench.recipe_results import Conditions, Result, Results
from tests.bench.recipe_table import table, write_below
from tests.conftest import ROOT

# The ways to fine-tune, by what they are called on the command line: the mode, and what else they set.
WAYS: dict[str, tuple[Mode, dict[str, Any]]] = {
    "frozen": ("frozen", {}),
    "last_stage": ("last_stage", {}),
    "gradual": ("last_stage", {"thaw_every": 1}),
    "full": ("full", {}),
}
_DOCUMENT = ROOT / "docs" / "recipes.md"


def recipes(
    device: str, *, seeds: int = 3, only: Sequence[str] | None = None, results: str | None = None, write: bool = False
) -> Iterator[str]:
    """The table, of this time's trainings and of those that `results` holds already.

    `only` names the cells to train; where it is empty, none is.
    """
    found = cells(device)
    if unknown := [name for name in only or () if name not in found]:
        sys.exit(f"There is no recipe {unknown[0]!r}: there are {', '.join(found)}.")
    conditions = Conditions(machine=str(machine(device)), versions=versions())
    kept = Results(Path(results) if results else None)
    measure([*found] if only is None else only, found, seeds, conditions, kept)
    of_cells = {
        name: [result for seed in range(seeds) if (result := kept.of(config.changed(seed=seed), conditions))]
        for name, config in found.items()
    }
    if not any(of_cells.values()):
        sys.exit("There is nothing to make a table of: no result of this machine, and of today's presets, is there.")
    text = table(found, of_cells, _command(device, seeds))
    if write:
        write_below(_DOCUMENT, text)
    yield f"The table is in {_DOCUMENT}." if write else text


def cells(device: str) -> dict[str, FineTuneConfig]:
    """The configuration of each preset for each way, as the form fills it in, by “preset/way”."""
    found = {
        f"{preset}/{way}": FineTuneConfig.of(**PRESETS[preset].settings(mode) | about, mode=mode, device=device)
        for preset in PRESETS
        for way, (mode, about) in WAYS.items()
    }
    # What is random and frozen has nothing to tell.
    return {name: config for name, config in found.items() if config.weights != "random" or not config.first_block}


def measure(
    names: Sequence[str], found: dict[str, FineTuneConfig], seeds: int, conditions: Conditions, kept: Results
) -> None:
    """Train what is not known yet; all cells with one seed, then with the next: a busy hour then costs all alike."""
    for seed in range(seeds):
        for name in names:
            config = found[name].changed(seed=seed)
            if kept.of(config, conditions):
                continue
            outcome = train_apart(config)
            today = datetime.date.today().isoformat()
            kept.add(Result(settings=config.to_dict(), conditions=conditions, day=today, outcome=outcome))
            accuracy = f"{100 * outcome.test_accuracy:.1f}% of the test photos"
            print(f"  {name}, seed {seed}: {accuracy}, {outcome.seconds:.1f} s", file=sys.stderr)


def _command(device: str, seeds: int) -> str:
    """What makes the whole table."""
    options = ["--seeds", str(seeds), *([] if device == "cpu" else ["--device", device])]
    return shlex.join(["python", "-m", "tests.bench", "recipes", *options])
