"""Which checkpoints a run has on disk, and when they are written. Only for whoever holds the run's lock.

    last-<step>.pt   what resuming needs: the newest two, in case one is damaged. A frozen run's are small, without the
                     part of the network that does not change
    best.pt          the whole network with the weights of the best epoch: to predict with, and to download
    network.pt       of a frozen run without a best epoch yet: the whole network, for what its `last` leaves out

A run of the first format has one `last.pt`.
"""

import logging
import math
import re
import time
from pathlib import Path
from typing import Any

from core import durable
from core.errors import NetworkMissingError, WeightsFileError
from core.training.checkpoints import is_intact, read_checkpoint
from core.training.state import TrainingState

SAVE_EVERY_S = 45.0  # at most a minute of steps is lost to a crash: a save and a step take time, too
_KEPT = 2
_DAMAGED = "damaged-"  # begins the names of files that could not be read, until the run is finished
_LAST = re.compile(r"last(?:-([0-9]{8,}))?\.pt")
_log = logging.getLogger(__name__)


class Keeper:
    """Saves a training's state, and finds it again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._best, self._network = folder / "best.pt", folder / "network.pt"
        self._saved = time.monotonic()
        self._saved_best = -math.inf
        self._best_epoch = 0  # whose weights stand in `best.pt`
        folder.mkdir(exist_ok=True)
        durable.clear_unfinished(folder)
        (folder / ".best.pt").unlink(missing_ok=True)  # of the first format

    @property
    def is_due(self) -> bool:
        """Whether the last save is so long ago that a crash would cost too much."""
        return time.monotonic() - self._saved >= SAVE_EVERY_S

    def save(self, state: TrainingState) -> None:
        """Write what resuming needs."""
        path = self._folder / f"last-{state.step:08d}.pt"
        if state.config.mode == "frozen":
            self._save_network(state)
            state.save(path, whole=False)
        else:
            state.save(path)
            self.save_best(state)
        self._saved = time.monotonic()
        for old in self._lasts()[_KEPT:]:
            old.unlink()

    def _save_network(self, state: TrainingState) -> None:
        """See that the part that does not change stands somewhere, before a checkpoint leaves it out.

        A frozen run's checkpoints hold their best weights themselves, so `best.pt` may lag behind: it is large.
        """
        is_stale = time.monotonic() - self._saved_best >= SAVE_EVERY_S
        if state.best_epoch and (is_stale or not self._best.is_file()):
            self.save_best(state)
        elif not self._best.is_file() and not self._network.is_file():
            state.save(self._network)

    def save_best(self, state: TrainingState) -> None:
        """Bring `best.pt` up to date, once there is a best epoch."""
        if state.best_epoch in (0, self._best_epoch):
            return
        state.save_best(self._best)
        self._best_epoch, self._saved_best = state.best_epoch, time.monotonic()
        self._network.unlink(missing_ok=True)

    def finish(self, state: TrainingState) -> None:
        """Leave what a finished run needs: the best network, and one state to go on from."""
        self.save_best(state)
        for old in [*self._lasts()[1:], *self._folder.glob(f"{_DAMAGED}*")]:
            old.unlink()

    def load(self, device: str) -> tuple[TrainingState | None, str]:
        """The newest state that can be read, on `device`, and what is damaged and was passed over, in a sentence.

        None: there is no such state. What is damaged is put aside, so that it never counts as the newest again.
        """
        damaged: list[str] = []
        wholes = [path for path in (self._best, self._network) if self._read(path, damaged)]
        whole = wholes[0] if wholes else None
        state: TrainingState | None = None
        for path in self._lasts():
            if contents := self._read(path, damaged):
                try:
                    state = TrainingState.resume(contents, path.name, whole, device=device)
                    break
                except NetworkMissingError:  # nobody can use it any more
                    path.unlink()
        if state is not None and whole == self._best:
            epoch = int(read_checkpoint(self._best)["metrics"]["epoch"])
            # One that is trained again may come out otherwise on an accelerator, and is then written again.
            self._best_epoch = epoch if epoch <= state.epoch else 0
        return state, _what_was_damaged(damaged, state)

    def _read(self, path: Path, damaged: list[str]) -> dict[str, Any] | None:
        """A file's contents; None, with the file put aside and its name among the damaged, where it cannot be read."""
        if not path.is_file():
            return None
        try:
            contents = read_checkpoint(path)
            if is_intact(path):
                return contents
        except WeightsFileError as error:
            _log.warning("%s", error)
        damaged.append(path.name)
        path.replace(path.with_name(f"{_DAMAGED}{path.name}"))
        return None

    def _lasts(self) -> list[Path]:
        """What resuming can begin from, the newest first; one of the first format comes last."""
        found = {path: _LAST.fullmatch(path.name) for path in self._folder.iterdir()}
        steps = {path: int(match[1] or -1) for path, match in found.items() if match and path.is_file()}
        return sorted(steps, key=lambda path: steps[path], reverse=True)


def _what_was_damaged(damaged: list[str], state: TrainingState | None) -> str:
    if not damaged:
        return ""
    where = f"goes on after step {state.step:,}" if state else "begins again at its first step"
    return f"Of this run's checkpoints, {' and '.join(damaged)} had been damaged on the disk. The run {where}."
