"""A race: every lane trains exactly as it would alone, and from the same start, whatever becomes of the others."""

import dataclasses
import os
import signal
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import zip_longest
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from core import driver
from core.data.batches import Batches
from core.lane import Lane
from core.runs import history, jobs, locks, store, workers
from core.runs.config import MAX_LANES, FineTuneConfig, check_race
from core.runs.events import Evaluated, Failed, Finished, Queued, RareEvent, Started, Step
from core.runs.folder import RunFolder
from core.runs.history import RaceStart
from core.runs.queue import DeviceQueue
from core.runs.race_names import default_names
from core.runs.snapshot import Snapshot
from core.runs.status import Status
from core.training.fine_tune import fine_tune
from core.training.state import TrainingState
from tests.conftest import follow, last_checkpoint, wait_until
from tests.samples import STARTED

FROZEN = FineTuneConfig(image_size=32, epochs=1, device="cpu", precision="float32", augmentation="random_resized_crop")
FULL = dataclasses.replace(FROZEN, mode="full")
LONG = dataclasses.replace(FROZEN, epochs=100)

in_a_process = pytest.mark.worker


@pytest.fixture(autouse=True)
def _clean(stop_workers: None) -> None:
    """No worker outlives its test."""


def started(run: Snapshot) -> Started:
    return next(event for event in run.events if isinstance(event, Started))


def wait_for_all(folders: list[RunFolder]) -> list[Snapshot]:
    wait_until(lambda: all(not follow(folder).status.is_live for folder in folders), timeout_s=120)
    return [follow(folder) for folder in folders]


def wait_for_steps(folders: list[RunFolder], count: int) -> None:
    wait_until(lambda: all(len(follow(folder).steps) >= count for folder in folders), timeout_s=120)


@in_a_process
@pytest.mark.long
def test_lanes_are_bit_identical_to_the_same_runs_alone_and_begin_alike(home: Path) -> None:
    lanes = wait_for_all(jobs.race(home, [FROZEN, FULL]))
    alone = [wait_for_all([jobs.start(home, config)])[0] for config in (FROZEN, FULL)]
    for lane, single in zip(lanes, alone, strict=True):
        assert lane.status is Status.FINISHED, lane.folder.log_tail(20)
        assert len(lane.steps) == 57
        assert np.array_equal(lane.steps["loss"], single.steps["loss"])
        scores = [
            [(event.split, event.loss, event.accuracy) for event in run.events if isinstance(event, Evaluated)]
            for run in (lane, single)
        ]
        assert scores[0] == scores[1]
    frozen, full = (started(lane) for lane in lanes)
    assert frozen.head_hash == full.head_hash != ""
    start = history.race_start([lane.events for lane in lanes])
    assert start is not None
    assert (start.head_hashes, start.epochs) == ((frozen.head_hash,), 1)
    assert start.rows_hash
    assert lanes[0].steps["loss"][0] != lanes[1].steps["loss"][0], "one network has its BatchNorm in eval mode"


@pytest.mark.long
@in_a_process
def test_lanes_take_turns_in_one_process_and_each_clock_counts_its_own_work(home: Path) -> None:
    folders = jobs.race(home, [FROZEN, FULL])
    lanes = wait_for_all(folders)
    assert len(workers.children()) <= 1
    assert [folder.race() for folder in folders] == [tuple(folder.id for folder in folders)] * 2
    seconds = [event.seconds for lane in lanes for event in lane.events if isinstance(event, Finished)]
    begun = max(lane.time_of(started(lane)) for lane in lanes)
    ended = max(lane.time_of(lane.events[-1]) for lane in lanes)
    assert sum(seconds) <= (ended - begun) * 1.05
    pids = [folder.log.read_text().split("worker ")[1].split()[0] for folder in folders]
    assert pids[0] == pids[1]
    assert all(folder.id in folder.log.read_text() for folder in folders)


def test_turns_in_one_process_do_not_disturb_each_other(tiny_data: object) -> None:
    configs = [FROZEN, FULL, FULL.changed(learning_rate=1e-3)]

    def losses(events: Iterable[object]) -> list[float]:
        return [event.loss for event in events if isinstance(event, Step)]

    turns = zip_longest(*(fine_tune(TrainingState.new(config)) for config in configs))
    for config, events in zip(configs, zip(*turns, strict=True), strict=True):
        alone = list(fine_tune(TrainingState.new(config)))
        assert losses(events) == losses(alone) != []


@pytest.mark.long
@in_a_process
def test_stopped_lanes_resume_together_and_one_that_is_killed_loses_nothing(home: Path) -> None:
    folders = jobs.race(home, [LONG, LONG.changed(learning_rate=1e-3)])
    wait_for_steps(folders, 5)
    for folder in folders:
        jobs.stop(folder)
    for lane in wait_for_all(folders):
        assert lane.status is Status.STOPPED
        assert last_checkpoint(lane.folder).is_file()
    before = [len(follow(folder).steps) for folder in folders]
    jobs.resume(home, *folders)
    wait_until(lambda: all(len(follow(f).steps) > count for f, count in zip(folders, before, strict=True)))
    os.kill(int(folders[0].log.read_text().rpartition("worker ")[2].split()[0]), signal.SIGKILL)
    for lane in wait_for_all(folders):
        assert lane.status is Status.INTERRUPTED
        assert lane.steps["step"].tolist() == list(range(1, len(lane.steps) + 1))


@in_a_process
def test_lane_can_be_stopped_alone_and_resumed_while_the_other_goes_on(home: Path) -> None:
    first, second = jobs.race(home, [LONG, LONG.changed(learning_rate=1e-3)])
    wait_for_steps([first, second], 5)
    jobs.stop(first)
    wait_until(lambda: follow(first).status is Status.STOPPED)
    jobs.resume(home, first)
    assert follow(first).status is Status.QUEUED, "the other lane has the device"
    count = len(follow(second).steps)
    wait_until(lambda: len(follow(second).steps) > count)
    for folder in (first, second):
        jobs.stop(folder)
    wait_for_all([first, second])


@pytest.mark.long
@in_a_process
def test_lane_that_fails_leaves_the_other_alone(home: Path, tmp_path: Path) -> None:
    missing = dataclasses.replace(FROZEN, weights="file", weights_file=str(tmp_path / "missing.pth"))
    failed, finished = wait_for_all(jobs.race(home, [missing, FROZEN]))
    assert isinstance(failed.last_event, Failed)
    assert "missing.pth" in failed.last_event.message
    assert finished.status is Status.FINISHED


@in_a_process
@pytest.mark.long
def test_race_waits_for_its_turn_as_one(home: Path) -> None:
    holder = jobs.start(home, dataclasses.replace(LONG, mode="full", image_size=64))
    lanes = jobs.race(home, [FROZEN, FULL])
    assert [type(follow(folder).last_event) for folder in lanes] == [Queued, Queued]
    jobs.stop(holder)
    for lane in wait_for_all(lanes):
        assert lane.status is Status.FINISHED


@in_a_process
@pytest.mark.long
def test_spare_worker_takes_a_whole_race(home: Path) -> None:
    workers.prepare()
    for lane in wait_for_all(jobs.race(home, [FROZEN, FROZEN.changed(learning_rate=1e-3)])):
        assert lane.status is Status.FINISHED


@pytest.mark.parametrize(
    ("configs", "sentence"),
    [
        ([FROZEN], "needs 2 to 4 runs, got 1"),
        ([FROZEN] * (MAX_LANES + 1), "got 5"),
        ([FROZEN, FROZEN], "the same settings twice"),
        ([FROZEN, dataclasses.replace(FULL, seed=1)], "seed must be the same"),
        ([FROZEN, dataclasses.replace(FULL, batch_size=16)], "batch_size must be the same"),
    ],
)
def test_what_cannot_race_is_refused_before_anything_is_written(
    home: Path, configs: list[FineTuneConfig], sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        check_race(configs)
    with pytest.raises(ValueError, match=sentence):
        jobs.race(home, configs)
    assert not list(store.newest(home))


def test_lanes_are_named_by_what_tells_them_apart() -> None:
    assert default_names([FROZEN, FULL]) == ["EfficientNet-Lite0, frozen", "EfficientNet-Lite0, full"]
    slower = FROZEN.changed(learning_rate=1e-3)
    assert default_names([FROZEN, slower]) == [
        "EfficientNet-Lite0, frozen, learning rate 0.01",
        "EfficientNet-Lite0, frozen, learning rate 0.001",
    ]


@pytest.mark.usefixtures("tiny_data")
def test_lane_that_is_stopped_while_it_prepares_leaves_the_others_alone(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (store.new_folder(home) for _ in range(2))
    for folder, config in ((first, FROZEN), (second, FULL)):
        folder.write_description(config, name="", created=0.0, queue="cpu", race=(first.id, second.id))
    new = TrainingState.new

    def slow(config: FineTuneConfig) -> TrainingState:
        if config.mode == "frozen":  # a download, during which the user stops this lane
            jobs.stop(first)
            wait_until(lambda: follow(first).status is Status.STOPPED)
        return new(config)

    monkeypatch.setattr(TrainingState, "new", slow)
    driver.work([Lane(folder, locks.hold(folder.lock)) for folder in (first, second)])
    assert follow(first).status is Status.STOPPED
    assert follow(second).status is Status.FINISHED, second.log_tail(20)


@pytest.mark.usefixtures("tiny_data")
def test_waiting_lane_does_not_slow_down_the_one_that_trains(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its device has been given to somebody else in between: it waits without sleeping in the other one's turns."""
    first, foreign, second = (store.new_folder(home) for _ in range(3))
    held = {folder: locks.hold(folder.lock) for folder in (first, foreign, second)}
    for folder in held:
        folder.write_description(FROZEN, name="", created=0.0, queue="cpu")
        DeviceQueue(home, "cpu").join(folder.id)
    lanes = [Lane(folder, held[folder]) for folder in (first, second)]
    slept: list[bool] = []

    def sleep(seconds: float) -> None:
        slept.append(lanes[0].is_training)
        if lanes[0].has_ended and foreign in held:
            os.close(held.pop(foreign))

    monkeypatch.setattr(driver, "time", SimpleNamespace(sleep=sleep))
    driver.work(lanes)
    assert slept
    assert not any(slept)
    assert [follow(folder).status for folder in (first, second)] == [Status.FINISHED] * 2


def test_tickets_of_a_race_are_taken_side_by_side(home: Path) -> None:
    races = [tuple(store.new_folder(home).id for _ in range(3)) for _ in range(8)]
    held = [locks.hold(RunFolder(home / "runs" / run_id).lock) for race in races for run_id in race]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda race: DeviceQueue(home, "cpu").join(*race), races))
    order = DeviceQueue(home, "cpu").alive()
    for lock in held:
        os.close(lock)
    assert {tuple(order[start : start + 3]) for start in range(0, 24, 3)} == set(races)


def lane_events(*rows: str, head: str = "cafe", network: str = "efficientnet_lite0") -> list[RareEvent]:
    scored = [
        Evaluated(split="validation", epoch=epoch, step=epoch, loss=1, accuracy=1, seconds=1, best=True, rows_hash=hash)
        for epoch, hash in enumerate(rows, start=1)
    ]
    return [dataclasses.replace(STARTED, head_hash=head, architecture=network), *scored]


def race_start(*heads: str, epochs: int, rows: str) -> RaceStart:
    return RaceStart(head_hashes=heads, epochs=epochs, rows_hash=rows)


@pytest.mark.parametrize(
    ("lanes", "start"),
    [
        ([lane_events("a", "b"), lane_events("a", "b")], RaceStart(head_hashes=("cafe",), epochs=2, rows_hash="b")),
        (
            [lane_events("a", "b", "c"), lane_events("a", "b")],
            RaceStart(head_hashes=("cafe",), epochs=2, rows_hash="b"),
        ),
        ([lane_events("a", "b"), lane_events("a", "x")], RaceStart(head_hashes=("cafe",), epochs=2, rows_hash="")),
        ([lane_events("a"), lane_events("a", head="beef")], RaceStart(head_hashes=(), epochs=1, rows_hash="a")),
        (
            [lane_events("a", "b"), *[lane_events("a")] * 2, lane_events("a", "x")],
            race_start("cafe", epochs=1, rows=""),  # two of them went further, and apart
        ),
        (
            [lane_events("a"), lane_events("a", network="resnet18", head="beef")],
            race_start("beef", "cafe", epochs=1, rows="a"),
        ),
        ([lane_events("a"), lane_events("")], None),  # of a version that did not record it
        ([lane_events("a"), lane_events()], None),
        ([lane_events("a"), []], None),
    ],
)
def test_fairness_is_what_the_lanes_recorded(lanes: list[list[RareEvent]], start: RaceStart | None) -> None:
    assert history.race_start(lanes) == start


@pytest.mark.usefixtures("tiny_data")
def test_recorded_rows_are_those_that_were_trained_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def rows_hash(config: FineTuneConfig) -> str:
        return next(event.rows_hash for event in fine_tune(TrainingState.new(config)) if isinstance(event, Evaluated))

    assert rows_hash(FROZEN) == rows_hash(FROZEN.changed(learning_rate=1e-5))
    assert rows_hash(FROZEN) != rows_hash(dataclasses.replace(FROZEN, seed=1))
    before, order = rows_hash(FROZEN), Batches.order
    monkeypatch.setattr(Batches, "order", lambda batches, epoch: order(batches, epoch)[::-1].copy())
    assert rows_hash(FROZEN) != before, "a fault in the order shows, although the seed is the same"
