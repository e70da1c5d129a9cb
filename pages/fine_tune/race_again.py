"""A race that was, as the form has it: what its runs share, and what each has of its own."""

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from core.models.blocks import blocks_of
from core.models.catalog import ARCHITECTURES
from core.runs.config import FineTuneConfig
from pages.fine_tune import lane_address
from pages.fine_tune.lane_address import CAN_DIFFER
from pages.fine_tune.lane_form import settings_of_lane
from pages.fine_tune.settings import settled, without_effect
from pages.fine_tune.values import open_with


def open_race(configs: Sequence[FineTuneConfig]) -> NoReturn:
    """Go to the form with this race filled in."""
    form, lanes = as_form([config.to_dict() for config in configs])
    open_with(form, lane_address.write(lanes))


def as_form(runs: Sequence[Mapping[str, Any]]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What the form says of all these runs, and what each has of its own, so that they would be begun again. Pure."""
    form = {name: _first_that_counts(name, runs) for name in runs[0]} | {"mode": "race"}
    for name in ("architecture", "weights", "weights_file"):  # they go together
        form[name] = runs[0][name]
    if not all(run["architecture"] in ARCHITECTURES for run in runs):  # it will be said
        return form, [_that_differs(run, form) for run in runs]
    form = settled(form)
    form["depth"] = min(form["depth"], len(blocks_of(form["architecture"])) - 1)
    return form, [_own(run, form) for run in runs]


def _that_differs(run: Mapping[str, Any], form: Mapping[str, Any]) -> dict[str, Any]:
    names = ["learning_rate", *CAN_DIFFER]
    return {"mode": run["mode"]} | {name: run[name] for name in names if run[name] != form[name]}


def _first_that_counts(name: str, runs: Sequence[Mapping[str, Any]]) -> Any:
    """A setting of the first run in which it has an effect."""
    return next((run[name] for run in runs if name not in without_effect(run)), runs[0][name])


def _own(run: Mapping[str, Any], form: Mapping[str, Any]) -> dict[str, Any]:
    """What a run has of its own. Some settings count only with others: so all are looked at again after each."""
    own = {"mode": run["mode"]}
    while name := _next_of_its_own(run, settings_of_lane(form, own), own):
        own[name] = run[name]
        if name == "weights_file":
            own["weights"] = run["weights"]
    if own.get("weights") == "file":
        own["weights_file"] = run["weights_file"]
    idle = without_effect(run)  # now that all is known that it hangs on
    return {name: value for name, value in own.items() if name not in idle}


def _next_of_its_own(run: Mapping[str, Any], said: Mapping[str, Any], own: Mapping[str, Any]) -> str | None:
    names = (name for name in ("learning_rate", *CAN_DIFFER) if name not in own)
    return next((name for name in names if said[name] != run[name]), None)
