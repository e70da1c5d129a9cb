"""The run folder: what is written is read back once and in order, whatever was damaged in between."""

import dataclasses
import errno
import io
import json
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import RunNotFoundError
from core.runs import store, trash
from core.runs.config import FineTuneConfig
from core.runs.events import Checkpointed, Evaluating, Failed, Preparing, Queued, Step, Stopped
from core.runs.folder import RunFolder, is_id
from core.runs.kinds import KINDS
from core.runs.reader import RunReader
from core.runs.snapshot import Snapshot
from core.runs.status import Status
from core.runs.writer import RunWriter
from tests.conftest import follow
from tests.samples import FIRST_CLICK, empty_run


def step(number: int, loss: float = 1.0) -> Step:
    return Step(step=number, loss=loss, learning_rate=0.01, seconds=number / 10, images=32)


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return empty_run(tmp_path)


def test_steps_come_back_to_the_last_digit(folder: RunFolder) -> None:
    with RunWriter(folder) as writer:
        writer.append(Step(step=1, loss=0.1 + 0.2, learning_rate=1e-4, seconds=1 / 3, images=8))
    assert follow(folder).steps[0].tolist() == (1, 8, 0.1 + 0.2, 1e-4, 1 / 3)


def test_reader_reads_only_what_is_new(folder: RunFolder) -> None:
    reader = RunReader(folder)
    assert len(reader.poll().steps) == 0
    with RunWriter(folder) as writer:
        for number in range(1, 4):
            writer.append(step(number))
            writer.flush()
            assert reader.poll().steps["step"].tolist() == list(range(1, number + 1))


def test_reader_knows_for_how_long_there_was_no_news(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr("core.runs.reader.time.monotonic", lambda: clock.now)
    reader = RunReader(folder)
    with RunWriter(folder) as writer:
        for event in (Queued(device="cpu"), step(1), step(2)):
            writer.append(event)
            writer.flush()
            clock.now += 50
            assert reader.poll().quiet_s == 0
            clock.now += 7
            monkeypatch.setattr("core.runs.reader.time.time", lambda: -1e9)
            assert reader.poll().quiet_s == 7


def test_half_a_record_waits_for_its_other_half(folder: RunFolder) -> None:
    with RunWriter(folder) as writer:
        writer.append(step(1))
        writer.append(step(2))
    path = folder.steps(1)
    whole = path.read_bytes()
    path.write_bytes(whole[: KINDS["fine_tune"].steps.dtype.itemsize + 5])
    reader = RunReader(folder)
    assert reader.poll().steps["step"].tolist() == [1]
    path.write_bytes(whole)
    assert reader.poll().steps["step"].tolist() == [1, 2]


@given(attempts=st.lists(st.tuples(st.integers(1, 40), st.integers(1, 40)), min_size=1, max_size=5))
def test_resumes_hide_what_they_supersede(
    attempts: list[tuple[int, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = empty_run(tmp_path_factory.mktemp("runs"))
    live = RunReader(folder)
    expected: list[tuple[int, float]] = []
    for attempt, (first, count) in enumerate(attempts, start=1):
        start = min(first, len(expected) + 1)  # a resume starts where a checkpoint was: never beyond the last step
        expected = expected[: start - 1] + [(number, float(attempt)) for number in range(start, start + count)]
        with RunWriter(folder) as writer:
            for number in range(start, start + count):
                writer.append(step(number, loss=attempt))
        for run in (live.poll(), follow(folder)):
            assert list(zip(run.steps["step"], run.steps["loss"], strict=True)) == expected


def test_nearly_full_disk_takes_records_in_parts(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    class Parts:
        def __init__(self, file: io.FileIO) -> None:
            self.file = file

        def write(self, data: bytes) -> int:
            return self.file.write(bytes(data)[:5])

        def close(self) -> None:
            self.file.close()

    with RunWriter(folder) as writer:
        monkeypatch.setattr(writer, "_steps", Parts(writer._steps))
        for number in range(1, 4):
            writer.append(step(number))
    assert follow(folder).steps["step"].tolist() == [1, 2, 3]


def test_run_that_is_deleted_under_a_viewer_reads_as_empty(folder: RunFolder) -> None:
    reader = RunReader(folder)
    shutil.rmtree(folder.path)
    run = reader.poll()
    assert len(run.steps) == 0
    assert not run.status.is_live


def test_damaged_line_costs_that_line_alone(folder: RunFolder) -> None:
    with RunWriter(folder) as writer:
        writer.append(Queued(device="cpu"))
    with open(folder.events, "ab") as file:
        file.write(b'{"event": "Prepar\n\xff\xfe\n[1]\n{"event": "Unknown"}\n{"event": "Failed"}\n{"event": "torn')
    with RunWriter(folder) as writer:
        writer.append(Stopped(step=0))
    assert follow(folder).events == (Queued(device="cpu"), Stopped(step=0))


def test_events_follow_the_steps_that_came_before_them(folder: RunFolder) -> None:
    with RunWriter(folder) as writer:
        writer.append(step(1))
        writer.append(Checkpointed(step=1, epoch=1, best=True))
        assert follow(folder).steps["step"].tolist() == [1]


def test_passing_news_are_thinned_out(folder: RunFolder) -> None:
    with RunWriter(folder) as writer:
        for images in range(0, 1000, 10):
            writer.append(Evaluating(split="test", images=images, total_images=1000))
    assert len(follow(folder).events) < 5


def test_events_carry_their_time(folder: RunFolder) -> None:
    with RunWriter(folder) as writer:
        writer.append(Preparing(what="x"))
    run = follow(folder)
    assert run.time_of(run.events[0]) == json.loads(folder.events.read_text())["time"]


@pytest.mark.parametrize(
    "run_id",
    ["", "..", "../x", "20260101-000000-abcdef/../..", "a" * 300, "20260101-000000-abcdef\0", "٢٠٢٦0101-000000-abcdef"],
)
def test_what_is_no_id_never_becomes_a_path(run_id: str, tmp_path: Path) -> None:
    with pytest.raises(RunNotFoundError, match="There is no run"):
        store.find(tmp_path, run_id)


DAMAGED = [
    *("", "{", "[]", '{"format": 1}', '{"format": 99}', '{"format": 1, "name": "", "queue": "", "config": []}'),
    '{"format": 1, "name": "", "queue": "", "config": {"epochs": -1}}',
]


@pytest.mark.parametrize("text", DAMAGED)
def test_unreadable_description_is_no_run(folder: RunFolder, text: str) -> None:
    (folder.path / "config.json").write_text(text)
    with pytest.raises(RunNotFoundError):
        folder.config()


def test_description_comes_back(folder: RunFolder) -> None:
    config = FineTuneConfig(mode="full", epochs=3)
    folder.write_description(config, name="mine", created=1.0, queue="cpu")
    assert folder.config() == config
    assert folder.description()["name"] == "mine"
    assert [dict(folder.description()["step_fields"])[name] for name in ("step", "loss")] == ["<u4", "<f8"]


def test_newest_runs_come_first(tmp_path: Path) -> None:
    for name in ("20260101-000000-aaaaaa", "20260102-000000-aaaaaa", "no-run"):
        RunFolder(tmp_path / "runs" / name).path.mkdir(parents=True)
        if name != "no-run":
            RunFolder(tmp_path / "runs" / name).write_description(FineTuneConfig(), name="", created=0, queue="cpu")
    assert [folder.id[:8] for folder in store.newest(tmp_path)] == ["20260102", "20260101"]


def test_runs_are_listed_in_the_order_of_their_starts_whatever_the_clock_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Clock(datetime):
        years: ClassVar[Iterator[int]]

        @classmethod
        def now(cls) -> datetime:  # type: ignore[override]
            return datetime(next(cls.years), 1, 1)

    Clock.years = iter([2026, 2026, 2026, 2025, 2030, 1999, 2026])
    monkeypatch.setattr(store, "datetime", Clock)
    old = RunFolder(tmp_path / "runs" / "20991231-000000-ffffff")  # of an earlier version
    old.path.mkdir(parents=True)
    started = [old, *(store.new_folder(tmp_path) for _ in range(6))]
    for folder in started:
        folder.write_description(FineTuneConfig(), name="", created=0, queue="cpu")
    assert list(store.newest(tmp_path)) == started[::-1]
    trash.delete(tmp_path, started[-1])
    assert store.new_folder(tmp_path).id.endswith("-00000007"), "a deleted run keeps its number"


def test_runs_that_are_started_at_once_have_numbers_of_their_own(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        folders = list(pool.map(lambda _: store.new_folder(tmp_path), range(40)))
    assert sorted(int(folder.id[16:]) for folder in folders) == list(range(1, 41))


@pytest.mark.parametrize("name", ["20260101-000000-99999999", "20260101-000000-99999998", "x-20260101-000000-99999999"])
def test_number_that_cannot_be_exceeded_hinders_nobody(tmp_path: Path, name: str) -> None:
    (tmp_path / "runs" / name).mkdir(parents=True)
    for _ in range(3):
        assert is_id(store.new_folder(tmp_path).id)


def test_log_tail_reads_only_the_end(folder: RunFolder) -> None:
    assert folder.log_tail(3) == ""
    folder.log.write_bytes(b"x" * 10**6 + b"\n\xff1\n2\n3\n")
    assert folder.log_tail(2) == "2\n3"


def test_failure_is_recorded_even_if_steps_cannot_be(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        def write(self, data: bytes) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

        def close(self) -> None:
            pass

    def write() -> None:
        with RunWriter(folder) as writer:
            writer._steps.close()
            monkeypatch.setattr(writer, "_steps", Full())
            writer.append(step(1))
            writer.append(Failed(message="full", step=0))

    with pytest.raises(OSError, match="No space"):
        write()
    assert follow(folder).last_event == Failed(message="full", step=0)


def test_failed_event_keeps_its_message(folder: RunFolder) -> None:
    failure = Failed(message="“quoted” <b>\n", step=3)
    with RunWriter(folder) as writer:
        writer.append(failure)
    assert follow(folder).last_event == failure


def test_snapshot_stays_as_it_was_whatever_comes_after_it(folder: RunFolder) -> None:
    reader = RunReader(folder)
    shown: list[tuple[Snapshot, list[tuple[object, ...]], int]] = []
    for attempt in range(3):
        with RunWriter(folder) as writer:
            writer.append(Queued(device="cpu"))
            for number in range(1 + 5 * attempt, 8 + 5 * attempt):  # each attempt supersedes two steps
                writer.append(step(number, loss=attempt))
                writer.flush()
                run = reader.poll()
                shown.append((run, run.steps.tolist(), len(run.events)))
    for run, steps, num_events in shown:
        assert run.steps.tolist() == steps
        assert len(run.events) == num_events
        assert run.status is Status.INTERRUPTED


def test_nobody_can_change_what_others_see(folder: RunFolder) -> None:
    with RunWriter(folder) as writer:
        writer.append(Queued(device="cpu"))
        writer.append(step(1))
    run = follow(folder)
    with pytest.raises(ValueError, match="read-only"):
        run.steps["loss"][0] = 0
    with pytest.raises(dataclasses.FrozenInstanceError):
        run.status = Status.FINISHED  # type: ignore[misc]
    assert isinstance(run.events, tuple)


def test_nothing_is_lost_where_a_run_is_renamed_while_its_settings_are_decided_on(home: Path) -> None:
    folder = empty_run(home, FIRST_CLICK)

    def rename() -> None:
        for time in range(1, 41):
            folder.rename(f"name {time}")

    def settle() -> None:
        for time in range(1, 41):
            folder.settle(FIRST_CLICK.changed(epochs=time))

    with ThreadPoolExecutor(2) as threads:
        done = [threads.submit(rename), threads.submit(settle)]
    assert [each.result() for each in done] == [None, None]
    assert (folder.description()["name"], folder.config().epochs) == ("name 40", 40)
