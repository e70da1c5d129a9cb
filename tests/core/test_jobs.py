"""What a start asks of the disk, before anything is written."""

import shutil
from pathlib import Path

import pytest

from core.errors import NotEnoughDiskError
from core.runs import jobs
from core.runs.config import FineTuneConfig


def test_too_little_disk_is_said_before_anything_is_written(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage("/")._replace(free=10**7)
    monkeypatch.setattr("core.runs.jobs.shutil.disk_usage", lambda path: usage)
    with pytest.raises(NotEnoughDiskError, match=r"10 MB free, but the checkpoints of this training need \d+ MB"):
        jobs.start(home, FineTuneConfig())
    assert not home.exists()


def test_larger_networks_need_more_disk() -> None:
    needed = [
        jobs.disk_needed_bytes(config)
        for config in (
            FineTuneConfig(),
            FineTuneConfig(architecture="alexnet"),
            FineTuneConfig(architecture="alexnet", mode="full"),
        )
    ]
    assert needed == sorted(needed)
    assert needed[-1] > 2 * 61_100_840 * 8
