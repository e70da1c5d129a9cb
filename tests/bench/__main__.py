"""The benchmarks: one line each with figure, target and verdict. Exits with 1 where a target is missed.

    python -m tests.bench [NAME ...] [--device cpu|cuda:0] [--json]

Close what else is running first: figures of a busy machine say nothing.
"""

import argparse
import json
import os
import platform
import sys
from dataclasses import asdict

parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Measure speed against its targets.")
parser.add_argument("names", nargs="*", help="which to run; all by default")
parser.add_argument("--device", default="cpu", help="cpu (default), cuda or cuda:0")
parser.add_argument("--json", action="store_true", help="print one JSON document instead of lines")
arguments = parser.parse_args()
device = "cuda:0" if arguments.device == "cuda" else arguments.device
if device == "cpu":
    os.environ["CUDA_VISIBLE_DEVICES"] = ""  # what the page calls "automatic" is then the CPU, too

from core.device import probe  # noqa: E402
from tests.bench.measures import MEASURES, Figure  # noqa: E402

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
    for figure in MEASURES[name](device):
        figures.append(figure)
        if not arguments.json:
            print(figure, flush=True)
if arguments.json:
    print(
        json.dumps({"machine": machine, "figures": [{**asdict(figure), "is_met": figure.is_met} for figure in figures]})
    )
sys.exit(0 if all(figure.is_met for figure in figures) else 1)
