"""Which checkpoints a run has: seldom enough, small enough, whole, and the one before where one is damaged."""

import dataclasses
import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from core import driver, lane
from core.errors import WeightsFileError
from core.models.files import read_file
from core.models.gate.stored import OpenFile
from core.runs import locks
from core.runs.config import FineTuneConfig
from core.runs.events import Checkpointed, Evaluated, Event, Failed, Finished, Recovered, Step
from core.runs.status import Status
from core.runs.writer import RunWriter
from core.training import keeper
from core.training.checkpoints import is_intact, load_network, read_checkpoint
from core.training.fine_tune import fine_tune
from core.training.keeper import Keeper
from core.training.state import TrainingState
from tests.conftest import follow, last_checkpoint
from tests.core.test_resume import CROPS, FULL, MODES, QUICK, computed, new_runs, outcome, until


class Clock:
    """A monotonic clock that a test moves on."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def monotonic(self) -> float:
        return self.seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    moved = Clock()
    monkeypatch.setattr(keeper, "time", moved)
    return moved


@pytest.mark.parametrize(("config", "step_s"), [(QUICK, 14.0), (CROPS, 0.5), (FULL, 7.0)])
@pytest.mark.usefixtures("tiny_data")
def test_no_more_than_a_minute_of_steps_is_ever_unsaved(
    config: FineTuneConfig, step_s: float, home: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    [folder] = new_runs(home, [config.changed(batch_size=2, epochs=2, learning_rate=1e-4)])
    at_risk, seconds = [], 0.0
    append = RunWriter.append

    def note(writer: RunWriter, event: Event) -> None:
        nonlocal seconds
        append(writer, event)
        if isinstance(event, Step):
            clock.seconds += step_s
            seconds += step_s
            at_risk.append(seconds)
        elif isinstance(event, Checkpointed):
            seconds = 0.0

    monkeypatch.setattr(RunWriter, "append", note)
    driver.work([lane.Lane(folder, locks.hold(folder.lock))])
    assert follow(folder).status is Status.FINISHED
    assert len(at_risk) == 54
    assert max(at_risk) <= 60


@pytest.mark.usefixtures("tiny_data")
def test_checkpoints_of_a_frozen_run_are_small_and_its_network_is_written_seldom(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    for name in ("save", "save_best"):
        method = getattr(TrainingState, name)

        def note(state: TrainingState, path: Path, *, method=method, **options: bool) -> None:
            method(state, path, **options)
            written.append(path.name)

        monkeypatch.setattr(TrainingState, name, note)
    state, kept = TrainingState.new(QUICK.changed(epochs=20, learning_rate=1e-3)), Keeper(tmp_path)
    for event in fine_tune(state):
        if isinstance(event, Finished):
            kept.finish(state)
        if isinstance(event, Step) and event.step == 3:
            kept.save(state)
            assert sorted(written) == ["last-00000003.pt", "network.pt"]
        if isinstance(event, Evaluated) and event.split == "validation":
            clock.seconds += 10.0
            kept.save(state)
    [small] = tmp_path.glob("last-*.pt")
    assert small.stat().st_size < (tmp_path / "best.pt").stat().st_size / 10
    assert written.count("network.pt") == 1
    assert 1 <= written.count("best.pt") <= 1 + 200 / keeper.SAVE_EVERY_S + 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["best.pt", "last-00000160.pt"]
    assert read_checkpoint(tmp_path / "best.pt")["metrics"]["epoch"] == state.best_epoch
    assert load_network(tmp_path / "best.pt").classes == ("dark", "bright")


def damage(path: Path) -> None:
    """Flip one bit in the middle, as a bad disk does."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def broken_numbers(path: Path) -> None:
    """A checkpoint that is as it was written, with weights that no network can compute with."""
    contents = torch.load(path, weights_only=True)
    next(value for value in contents["weights"].values() if value.is_floating_point()).fill_(float("nan"))
    torch.save(contents, path)


@MODES
@pytest.mark.usefixtures("tiny_data")
@pytest.mark.parametrize("harm", [damage, broken_numbers])
def test_newest_two_are_kept_and_a_damaged_one_falls_back_to_the_one_before(
    config: FineTuneConfig, harm: Callable[[Path], None], home: Path
) -> None:
    [undisturbed, folder] = [*new_runs(home, [config]), *new_runs(home, [config])]
    driver.work([lane.Lane(undisturbed, locks.hold(undisturbed.lock))])
    state, kept = TrainingState.new(config), Keeper(folder.checkpoints)
    with RunWriter(folder) as writer:
        for event in fine_tune(state):
            writer.append(event)
            if isinstance(event, Evaluated):
                kept.save(state)
            if isinstance(event, Step) and state.epoch == 2:
                kept.save(state)
                break
    names = sorted(path.name for path in folder.checkpoints.glob("last-*"))
    assert len(names) == 2
    harm(last_checkpoint(folder))
    driver.work([lane.Lane(folder, locks.hold(folder.lock))])
    said = [event.message for event in follow(folder).events if isinstance(event, Recovered)]
    assert said == [
        f"Of this run's checkpoints, {names[1]} (damaged on the disk) cannot be used. The run goes on after step "
        f"{int(names[0][5:13]):,}."
    ]
    assert outcome(folder) == outcome(undisturbed)


@MODES
@pytest.mark.usefixtures("tiny_data")
@pytest.mark.parametrize("which", ["best.pt", "last-*.pt", "*.pt"])
def test_whatever_is_damaged_the_run_ends_and_says_what_was_lost(
    config: FineTuneConfig, which: str, home: Path
) -> None:
    [folder] = new_runs(home, [config])
    state, kept = TrainingState.new(config), Keeper(folder.checkpoints)
    with RunWriter(folder) as writer:
        for event in fine_tune(state):
            writer.append(event)
            if isinstance(event, Evaluated):
                kept.save(state)
            if isinstance(event, Evaluated) and event.epoch == config.epochs:
                break
    for path in folder.checkpoints.glob(which):
        damage(path)
    driver.work([lane.Lane(folder, locks.hold(folder.lock))])
    run = follow(folder)
    assert isinstance(run.last_event, Finished), folder.log_tail(20)
    [said] = [event.message for event in run.events if isinstance(event, Recovered)]
    where = f"goes on after step {state.step:,}." if which == "best.pt" else "begins again at its first step."
    assert where in said
    assert ("best epoch are lost" in said) == (which == "best.pt" and config.mode == "full")
    assert all(is_intact(path) for path in folder.checkpoints.iterdir())
    if "lost" not in said:
        [undisturbed] = new_runs(home, [config])
        driver.work([lane.Lane(undisturbed, locks.hold(undisturbed.lock))])
        assert outcome(folder) == outcome(undisturbed)


@pytest.mark.parametrize("config", [QUICK, FULL], ids=["frozen", "full"])
@pytest.mark.parametrize("where", [(keeper, "is_intact"), (OpenFile, "read"), (OpenFile, "read_into")])
@pytest.mark.usefixtures("tiny_data")
def test_disk_that_cannot_be_read_for_a_moment_costs_nothing(
    config: FineTuneConfig, where: tuple[object, str], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [folder] = new_runs(home, [config])
    state, kept = TrainingState.new(config), Keeper(folder.checkpoints)
    until(fine_tune(state), 1)
    kept.save(state)
    before = {path.name: path.read_bytes() for path in folder.checkpoints.iterdir()}

    def fail(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patched:
        patched.setattr(*where, fail)
        driver.work([lane.Lane(folder, locks.hold(folder.lock))])
    failed = follow(folder).last_event
    assert isinstance(failed, Failed)
    assert failed.can_resume
    assert {path.name: path.read_bytes() for path in folder.checkpoints.iterdir()} == before


@pytest.mark.usefixtures("tiny_data")
def test_head_without_its_network_is_put_aside_and_not_lost(tmp_path: Path) -> None:
    """The network came from a file, which may be another one by now."""
    weights = tmp_path / "weights.pth"
    torch.save(TrainingState.new(QUICK).model.state_dict(), weights)
    state, kept = (
        TrainingState.new(dataclasses.replace(QUICK, weights="file", weights_file=str(weights))),
        Keeper(tmp_path / "checkpoints"),
    )
    until(fine_tune(state), 1)
    kept.save(state)
    damage(tmp_path / "checkpoints" / "best.pt")
    again = Keeper(tmp_path / "checkpoints")
    found, problem = again.load("cpu")
    assert found is None
    assert problem == (
        "Of this run's checkpoints, best.pt (damaged on the disk) and last-00000008.pt (the network that it belongs to "
        "is missing) cannot be used. The run begins again at its first step."
    )
    again.put_damaged_aside()
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == [
        "damaged-best.pt",
        "damaged-last-00000008.pt",
    ]


@pytest.mark.usefixtures("tiny_data")
def test_best_weights_survive_two_kills_between_the_two_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full run's best weights stand in `last` alone until `best.pt` is written, and must not be overwritten there."""
    whole = list(fine_tune(TrainingState.new(FULL)))
    best = next(event.best_epoch for event in whole if isinstance(event, Finished))
    state, kept = TrainingState.new(FULL), Keeper(tmp_path)
    events = fine_tune(state)
    taken = until(events, best)

    class Killed(BaseException):
        """Stands for the kill."""

    def save_but_die_before_best(kept: Keeper, state: TrainingState) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(TrainingState, "save_best", lambda *_: (_ for _ in ()).throw(Killed))
            with pytest.raises(Killed):
                kept.save(state)

    save_but_die_before_best(kept, state)
    kept = Keeper(tmp_path)
    resumed, _ = kept.load("cpu")
    assert resumed is not None
    for event in (events := fine_tune(resumed)):
        taken.append(event)
        if isinstance(event, Step):
            break
    save_but_die_before_best(kept, resumed)
    final, _ = Keeper(tmp_path).load("cpu")
    assert final is not None
    assert final.best_epoch == best
    rest = list(fine_tune(final))
    assert computed(rest)[-1] == computed(whole)[-1]


@pytest.mark.usefixtures("tiny_data")
def test_every_step_before_a_checkpoint_is_on_the_disk_before_it(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [folder] = new_runs(home, [QUICK])
    seen: list[tuple[int, int]] = []
    save = Keeper.save

    def note(kept: Keeper, state: TrainingState) -> None:
        seen.append((len(follow(folder).steps), state.step))
        save(kept, state)

    monkeypatch.setattr(Keeper, "save", note)
    monkeypatch.setattr(keeper, "SAVE_EVERY_S", 0.0)
    driver.work([lane.Lane(folder, locks.hold(folder.lock))])
    assert len(seen) > 30
    assert all(recorded == step for recorded, step in seen)


def test_every_damaged_byte_is_found_or_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "tensors.pt"
    values = {"weights": torch.arange(500.0), "names": ["a", "b"], "step": 3}
    torch.save(values, path)
    whole = path.read_bytes()
    assert is_intact(path)
    for place in range(0, len(whole), 7):
        data = bytearray(whole)
        data[place] ^= 1 << place % 8
        path.write_bytes(data)
        if is_intact(path):  # an unused byte of the archive, or one that only its reader misses
            try:
                read = read_file(path)
            except WeightsFileError:
                continue
            assert torch.equal(read.pop("weights"), torch.as_tensor(values["weights"]))
            assert read == {"names": ["a", "b"], "step": 3}
    for length in range(0, len(whole), 97):
        path.write_bytes(whole[:length])
        assert not is_intact(path)
