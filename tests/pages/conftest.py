"""What tests of several pages begin with."""

from pathlib import Path

import pytest

from core.runs import jobs, known_devices, workers
from core.runs.config import FineTuneConfig
from core.runs.folder import RunFolder
from core.runs.known_devices import DeviceInfo
from tests.samples import make_run


@pytest.fixture
def quiet(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No process is started but by a click, and the devices are known."""
    monkeypatch.setattr(workers, "prepare", lambda: None)
    known_devices.remember(home, [DeviceInfo(name="cpu", label="A CPU", memory_bytes=None, precision="float32")])


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[FineTuneConfig]:
    """The configurations of the runs that were started: folders are made, workers are not."""
    configs: list[FineTuneConfig] = []

    def start(runs_home: Path, config: FineTuneConfig) -> RunFolder:
        configs.append(config)
        return make_run(runs_home, config=config)

    monkeypatch.setattr(jobs, "start", start)
    return configs
