"""What can happen to a run's folder on a disk: every kind of damage under a name, for tests that range over it."""

import json
import math
import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from core.runs import store
from core.runs.config import FineTuneConfig, LinearFitConfig
from core.runs.events import Evaluated, Finished, Fitted, Fitting, LinearStep, Step, Stopped
from core.runs.folder import RunFolder
from core.runs.writer import RunWriter
from tests.conftest import ROOT
from tests.samples import STARTED

STEPS = [Step(step=n, loss=2 / n, learning_rate=0.01, seconds=n / 4, images=32) for n in range(1, 40)]
LINE_STEPS = [LinearStep(step=n, loss=2 / n, weight=1.0, bias=2.0, seconds=n / 1000) for n in range(1, 20)]
SCORED = Evaluated(split="validation", epoch=1, step=57, loss=0.5, accuracy=0.8, seconds=15, best=True)
FINISHED = Finished(best_epoch=1, best_accuracy=0.8, test_accuracy=0.84, seconds=20.0)
FITTED = Fitted(weight=1.0, bias=2.0, loss=0.5, seconds=0.5)
HOSTILE: list[Any] = [
    *(None, True, -1, 0, 0.5, 2**60, -(10**400), 10**400, 1e308, math.nan, -math.inf),
    *("", "x" * 10_000, "half \ud83d", "\0", "../../x", "cuda:99999999999", "2026-11-26", "[x](javascript:alert(1))"),
    *([], [[]], [1, "x"], {}, {"a": {}}, [["20260101-000000-abcdef"] * 9]),
]


def make_runs(home: Path) -> list[RunFolder]:
    """A run in every state: finished, stopped, in mid-run, two that race, a linear fit, and two of the first format."""
    made: list[RunFolder] = []
    for last in ([SCORED, FINISHED], [SCORED, Stopped(step=39)], [SCORED]):
        folder = store.new_folder(home)
        folder.write_description(FineTuneConfig(epochs=2), name="mine", created=0.0, queue="cpu")
        _write(folder, [STARTED, *STEPS, *last])
        made.append(folder)
    lanes = [store.new_folder(home) for _ in range(2)]
    for lane in lanes:
        ids = tuple(folder.id for folder in lanes)
        lane.write_description(FineTuneConfig(epochs=2), name="lane", created=0.0, queue="cpu", race=ids)
        _write(lane, [STARTED, *STEPS, SCORED, FINISHED])
    line = store.new_folder(home)
    line.write_description(LinearFitConfig(epochs=19), name="line", created=0.0, queue="helper")
    _write(line, [Fitting(epochs=19), *LINE_STEPS, FITTED])
    old = [shutil.copytree(path, home / "runs" / path.name, ignore=shutil.ignore_patterns("*.pt")) for path in _OLD]
    return [*made, *lanes, line, *map(RunFolder, old)]


_OLD = sorted((ROOT / "tests" / "data" / "format_1" / "runs").iterdir())


def _write(folder: RunFolder, run_events: list[Any]) -> None:
    (folder.checkpoints / "best.pt").write_bytes(b"weights")
    folder.lock.touch()
    with RunWriter(folder) as writer:
        for event in run_events:
            writer.append(event)


Damage = Callable[[RunFolder, Random], None]


def _in_place_of(name: str, put: Callable[[Path], object]) -> Damage:
    """Something else where a file should be."""

    def damage(folder: RunFolder, _: Random) -> None:
        path = folder.path / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        path.unlink(missing_ok=True)
        path.parent.mkdir(exist_ok=True)
        put(path)

    return damage


def _bind_socket(path: Path) -> None:
    here = os.getcwd()
    os.chdir(path.parent)  # a socket's path may have some 100 letters
    try:
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(path.name)
    finally:
        os.chdir(here)


def _grow(path: Path) -> None:
    with open(path, "wb") as file:
        file.truncate(2**40)


_OTHERS: dict[str, Callable[[Path], object]] = {
    "nothing": lambda path: None,
    "an empty file": Path.touch,
    "a folder": Path.mkdir,
    "a pipe": os.mkfifo,
    "a socket": _bind_socket,
    "a loop of links": lambda path: path.symlink_to(path.name),
    "a link to nowhere": lambda path: path.symlink_to("nowhere"),
    "a device": lambda path: path.symlink_to("/dev/zero"),
    "a huge file": _grow,
    "rubbish": lambda path: path.write_bytes(Random(0).randbytes(5_000)),
}
_FILES = ("config.json", "events.jsonl", "steps-1.bin", "lock", "control", "worker.log", "checkpoints")


def _describe(change: Callable[[dict[str, Any], Random], object]) -> Damage:
    """A change to what `config.json` says."""

    def damage(folder: RunFolder, random: Random) -> None:
        path = folder.path / "config.json"
        description = json.loads(path.read_text())
        change(description, random)
        path.write_text(json.dumps(description))

    return damage


def _tell(change: Callable[[list[dict[str, Any]], Random], object]) -> Damage:
    """A change to the events."""

    def damage(folder: RunFolder, random: Random) -> None:
        told = [json.loads(line) for line in folder.events.read_text().splitlines()]
        change(told, random)
        folder.events.write_text("".join(json.dumps(event) + "\n" for event in told))

    return damage


def _set_any(values: dict[str, Any], random: Random) -> None:
    values[random.choice(sorted(values))] = random.choice(HOSTILE)


def _remove_in_event(told: list[dict[str, Any]], random: Random) -> None:
    for event in told:
        _remove_any(event, random)


def _set_in_event(told: list[dict[str, Any]], random: Random) -> None:
    for event in told:
        _set_any(event, random)
        event["event"] = random.choice([event["event"], "Started", "Finished", "Fitted"])


def _remove_any(values: dict[str, Any], random: Random) -> None:
    del values[random.choice(sorted(values))]


def _zero(told: list[dict[str, Any]], _: Random) -> None:
    for event in told:
        event.update({name: 0 for name, value in event.items() if isinstance(value, int)})


def _time(told: list[dict[str, Any]], random: Random) -> None:
    for event in told:
        event["time"] = random.choice([10**400, -1, "now", None, math.nan, 1e300])


def _add_line(*lines: bytes) -> Damage:
    def damage(folder: RunFolder, random: Random) -> None:
        with folder.events.open("ab") as file:
            file.write(random.choice(lines))

    return damage


def _cut(name: str) -> Damage:
    def damage(folder: RunFolder, random: Random) -> None:
        path = folder.path / name
        os.truncate(path, random.randrange(path.stat().st_size))

    return damage


def _flip(name: str) -> Damage:
    """Some bytes that the disk has lost."""

    def damage(folder: RunFolder, random: Random) -> None:
        path = folder.path / name
        contents = bytearray(path.read_bytes())
        for _ in range(20):
            contents[random.randrange(len(contents))] = random.randrange(256)
        path.write_bytes(contents)

    return damage


def _repeat_keys(folder: RunFolder, _: Random) -> None:
    text = (folder.path / "config.json").read_text().rstrip().removesuffix("}")
    (folder.path / "config.json").write_text(f'{text}, "kind": [], "name": {{}}}}')


def _strange_steps(folder: RunFolder, random: Random) -> None:
    for name in ("steps-٣.bin", "steps-²-x.bin", f"steps-{'9' * 200}.bin", "steps-0.bin", "steps-01.bin"):
        (folder.path / name).write_bytes(random.randbytes(100))
    (folder.path / "steps-2.bin").mkdir()


def _wrong_numbers(folder: RunFolder, random: Random) -> None:
    """Records of the right length whose numbers no training writes."""
    record = bytearray(folder.steps(1).read_bytes()[:72])
    for position in range(0, 64, 8):
        record[position : position + 8] = random.choice([b"\xff" * 8, b"\0" * 6 + b"\xf0\x7f", b"\0" * 8])
    with folder.steps(1).open("ab") as file:
        file.write(record)


def _many_folders(folder: RunFolder, _: Random) -> None:
    os.makedirs(folder.path.joinpath(*["x"] * 200))


KINDS: dict[str, Damage] = {
    **{
        f"{what} in place of {name}": _in_place_of(name, put)
        for name in _FILES
        for what, put in _OTHERS.items()
        if (name, what) != ("config.json", "nothing")  # then it is no run
    },
    "brackets in the description": _in_place_of("config.json", lambda path: path.write_text("[" * 100_000)),
    "any value in the description": _describe(_set_any),
    "nothing in the description": _describe(_remove_any),
    "any setting": _describe(lambda values, random: _set_any(values["config"], random)),
    "no setting": _describe(lambda values, random: _remove_any(values["config"], random)),
    "a list for a kind": _describe(lambda values, _: values.update(kind=[])),
    "another kind": _describe(lambda values, _: values.update(kind="linear_fit", config={})),
    "a foreign race": _describe(lambda values, _: values.update(race=[path.name for path in _OLD])),
    "half a letter": _describe(lambda values, _: values.update(name="half \ud83d\0", queue="\ud83d")),
    "a way out of the folder": _describe(lambda values, _: values.update(queue="../../../etc")),
    "keys that come twice": _repeat_keys,
    "a description that is cut off": _cut("config.json"),
    "a description with flipped bytes": _flip("config.json"),
    "any value in the events": _tell(_set_in_event),
    "nothing in an event": _tell(_remove_in_event),
    "zeros in the events": _tell(_zero),
    "times that cannot be": _tell(_time),
    "events in disorder": _tell(lambda told, random: random.shuffle(told)),
    "events that come twice": _tell(lambda told, _: told.extend(told)),
    "brackets in the events": _add_line(b"[" * 100_000 + b"\n", b'{"event":' * 50_000 + b"\n", b"\0" * 5_000 + b"\n"),
    "an event of another kind of run": _add_line(
        b'{"event": "Fitted", "weight": 1, "bias": 1, "loss": 1, "seconds": 1}\n',
        b'{"event": "Finished", "best_epoch": 1, "best_accuracy": 1, "test_accuracy": 1, "seconds": 1}\n',
        b'{"event": "Fitting", "epochs": 1}\n',
    ),
    "events that are cut off": _cut("events.jsonl"),
    "events with flipped bytes": _flip("events.jsonl"),
    "steps that are cut off": _cut("steps-1.bin"),
    "steps with flipped bytes": _flip("steps-1.bin"),
    "steps under strange names": _strange_steps,
    "steps that cannot be": _wrong_numbers,
    "folders within folders": _many_folders,
    "a folder for the best checkpoint": _in_place_of("checkpoints/best.pt", Path.mkdir),
}
