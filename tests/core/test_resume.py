"""A run that is killed, stopped or damaged ends as it would have: to the last digit, and with little done twice."""

import dataclasses
import errno
import multiprocessing
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import BinaryIO

import pytest

from core import driver, durable, lane, worker
from core.data import bundled
from core.runs import locks, store
from core.runs.config import FineTuneConfig
from core.runs.events import Evaluated, Event, Extracting, Failed, Finished, Step, Stopped
from core.runs.folder import RunFolder
from core.runs.status import Status
from core.training import keeper
from core.training.checkpoints import read_checkpoint
from core.training.fine_tune import fine_tune
from core.training.keeper import Keeper
from core.training.state import TrainingState
from tests.conftest import ROOT, few_and_long, follow, last_checkpoint, wait_until
from tests.samples import source_of, tiny_data_set

QUICK = FineTuneConfig.of(
    architecture="shufflenet_v2_x0_5",
    weights="random",
    image_size=32,
    epochs=4,
    batch_size=7,
    learning_rate=0.1,
    device="cpu",
    precision="float32",
)
CROPS = dataclasses.replace(QUICK, augmentation="random_resized_crop", epochs=3)
FULL = dataclasses.replace(QUICK, mode="full", epochs=3, batch_size=16)
AUGMENTED = CROPS.changed(flip=0.5, colour_jitter=0.4, hue=0.1, rotation=30.0, erasing=0.5, mixup=0.2, cutmix=1.0)
KINDS = {
    "kept features": [QUICK],
    "crops": [CROPS],
    "augmented": [AUGMENTED],
    "thawing": [QUICK.changed(mode="last_stage", thaw_every=2, learning_rate=0.01)],
    "full": [FULL],
    "race": [CROPS, dataclasses.replace(CROPS, mode="full")],
}

# Worker processes that cost no import of torch: each is forked from one that has imported it and computed nothing.
_fork = multiprocessing.get_context("forkserver")
_fork.set_forkserver_preload(["core.worker", "core.training.fine_tune", "core.training.keeper", "tests.samples"])


def train(paths: list[Path], save_every_s: float) -> None:
    """Do the runs of these folders in this process, on the tiny data."""
    bundled.BUNDLED["cifar10_sample"] = source_of(tiny_data_set())
    keeper.SAVE_EVERY_S = save_every_s
    folders = [RunFolder(path) for path in paths]
    lane.SIGNALS.listen()
    lane.SIGNALS.begin_work()
    driver.work([lane.Lane(folder, lock) for folder, lock in zip(folders, worker._take_all(folders), strict=True)])


def new_runs(home: Path, configs: list[FineTuneConfig]) -> list[RunFolder]:
    folders = [store.new_folder(home) for _ in configs]
    ids = tuple(folder.id for folder in folders)
    for folder, config in zip(folders, configs, strict=True):
        folder.write_description(config, name="", created=0.0, queue="cpu", race=ids if len(ids) > 1 else ())
    return folders


def start(folders: list[RunFolder], *, save_every_s: float = 0.0) -> BaseProcess:
    """A process that does what is left of these runs. It saves after every step, if it saves as often as that."""
    unfinished = [folder.path for folder in folders if not isinstance(follow(folder).last_event, Finished)]
    process = _fork.Process(target=train, args=(unfinished, save_every_s), daemon=True)
    process.start()
    return process


def outcome(folder: RunFolder) -> tuple[object, ...]:
    """All that a run computed, without what its clock says."""
    run = follow(folder)
    assert isinstance(run.last_event, Finished), folder.log_tail(30)
    scores = {(e.split, e.epoch): (e.loss, e.accuracy, e.rows_hash) for e in run.events if isinstance(e, Evaluated)}
    finished = dataclasses.replace(run.last_event, seconds=0.0)
    return finished, scores, run.steps["step"].tolist(), run.steps["loss"].tolist()


def killed_again_and_again(home: Path, kind: str, kills: int, *, seed: int) -> None:
    """Kill the kind's runs at that many random moments, and compare how they end with runs that nobody disturbed."""
    undisturbed = new_runs(home, KINDS[kind])
    process = start(undisturbed)
    wait_until(lambda: len(follow(undisturbed[0]).steps))  # from here on there is something to disturb
    process.join()
    seconds = sum(follow(folder).steps["seconds"][-1] for folder in undisturbed)

    moments = random.Random(seed)
    folders, killed = new_runs(home, KINDS[kind]), 0
    while killed < kills:
        if all(isinstance(follow(folder).last_event, Finished) for folder in folders):
            assert [outcome(folder) for folder in folders] == [outcome(folder) for folder in undisturbed]
            folders = new_runs(home, KINDS[kind])  # it has ended before it was killed as often as that: another one
        process = start(folders, save_every_s=moments.choice([0.0, 0.05, 0.2]))
        process.join(timeout=moments.uniform(0.05, 0.3 + 1.5 * seconds / max(kills, 3)))
        if process.is_alive():
            process.kill()
            killed += 1
        process.join()
    start(folders).join()
    for folder in folders:
        assert not [path.name for path in folder.checkpoints.iterdir() if path.name.startswith(".")]
    assert [outcome(folder) for folder in folders] == [outcome(folder) for folder in undisturbed]


@pytest.mark.worker
@pytest.mark.parametrize("kind", few_and_long([kind for kind in KINDS if kind != "augmented"], every=3))
def test_killed_run_ends_as_if_nothing_had_been(home: Path, kind: str) -> None:
    killed_again_and_again(home, kind, 3, seed=1)


@pytest.mark.long
@pytest.mark.worker
@pytest.mark.parametrize("kind", KINDS)
def test_run_killed_at_thirty_moments_ends_as_if_nothing_had_been(home: Path, kind: str) -> None:
    killed_again_and_again(home, kind, 30, seed=2)


MODES = pytest.mark.parametrize("config", [QUICK, CROPS, FULL], ids=["kept features", "crops", "full"])


def computed(events: list[Event]) -> list[object]:
    """What a training said, but for its clock and its bookkeeping."""
    steps = [(event.step, event.loss) for event in events if isinstance(event, Step)]
    scores = [(e.split, e.epoch, e.loss, e.accuracy, e.rows_hash) for e in events if isinstance(e, Evaluated)]
    ends = [dataclasses.replace(event, seconds=0.0) for event in events if isinstance(event, Finished)]
    return [*steps, *scores, *ends]


def until(events: Iterator[Event], epoch: int) -> list[Event]:
    """The events up to the end of an epoch."""
    taken: list[Event] = []
    for event in events:
        taken.append(event)
        if isinstance(event, Evaluated) and event.epoch == epoch:
            return taken
    raise AssertionError("no such epoch")


@MODES
@pytest.mark.usefixtures("tiny_data")
def test_resume_from_the_best_epoch_is_tested_with_its_weights_when_worse_ones_follow(
    config: FineTuneConfig, tmp_path: Path
) -> None:
    whole = list(fine_tune(TrainingState.new(config)))
    best = next(event.best_epoch for event in whole if isinstance(event, Finished))
    assert best < config.epochs, "worse epochs, or equal ones, follow"
    state, kept = TrainingState.new(config), Keeper(tmp_path)
    first = until(fine_tune(state), best)
    kept.save(state)
    resumed, problem = Keeper(tmp_path).load("cpu")
    assert resumed is not None
    assert not problem
    assert computed(first + list(fine_tune(resumed))) == computed(whole)


@MODES
@pytest.mark.usefixtures("tiny_data")
def test_nothing_of_a_loaded_state_is_shared(config: FineTuneConfig, tmp_path: Path) -> None:
    state, kept = TrainingState.new(config), Keeper(tmp_path)
    until(fine_tune(state), 1)
    kept.save(state)
    resumed, _ = Keeper(tmp_path).load("cpu")
    assert resumed is not None
    tensors = [*resumed.model.state_dict().values(), *resumed.best_weights.values()]
    storages = [tensor.untyped_storage().data_ptr() for tensor in tensors]
    assert len(set(storages)) == len(storages)


@MODES
@pytest.mark.parametrize("is_best", [True, False])
@pytest.mark.usefixtures("tiny_data")
def test_everything_that_is_loaded_lies_in_memory_as_what_was_saved(
    config: FineTuneConfig, is_best: bool, tmp_path: Path
) -> None:
    """On some processors a convolution's last digits depend on it."""
    state, kept = TrainingState.new(config), Keeper(tmp_path)
    until(fine_tune(state), 1)
    kept.save(state)
    if not is_best:
        state.epoch, state.step = state.epoch + 1, state.step + state.steps_per_epoch
        state.reported_step = state.step
        kept.save(state)
    resumed, _ = Keeper(tmp_path).load("cpu")
    assert resumed is not None
    assert layouts(resumed) == layouts(state)


def layouts(state: TrainingState) -> list[tuple[int, ...]]:
    """How each tensor of a training is laid out: weights, those of the best epoch, and the optimizer's memory."""
    memory = [buffer for entry in state.optimizer.state.values() for buffer in entry.values()]
    return [tensor.stride() for tensor in [*state.model.state_dict().values(), *state.best_weights.values(), *memory]]


@pytest.mark.usefixtures("tiny_data")
def test_features_are_the_same_in_whichever_order_they_are_computed(tmp_path: Path) -> None:
    """Of 54 training images, the last one is left out of the first epoch, and needed in the second."""
    config = dataclasses.replace(QUICK, batch_size=53)
    whole = list(fine_tune(TrainingState.new(config)))
    state, kept = TrainingState.new(config), Keeper(tmp_path)
    first = until(fine_tune(state), 1)
    kept.save(state)
    resumed, _ = Keeper(tmp_path).load("cpu")
    assert resumed is not None
    rest = list(fine_tune(resumed))
    assert computed(first + rest) == computed(whole)
    assert [event for event in rest if isinstance(event, Extracting)] == [Extracting(images=32, total_images=54)]


@pytest.mark.worker
@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP"])
def test_system_that_ends_the_process_gets_a_stop_with_a_checkpoint(name: str, home: Path) -> None:
    [folder] = new_runs(home, [dataclasses.replace(FULL, epochs=1_000)])
    process = start([folder], save_every_s=45.0)
    wait_until(lambda: len(follow(folder).steps) >= 2)
    assert process.pid is not None
    os.kill(process.pid, getattr(signal, name))
    process.join()
    run = follow(folder)
    assert run.last_event == Stopped(step=int(run.steps["step"][-1]), signal=name)
    assert read_checkpoint(last_checkpoint(folder))["metrics"]["step"] == run.last_event.step
    assert run.status is Status.STOPPED


@pytest.mark.worker
def test_worker_as_the_server_starts_it_hears_the_system_beside_the_threads_of_libraries(home: Path) -> None:
    """numpy's library starts threads at its import, and the system may hand a signal to any of them."""
    [folder] = new_runs(home, [dataclasses.replace(FULL, epochs=1_000)])
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "4", "OMP_NUM_THREADS": "2"}
    with subprocess.Popen(
        [sys.executable, "-m", "core.worker", str(folder.path)], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL
    ) as process:
        wait_until(lambda: len(follow(folder).steps) >= 2)
        process.terminate()
    run = follow(folder)
    assert process.returncode == 0
    assert run.last_event == Stopped(step=int(run.steps["step"][-1]), signal="SIGTERM")
    assert read_checkpoint(last_checkpoint(folder))["metrics"]["step"] == run.last_event.step


@pytest.mark.usefixtures("tiny_data")
def test_full_disk_at_a_checkpoint_is_said_and_the_run_goes_on_later(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [folder] = new_runs(home, [FULL])

    def refuse(file: BinaryIO, write: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(durable, "_write_through", refuse)
        driver.work([lane.Lane(folder, locks.hold(folder.lock))])
    failed = follow(folder).last_event
    assert isinstance(failed, Failed)
    assert failed.message.startswith("The disk is full")
    assert failed.can_resume
    assert not list(folder.checkpoints.iterdir())
    driver.work([lane.Lane(folder, locks.hold(folder.lock))])
    assert follow(folder).status is Status.FINISHED


@pytest.mark.usefixtures("tiny_data")
def test_next_worker_clears_what_killed_ones_left(home: Path) -> None:
    [folder] = new_runs(home, [QUICK])
    for name in (".last-00000008.pt.0123abcd", ".best.pt.0123abcd", ".best.pt", ".last.pt.0123abcd"):
        (folder.checkpoints / name).write_bytes(b"half")
    driver.work([lane.Lane(folder, locks.hold(folder.lock))])
    assert sorted(path.name for path in folder.checkpoints.iterdir()) == ["best.pt", "last-00000032.pt"]
