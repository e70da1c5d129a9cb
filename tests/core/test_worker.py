"""Real worker processes: starting, queueing, stopping, dying. Every fault that a run can meet is injected here."""

import dataclasses
import errno
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from core import driver
from core.errors import UnfreezeError
from core.lane import Lane, explain_fault
from core.models import build
from core.runs import control, jobs, known_devices, locks, queue, store, trash, workers
from core.runs.config import FineTuneConfig
from core.runs.events import Checkpointed, Failed, Finished, Queued, Resumed, Started, Stopped
from core.runs.folder import RunFolder
from core.runs.known_devices import DeviceInfo
from core.runs.reader import RunReader
from core.runs.snapshot import Snapshot
from core.runs.status import Status
from core.runs.writer import append_event
from core.training import fine_tune
from core.training.checkpoints import load_network, read_checkpoint
from tests.conftest import ROOT, follow, last_checkpoint, wait_until

pytestmark = [pytest.mark.worker, pytest.mark.usefixtures("stop_workers")]

# 57 quick steps an epoch, and later epochs are quicker yet.
QUICK = FineTuneConfig(image_size=32, epochs=2, device="cpu", precision="float32")
# Thousands of steps of some 50 ms: to be stopped or killed in mid-run.
LONG = FineTuneConfig(image_size=64, epochs=100, mode="full", device="cpu", precision="float32")


def wait_for_end(folder: RunFolder) -> Snapshot:
    reader = RunReader(folder)
    wait_until(lambda: not reader.poll().status.is_live)
    return reader.poll()


def wait_for_steps(folder: RunFolder, count: int) -> Snapshot:
    reader = RunReader(folder)

    def has_steps() -> bool:
        run = reader.poll()
        assert run.status.is_live, folder.log_tail(20)
        return len(run.steps) >= count

    wait_until(has_steps)
    return reader.poll()


def worker_of(folder: RunFolder) -> int:
    """The process id, as its log gives it."""
    return int(folder.log.read_text().split("worker ")[1].split()[0])


def test_run_trains_to_its_end_and_its_checkpoint_loads(home: Path) -> None:
    folder = jobs.start(home, QUICK)
    assert follow(folder).status is Status.STARTING, "it reads as alive from its first moment"
    run = wait_for_end(folder)
    assert run.status is Status.FINISHED, folder.log_tail(20)
    assert run.steps["step"].tolist() == list(range(1, 115))
    finished = run.last_event
    assert isinstance(finished, Finished)
    assert sum(isinstance(event, Checkpointed) for event in run.events) == 2
    assert read_checkpoint(last_checkpoint(folder))["metrics"]["epoch"] == 2
    assert read_checkpoint(folder.best_checkpoint)["metrics"]["validation_accuracy"] == finished.best_accuracy
    assert load_network(folder.best_checkpoint).classes[6] == "frog"
    assert queue.all_alive(home) == []
    assert known_devices.remembered(home), "the first worker has looked for devices"


@pytest.mark.long
def test_spare_worker_trains_like_any_other(home: Path) -> None:
    workers.prepare()
    workers.prepare()
    folder = jobs.start(home, QUICK)
    assert wait_for_end(folder).status is Status.FINISHED
    assert "worker" in folder.log.read_text()


def test_spare_worker_ends_with_its_server() -> None:
    code = (
        "import sys; from core.runs import workers\n"
        "workers.prepare(); print(workers._spare[0].pid, flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        spare = int(server.stdout.readline())
        server.kill()
    wait_until(lambda: not is_running(spare))


def is_running(pid: int) -> bool:
    state = subprocess.run(["ps", "-o", "state=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return bool(state.strip()) and not state.startswith("Z")


@pytest.mark.long
def test_dead_spare_is_replaced_by_a_new_worker(home: Path) -> None:
    workers.prepare()
    assert workers._spare is not None
    workers._spare[0].kill()
    workers._spare[0].wait()
    assert wait_for_end(jobs.start(home, QUICK)).status is Status.FINISHED


def test_stop_ends_the_run_soon_and_leaves_a_checkpoint_to_resume_from(home: Path) -> None:
    folder = jobs.start(home, LONG)
    wait_for_steps(folder, 5)
    asked = time.monotonic()
    jobs.stop(folder)
    run = wait_for_end(folder)
    assert time.monotonic() - asked < 2
    assert run.status is Status.STOPPED
    assert isinstance(run.last_event, Stopped)
    last = int(run.steps["step"][-1])
    assert run.last_event.step == last == read_checkpoint(last_checkpoint(folder))["metrics"]["step"]

    jobs.resume(home, folder)
    run = wait_for_steps(folder, last + 3)
    assert Resumed() in run.events
    jobs.stop(folder)
    run = wait_for_end(folder)
    assert run.steps["step"].tolist() == list(range(1, len(run.steps) + 1))
    assert [event.first_step for event in run.events if isinstance(event, Started)] == [1, last + 1]


@pytest.mark.long
def test_two_starts_are_both_kept_and_one_waits(home: Path) -> None:
    first, second = jobs.start(home, LONG), jobs.start(home, QUICK)
    assert follow(second).status is Status.QUEUED
    wait_for_steps(first, 1)
    assert queue.all_alive(home) == [first.id, second.id]
    assert len(follow(second).steps) == 0
    jobs.stop(first)
    assert wait_for_end(first).status is Status.STOPPED
    run = wait_for_end(second)
    assert run.status is Status.FINISHED
    assert isinstance(run.events[0], Queued)


def test_queued_run_stops_waiting_when_asked(home: Path) -> None:
    first, second = jobs.start(home, LONG), jobs.start(home, QUICK)
    wait_until(lambda: follow(second).status is Status.QUEUED)
    jobs.stop(second)
    assert wait_for_end(second).status is Status.STOPPED
    assert follow(first).status.is_live


def test_stop_is_heard_while_preparing(home: Path) -> None:
    folder = jobs.start(home, QUICK)
    jobs.stop(folder)
    run = wait_for_end(folder)
    assert run.status is Status.STOPPED
    assert len(run.steps) == 0


@pytest.mark.long
def test_killed_worker_reads_as_interrupted_and_the_next_can_start(home: Path) -> None:
    folder, following = jobs.start(home, LONG), jobs.start(home, QUICK)
    wait_for_steps(folder, 5)
    os.kill(worker_of(folder), signal.SIGKILL)
    killed = time.monotonic()
    wait_until(lambda: follow(folder).status is Status.INTERRUPTED)
    assert time.monotonic() - killed < 5
    assert "training on" in folder.log_tail(5)
    assert wait_for_end(following).status is Status.FINISHED


@pytest.mark.long
def test_killed_run_resumes_without_a_gap(home: Path) -> None:
    config = FineTuneConfig(
        image_size=32, epochs=200, device="cpu", precision="float32", augmentation="random_resized_crop"
    )
    folder = jobs.start(home, config)
    wait_for_steps(folder, 80)  # past the first checkpoint
    os.kill(worker_of(folder), signal.SIGKILL)
    wait_until(lambda: follow(folder).status is Status.INTERRUPTED)
    saved = read_checkpoint(last_checkpoint(folder))["metrics"]["step"]
    jobs.resume(home, folder)
    wait_until(lambda: 2 in folder.attempts() and len(follow(folder).steps) > saved + 3)
    jobs.stop(folder)
    run = wait_for_end(folder)
    assert run.steps["step"].tolist() == list(range(1, len(run.steps) + 1))


@pytest.mark.parametrize(
    "last", [Finished(best_epoch=1, best_accuracy=1, test_accuracy=1, seconds=1), Failed(message="diverged", step=1)]
)
def test_run_that_has_ended_for_good_is_not_resumed(home: Path, last: Finished | Failed) -> None:
    folder = store.new_folder(home)
    folder.write_description(QUICK, name="", created=0.0, queue="cpu")
    append_event(folder, last)
    with pytest.raises(UnfreezeError, match="ended for good"):
        jobs.resume(home, folder)
    assert follow(folder).last_event == last
    assert not locks.is_held(folder.lock)


@pytest.mark.long
def test_run_that_failed_for_lack_of_something_goes_on_later(home: Path, tmp_path: Path) -> None:
    config = dataclasses.replace(
        QUICK, architecture="my_cnn", image_size=224, weights="file", weights_file=str(tmp_path / "w.pth")
    )
    folder = jobs.start(home, config)
    assert wait_for_end(folder).status is Status.FAILED
    torch.save(build.build_random("my_cnn", 10, seed=0).state_dict(), tmp_path / "w.pth")
    jobs.resume(home, folder)
    wait_for_steps(folder, 1)
    jobs.stop(folder)
    assert wait_for_end(folder).status is Status.STOPPED


def test_live_run_is_not_resumed(home: Path) -> None:
    folder = jobs.start(home, LONG)
    with pytest.raises(BlockingIOError):
        jobs.resume(home, folder)


@pytest.mark.long
def test_training_outlives_its_server(home: Path) -> None:
    code = (
        "import sys; from core.runs import jobs, store; from core.runs.config import FineTuneConfig\n"
        "config = FineTuneConfig(image_size=64, epochs=100, mode='full', device='cpu', precision='float32')\n"
        "print(jobs.start(store.home(), config).id, flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        folder = store.find(home, server.stdout.readline().strip())
        before = len(wait_for_steps(folder, 3).steps)
        server.kill()
    run = wait_for_steps(folder, before + 5)
    assert run.steps["step"].tolist() == list(range(1, len(run.steps) + 1))
    jobs.stop(folder)
    assert wait_for_end(folder).status is Status.STOPPED


def test_loss_that_is_no_number_fails_the_run_and_keeps_the_last_good_checkpoint(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train_step, calls = fine_tune.train_step, []

    def break_at_step_60(*arguments: object) -> torch.Tensor:
        calls.append(1)
        return train_step(*arguments) * (float("nan") if len(calls) == 60 else 1)  # type: ignore[arg-type]

    monkeypatch.setattr(fine_tune, "train_step", break_at_step_60)
    folder = store.new_folder(home)
    folder.write_description(QUICK, name="", created=0.0, queue="cpu")
    driver.work([Lane(folder)])
    run = follow(folder)
    assert run.status is Status.FAILED
    failure = run.last_event
    assert isinstance(failure, Failed)
    assert "The loss became nan at step 60" in failure.message
    assert run.steps["step"].tolist() == list(range(1, 60))
    saved = read_checkpoint(last_checkpoint(folder))
    assert saved["metrics"]["step"] == 57, "the end of the last whole epoch"
    assert all(torch.isfinite(tensor.float()).all() for tensor in saved["weights"].values())


def test_broken_weights_file_fails_the_run_with_one_sentence(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "holiday.pth"
    path.write_text("no checkpoint")
    folder = jobs.start(home, FineTuneConfig(weights="file", weights_file=str(path), device="cpu"))
    run = wait_for_end(folder)
    failure = run.last_event
    assert isinstance(failure, Failed)
    assert "holiday.pth is no checkpoint" in failure.message
    assert "\n" not in failure.message
    assert not list(folder.checkpoints.iterdir())


@pytest.mark.long
def test_worker_without_a_lock_of_its_own_takes_it(home: Path) -> None:
    folder = store.new_folder(home)
    folder.write_description(QUICK, name="by hand", created=0.0, queue="cpu")
    subprocess.run([sys.executable, "-m", "core.worker", str(folder.path)], cwd=ROOT, check=True)
    assert follow(folder).status is Status.FINISHED


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (MemoryError(), "ran out of memory"),
        (RuntimeError("CUDA out of memory. Tried to allocate"), "smaller batch size"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "smaller batch size"),
        (OSError(errno.ENOSPC, "No space left on device"), "The disk is full"),
        (RuntimeError("first line\nsecond"), "broke off with RuntimeError: first line."),
        (KeyError(), "broke off with KeyError."),
    ],
)
def test_faults_without_a_message_get_a_sentence(error: BaseException, sentence: str) -> None:
    assert sentence in explain_fault(error)
    assert "\n" not in explain_fault(error)


def test_damaged_control_asks_for_nothing(tmp_path: Path) -> None:
    path = tmp_path / "control"
    assert control.read(path) is None
    for text in ("", "[]", "{", '{"command": 3'):
        path.write_text(text)
        assert control.read(path) is None
    control.write(path, control.STOP)
    assert control.read(path) == "stop"


def test_devices_of_another_machine_are_not_believed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = DeviceInfo(name="cuda:0", label="GPU", memory_bytes=1, precision="bfloat16")
    known_devices.remember(home, [info])
    assert known_devices.remembered(home) == [info]
    assert known_devices.resolve(home, "auto") == "cuda:0"
    assert known_devices.resolve(home, "cpu") == "cpu"
    monkeypatch.setattr("core.runs.known_devices.platform.node", lambda: "elsewhere")
    assert known_devices.remembered(home) == []
    (home / "devices.json").write_text("{")
    assert known_devices.remembered(home) == []


@pytest.fixture
def hanging_spare(home: Path, monkeypatch: pytest.MonkeyPatch) -> "Iterator[subprocess.Popen[bytes]]":
    """In place of the spare worker, a process that never reads what it is handed."""
    monkeypatch.setattr(workers, "_TAKE_WITHIN_S", 0.2)
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(["sleep", "60"], pass_fds=[theirs.fileno()])
    monkeypatch.setattr(workers, "_spare", (process, ours))
    yield process
    process.kill()
    process.wait()


def test_spare_that_hangs_is_replaced_and_its_run_can_be_stopped_and_deleted(
    home: Path, hanging_spare: "subprocess.Popen[bytes]"
) -> None:
    folder = jobs.start(home, QUICK)
    jobs.stop(folder)
    assert follow(folder).status is Status.STARTING
    run = wait_for_end(folder)
    assert isinstance(run.last_event, Stopped), folder.log_tail(20)
    assert hanging_spare.wait(10) == -signal.SIGKILL
    trash.delete(home, folder)
    assert queue.all_alive(home) == []


def test_spare_that_hangs_where_no_other_can_be_started_fails_the_run(
    home: Path, hanging_spare: "subprocess.Popen[bytes]", monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    monkeypatch.setattr(subprocess, "Popen", refuse)
    run = wait_for_end(jobs.start(home, QUICK))
    assert isinstance(run.last_event, Failed)
    assert run.last_event.message.startswith("No process can be started")
    assert run.last_event.can_resume


def test_stopped_spare_is_replaced(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that answers within seconds is kept, whatever it is importing; SIGSTOP is how one hangs that was well."""
    workers.prepare()
    assert workers._spare is not None
    spare, _ = workers._spare
    os.kill(spare.pid, signal.SIGSTOP)
    monkeypatch.setattr(workers, "_TAKE_WITHIN_S", 0.2)
    folder = jobs.start(home, QUICK)
    jobs.stop(folder)
    assert isinstance(wait_for_end(folder).last_event, Stopped), folder.log_tail(20)
    assert spare.wait(10) == -signal.SIGKILL
