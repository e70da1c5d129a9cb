"""The benchmarks: one line each with figure, target and verdict. Exits with 1 where a target is missed.

    python -m tests.bench [NAME ...] [--device cpu|cuda:0] [--json] [options of single ones]

Close what else is running first: figures of a busy machine say nothing.
"""

import argparse
import importlib
import inspect
import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial
from typing import Any

from tests.bench.figures import Figure
from tests.bench.machine import machine, versions

# By module, so that those of training run where no browser can be driven.
MEASURES = {
    "default_run": "pages",
    "cold_start": "pages",
    "plain_loop": "training",
    "known_features": "features",
    "cached_cut": "features",
    "polling_tick": "pages",
    "event_stream": "training",
    "dropped_photo": "pages",
    "dropped_zip": "pages",
    "linear_fit": "pages",
    "inspector": "pages",
    "runs_page": "pages",
    "hostile_files": "files",
    "other_viewer": "files",
    "packing": "data",
    "packed_epoch": "data",
    "packed_memory": "data",
    "cifar10": "data",
    "lightning": "against_lightning",
    "recipes": "recipes",
}
# One installs packages, the other trains for hours and has no target.
ONLY_BY_NAME = ("lightning", "recipes")
Measure = Callable[..., Iterator[Figure | str]]  # texts are printed as they are


def _at_least_one(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {number}")
    return number


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Measure speed against its targets.")
    everything = f"which to run; by default all but {' and '.join(ONLY_BY_NAME)}"
    parser.add_argument("names", nargs="*", metavar="NAME", help=everything)
    parser.add_argument("--device", default="cpu", help="cpu (default), cuda or cuda:0")
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of lines")
    # Each is a parameter of the benchmarks that take it, where its default stands.
    own = parser.add_argument_group("options of single benchmarks", argument_default=argparse.SUPPRESS)
    own.add_argument(
        "--image-size", type=_at_least_one, metavar="PIXELS", help="for training; small ones only try a benchmark"
    )
    own.add_argument("--seeds", type=_at_least_one, metavar="NUMBER", help="recipes: how many, from 0 on (default 3)")
    own.add_argument(
        "--only",
        nargs="*",
        metavar="PRESET/WAY",
        help="recipes: train these alone, such as quick/full, or none: the table then is of what is in the results",
    )
    own.add_argument(
        "--results", metavar="FILE", help="recipes: keep each run here; what is there is not trained again"
    )
    own.add_argument("--write", action="store_true", help="recipes: put the table into docs/recipes.md")
    own.add_argument(
        "--environment", metavar="FOLDER", help="lightning: where to install it, or where it is from an earlier time"
    )
    return parser


def _measures(parser: argparse.ArgumentParser, arguments: dict[str, Any]) -> Iterator[Measure]:
    """Those that were asked for, with the options that they take."""
    names = arguments.pop("names") or [name for name in MEASURES if name not in ONLY_BY_NAME]
    if unknown := set(names) - set(MEASURES):
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}; there are {', '.join(MEASURES)}")
    found = [getattr(importlib.import_module(f"tests.bench.{MEASURES[name]}"), name) for name in names]
    taken = [inspect.signature(measure).parameters for measure in found]
    for option in arguments:
        if not any(option in own for own in taken):
            parser.error(f"none of {', '.join(names)} takes --{option.replace('_', '-')}")
    for measure, own in zip(found, taken, strict=True):
        yield partial(measure, **{name: value for name, value in arguments.items() if name in own})


def main() -> None:
    """Read the command line, measure and say what was measured."""
    parser = _parser()
    arguments = vars(parser.parse_args())
    device, as_json = arguments.pop("device"), arguments.pop("json")
    device = "cuda:0" if device == "cuda" else device
    if device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""  # what the page calls "automatic" is then the CPU, too
    if (label := machine(device)) is None:
        parser.error(f"this machine has no device {device}")
    measures = [*_measures(parser, arguments)]
    measured: list[Figure | str] = []
    if not as_json:
        print(f"on {label}, {versions()}")
    for measure in measures:
        for result in measure(device):
            measured.append(result)
            if not as_json:
                print(result, flush=True)
    figures = [result for result in measured if isinstance(result, Figure)]
    if as_json:
        texts = [result for result in measured if isinstance(result, str)]
        listed = [{**asdict(figure), "is_met": figure.is_met} for figure in figures]
        print(json.dumps({"machine": f"{label}, {versions()}", "figures": listed, "texts": texts}))
    sys.exit(0 if all(figure.is_met for figure in figures) else 1)


if __name__ == "__main__":
    main()
