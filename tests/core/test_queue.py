"""One training a device at a time, in the order of the clicks; the dead do not count."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from core.runs import locks, store
from core.runs.folder import RunFolder
from core.runs.queue import DeviceQueue, all_alive


def join(home: Path, queue: DeviceQueue) -> tuple[str, int]:
    folder = store.new_folder(home)
    lock = locks.hold(folder.lock)
    queue.join(folder.id)
    return folder.id, lock


def test_tickets_are_served_in_order(tmp_path: Path) -> None:
    queue = DeviceQueue(tmp_path, "cuda:0")
    (first, first_lock), (second, second_lock), (third, third_lock) = (join(tmp_path, queue) for _ in range(3))
    assert queue.ahead_of(first) == []
    assert queue.ahead_of(third) == [first, second]
    assert all_alive(tmp_path) == [first, second, third]
    os.close(second_lock)  # it died
    assert queue.ahead_of(third) == [first]
    queue.leave(first)
    assert queue.ahead_of(third) == []
    os.close(first_lock)
    os.close(third_lock)
    assert all_alive(tmp_path) == []


def test_resumed_run_does_not_overtake_by_its_old_ticket(tmp_path: Path) -> None:
    queue = DeviceQueue(tmp_path, "cpu")
    (first, first_lock), (second, second_lock) = join(tmp_path, queue), join(tmp_path, queue)
    os.close(first_lock)  # killed: its ticket stays behind
    resumed = locks.hold(RunFolder(tmp_path / "runs" / first).lock)
    queue.join(first)
    assert queue.ahead_of(second) == []
    assert queue.ahead_of(first) == [second]
    os.close(resumed)
    os.close(second_lock)


def test_stray_files_are_no_tickets(tmp_path: Path) -> None:
    (tmp_path / "queue" / "cpu").mkdir(parents=True)
    (tmp_path / "queue" / ".DS_Store").touch()
    (tmp_path / "queue" / "cpu" / ".DS_Store").touch()
    assert all_alive(tmp_path) == []


@pytest.mark.parametrize(
    "name",
    [
        *("²-x", "٣00000001-x", "-", "1-", "000000001-x", f"{'9' * 200}-x", "numbering.lock-x"),
        *("000000001-20260101-000000-abcdef", "999999999-20260101-000000-abcdef", "\udcff"),
    ],
)
@pytest.mark.parametrize("put", [Path.touch, Path.mkdir, os.mkfifo, lambda path: path.symlink_to(path.name)])
def test_nothing_in_the_queues_folder_hinders_a_start(tmp_path: Path, name: str, put: Callable[[Path], object]) -> None:
    (tmp_path / "queue" / "cpu").mkdir(parents=True)
    put(tmp_path / "queue" / "cpu" / name)
    put(tmp_path / "queue" / name)
    queue = DeviceQueue(tmp_path, "cpu")
    (first, first_lock), (second, second_lock) = join(tmp_path, queue), join(tmp_path, queue)
    assert queue.ahead_of(second) == [first]
    assert all_alive(tmp_path) == [first, second]
    os.close(first_lock)
    os.close(second_lock)


def test_devices_do_not_wait_for_each_other(tmp_path: Path) -> None:
    _, cpu_lock = join(tmp_path, DeviceQueue(tmp_path, "cpu"))
    gpu, gpu_lock = join(tmp_path, DeviceQueue(tmp_path, "cuda:1"))
    assert DeviceQueue(tmp_path, "cuda:1").ahead_of(gpu) == []
    os.close(cpu_lock)
    os.close(gpu_lock)


def test_tickets_of_the_dead_are_cleared_away(tmp_path: Path) -> None:
    queue = DeviceQueue(tmp_path, "cpu")
    for _ in range(3):
        _, lock = join(tmp_path, queue)
        os.close(lock)
    _, lock = join(tmp_path, queue)
    tickets = [name for name in os.listdir(tmp_path / "queue" / "cpu") if name != "numbering.lock"]
    assert len(tickets) == 1
    os.close(lock)
