"""A fine-tuning as its driver sees it: the state, the generator that trains it, and the checkpoints that keep it."""

from collections.abc import Iterator
from dataclasses import replace
from typing import cast

from core import devices
from core.feature_files import FeatureFiles
from core.job import Job
from core.runs.config import FineTuneConfig
from core.runs.events import (
    Budgeted,
    Checkpointed,
    EpochDone,
    Evaluated,
    Evaluating,
    Event,
    Extracting,
    Finished,
    Preparing,
    RareEvent,
    Started,
    Step,
    from_line,
)
from core.runs.folder import RunFolder
from core.training.budget import budget
from core.training.clock import Clock
from core.training.fine_tune import fine_tune
from core.training.keeper import Keeper
from core.training.state import TrainingState


class FineTuning(Job):
    """Trains on from the newest checkpoint, or from the start. Saves after every epoch and every minute."""

    def __init__(self, folder: RunFolder, device: str) -> None:
        self._folder = folder
        self._keeper = Keeper(folder.checkpoints)
        self._features = FeatureFiles(folder.path.parents[1])
        state, self.problem = self._keeper.load(device)
        self.step, self._is_resumed = (state.step, True) if state else (0, False)
        self._state = state or TrainingState.new(replace(self._config_to_begin_with(), device=device))

    def events(self) -> Iterator[Event]:
        """See `Job`."""
        self._keeper.put_damaged_aside()  # only now that it was said
        if self._state.config.minutes and not self._is_resumed and self._decided is None:
            yield from self._decide()
        yield from fine_tune(self._state, self._features)

    @property
    def _decided(self) -> Budgeted | None:
        """How many epochs fit into the run's minutes, once that was decided."""
        known: dict[str, type[RareEvent]] = {Budgeted.__name__: Budgeted}
        found = [cast(Budgeted, read[0]) for line in self._folder.event_lines() if (read := from_line(line, known))]
        return found[-1] if found else None

    def _config_to_begin_with(self) -> FineTuneConfig:
        """The run's settings; an attempt that has to begin again has the epochs that were decided on before."""
        config = self._folder.config()
        decided = self._decided if config.minutes else None
        return config.changed(epochs=decided.epochs) if decided else config

    def _decide(self) -> Iterator[Event]:
        """Decide how many epochs there are, and build the state of so many."""
        trial = self._state
        decided = yield from budget(trial, self._features)
        yield decided  # it counts from when it is written down
        config = trial.config.changed(epochs=decided.epochs)
        self._folder.settle(self._folder.config().changed(epochs=decided.epochs))
        clock, device = Clock(trial.clock.seconds), trial.device
        del self._state, trial  # before there has to be room for another one
        devices.forget_what_is_free(device)
        self._state = TrainingState.new(config)
        self._state.clock = clock

    def before(self, event: Event) -> None:
        """Whoever hears that the run is finished finds its network."""
        if isinstance(event, Finished):
            self._keeper.finish(self._state)

    def may_stop(self, event: Event) -> bool:
        """Whether every step that was done was also reported."""
        return isinstance(event, Preparing) or (
            isinstance(event, Step | Evaluating | Extracting) and self._state.is_settled
        )

    def is_save_due(self, event: Event) -> bool:
        """After every epoch, and every minute."""
        is_due = not isinstance(event, Preparing) and self.may_stop(event) and self._keeper.is_due
        return _ends_epoch(event) or is_due

    def save(self, event: Event) -> Checkpointed | None:
        """See `Job`. A state that was only measured is not kept."""
        if isinstance(event, Preparing):
            return None
        self._keeper.save(self._state)
        is_best = isinstance(event, EpochDone) or (isinstance(event, Evaluated) and event.best)
        return Checkpointed(step=self._state.step, epoch=self._state.epoch, best=is_best)

    def leave(self) -> None:
        """Have the best epoch's network at hand."""
        self._keeper.save_best(self._state)

    def log_line(self, event: Event) -> str:
        """See `Job`."""
        if isinstance(event, Started):
            return f"training on {event.device_label} in {event.precision} from step {event.first_step}"
        if isinstance(event, Evaluated):
            return f"epoch {event.epoch}, step {event.step}: {event.split} accuracy {event.accuracy:.4f}"
        if isinstance(event, EpochDone):
            return f"epoch {event.epoch}, step {event.step}: nothing to validate on"
        return ""


def _ends_epoch(event: Event) -> bool:
    return isinstance(event, EpochDone) or (isinstance(event, Evaluated) and event.split == "validation")
