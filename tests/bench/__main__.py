"""The benchmarks: one line each with figure, target and verdict. Exits with 1 where a target is missed.

    python -m tests.bench [NAME ...] [--device cpu|cuda:0] [--json]

Close what else is running first: figures of a busy machine say nothing.
"""

import argparse
import importlib
import json
import os
import platform
import sys
from dataclasses import asdict

# By module, so that those of training run where no browser can be driven.
MEASURES = {
    "default_run": "pages",
    "cold_start": "pages",
    "plain_loop": "training",
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
}
parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Measure speed against its targets.")
parser.add_argument("names", nargs="*", help="which to run; all by default")
parser.add_argument("--device", default="cpu", help="cpu (default), cuda or cuda:0")
parser.add_argument("--json", action="store_true", help="print one JSON document instead of lines")
arguments = parser.parse_args()
device = "cuda:0" if arguments.device == "cuda" else arguments.device
if device == "cpu":
    os.environ["CUDA_VISIBLE_DEVICES"] = ""  # what the page calls "automatic" is then the CPU, too

from core.devices import probe  # noqa: E402
from tests.bench.figures import Figure  # noqa: E402

unknown = set(arguments.names) - set(MEASURES)
if unknown:
    parser.error(f"no such benchmark: {', '.join(sorted(unknown))}; there are {', '.join(MEASURES)}")
label = next((info.label for info in probe() if info.name == device), None)
if label is None:
    parser.error(f"this machine has no device {device}")
machine = f"{label}, {platform.system()} {platform.machine()}, Python {platform.python_version()}"
figures: list[Figure] = []
if not arguments.json:
    print(f"on {machine}")
for name in arguments.names or MEASURES:
    measure = getattr(importlib.import_module(f"tests.bench.{MEASURES[name]}"), name)
    for figure in measure(device):
        figures.append(figure)
        if not arguments.json:
            print(figure, flush=True)
if arguments.json:
    print(
        json.dumps({"machine": machine, "figures": [{**asdict(figure), "is_met": figure.is_met} for figure in figures]})
    )
sys.exit(0 if all(figure.is_met for figure in figures) else 1)
