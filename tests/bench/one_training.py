"""One training as a worker does it, in a fresh process with a worker's environment, without a run folder.

    python -m tests.bench.one_training SETTINGS

The settings are a configuration's, as JSON; what came of it is printed as JSON.
"""

import json
import subprocess
import sys
from dataclasses import asdict, dataclass

from core.feature_files import FeatureFiles
from core.home import home
from core.runs import workers
from core.runs.config import FineTuneConfig
from core.runs.events import Evaluated, Finished, Step
from tests.bench.figures import temporary_home
from tests.conftest import ROOT


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of a training, by its own clock and its own scores."""

    test_accuracy: float  # 0 to 1, with the weights of the best epoch
    validation_accuracy: float  # 0 to 1, of that epoch
    best_epoch: int
    seconds: float  # of everything: training, validation, test
    epoch_seconds: list[float]  # of the steps of each epoch alone


def train(config: FineTuneConfig) -> Outcome:
    """Train to the end, in this process. What frozen layers compute is kept in its home."""
    from core.training.fine_tune import fine_tune
    from core.training.state import TrainingState

    state = TrainingState.new(config)
    began, epoch_seconds = 0.0, []
    for event in fine_tune(state, FeatureFiles(home())):
        if isinstance(event, Step) and event.step % state.steps_per_epoch == 0:
            epoch_seconds.append(event.seconds - began)
        elif isinstance(event, Evaluated):
            began = event.seconds
    assert isinstance(event, Finished)
    assert event.test_accuracy is not None
    assert event.best_accuracy is not None
    return Outcome(
        test_accuracy=event.test_accuracy,
        validation_accuracy=event.best_accuracy,
        best_epoch=event.best_epoch,
        seconds=event.seconds,
        epoch_seconds=epoch_seconds,
    )


def train_apart(config: FineTuneConfig) -> Outcome:
    """Train to the end in a fresh process, where nothing is known of earlier trainings."""
    command = [sys.executable, "-m", "tests.bench.one_training", json.dumps(config.to_dict())]
    with temporary_home():
        ran = subprocess.run(
            command, cwd=ROOT, env=workers.environment(), check=True, stdout=subprocess.PIPE, text=True
        )
    return Outcome(**json.loads(ran.stdout))


if __name__ == "__main__":
    print(json.dumps(asdict(train(FineTuneConfig.from_dict(json.loads(sys.argv[1]))))))
