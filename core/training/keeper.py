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
from core.training.divergence import check_numbers
from core.training.state import TrainingState

# A crash costs at most a minute of steps, where a step and a save take less than 15 s together.
SAVE_EVERY_S = 45.0
_KEPT = 2
_DAMAGED = "damaged-"  # begins the names of files that could not be read, until the run is finished
_DAMAGED_ON_DISK = "damaged on the disk"
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
        self._unusable: dict[Path, str] = {}  # and why
        folder.mkdir(exist_ok=True)
        durable.clear_unfinished(folder)
        (folder / ".best.pt").unlink(missing_ok=True)  # of the first format

    @property
    def is_due(self) -> bool:
        """Whether the last save is so long ago that a crash would cost too much."""
        return time.monotonic() - self._saved >= SAVE_EVERY_S

    def save(self, state: TrainingState) -> None:
        """Write what resuming needs.

        Raises:
            TrainingDivergedError: the state holds numbers that no resumed run could go on with; nothing is written.
        """
        check_numbers(state)
        path = self._folder / f"last-{state.step:08d}.pt"
        if state.plans.widest.body is not None:
            self._save_network(state)
            state.save(path, whole=False)
        else:
            if not state.is_at_best_epoch:
                self.save_best(state)  # first: these weights stand nowhere else
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
        self._network.unlink(missing_ok=True)
        for old in [*self._lasts()[1:], *self._folder.glob(f"{_DAMAGED}*")]:
            old.unlink()

    def load(self, device: str) -> tuple[TrainingState | None, str]:
        """The newest state that can be read, on `device`, and what is damaged and was passed over, in a sentence.

        None: there is no such state. `put_damaged_aside` is to be called once that was said.

        Raises:
            OSError, ReadingError: the disk cannot be read at the moment, which says nothing of the files.
        """
        whole = self._read(self._best) or self._read(self._network)
        state: TrainingState | None = None
        for path in self._lasts():
            if contents := self._read(path):
                try:
                    state = TrainingState.resume(contents, path.name, whole, device=device)
                    break
                except NetworkMissingError as error:
                    _log.warning("%s", error)
                    self._unusable[path] = "the network that it belongs to is missing"
                except WeightsFileError as error:
                    _log.warning("%s", error)
                    self._unusable[path] = _DAMAGED_ON_DISK
        if state is not None and whole is not None and self._best not in self._unusable and self._best.is_file():
            epoch = int(whole["metrics"]["epoch"])
            # One that is trained again may come out otherwise on an accelerator, and is then written again.
            self._best_epoch = epoch if epoch <= state.epoch else 0
        return state, self._what_was_damaged(state)

    def put_damaged_aside(self) -> None:
        """Give what cannot be used another name, so that it never counts as the newest again."""
        for path in self._unusable:
            path.replace(path.with_name(f"{_DAMAGED}{path.name}"))
        self._unusable.clear()

    def _read(self, path: Path) -> dict[str, Any] | None:
        """A file's contents; None where there is none, or one that is damaged."""
        if not path.is_file():
            return None
        try:
            if is_intact(path):
                return read_checkpoint(path)
        except WeightsFileError as error:
            _log.warning("%s", error)
        self._unusable[path] = _DAMAGED_ON_DISK
        return None

    def _what_was_damaged(self, state: TrainingState | None) -> str:
        if not self._unusable:
            return ""
        names = " and ".join(f"{path.name} ({reason})" for path, reason in self._unusable.items())
        where = f"goes on after step {state.step:,}" if state else "begins again at its first step"
        lost = state is not None and state.lost_best
        forgotten = " The weights of its best epoch are lost: the best of the other epochs counts." if lost else ""
        return f"Of this run's checkpoints, {names} cannot be used. The run {where}.{forgotten}"

    def _lasts(self) -> list[Path]:
        """What resuming can begin from, the newest first; one of the first format comes last."""
        found = {path: _LAST.fullmatch(path.name) for path in self._folder.iterdir()}
        steps = {path: int(match[1] or -1) for path, match in found.items() if match and path.is_file()}
        return sorted(steps, key=lambda path: steps[path], reverse=True)
