"""Everything that a fine-tuning is at one moment: it can be saved between any two events and goes on from there.

Randomness is no part of it: crops, order and dropout are functions of (seed, step), see `core.data.splits`.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from core import devices
from core.data import library
from core.data.batches import Batches
from core.data.dataset import SIDES
from core.data.gather import Gatherer
from core.data.transforms import Transform
from core.errors import DataChangedError, DataSetError, NetworkMissingError, WeightsFileError
from core.models import blocks, build, heads
from core.runs.config import FineTuneConfig
from core.training.averaging import Average, average_of
from core.training.beginnings import transform_for, untrained, untrained_weights
from core.training.checkpoints import on_cpu, plain, read_checkpoint, read_transform, write_checkpoint
from core.training.clock import Clock
from core.training.fields import check_head, check_position, copy_weights, restore_optimizer, under_whole_names
from core.training.mixed_precision import train_depthwise_in_float32
from core.training.optimizers import MEMORY, make_optimizer
from core.training.photos import PhotosOfSide
from core.training.plan import Plan, Plans


@dataclass(kw_only=True)
class TrainingState:
    """The network, its optimizer and the position in the data.

    Build one by `TrainingState.new(config)` or `TrainingState.load(path)`, and drive it by `fine_tune(state)`.
    """

    config: FineTuneConfig
    device: torch.device
    precision: str
    classes: tuple[str, ...]
    transform: Transform
    data_digest: str  # of all that the data set's manifest says
    batches: Batches
    train: PhotosOfSide
    validation: PhotosOfSide
    test: PhotosOfSide
    model: nn.Module
    head: heads.Head
    plans: Plans
    optimizer: torch.optim.Optimizer
    average: Average | None  # of the widest plan's tail, which is then scored in its place
    clock: Clock = field(default_factory=Clock)
    epoch: int = 0  # complete epochs, validation included
    batch: int = 0  # batches done in the current epoch
    step: int = 0  # optimizer steps done
    reported_step: int = 0  # steps whose event was yielded
    accuracy: float | None = None  # on validation photos, after the newest complete epoch; None where there are none
    best_accuracy: float | None = None
    best_score: float | None = None  # what the best epoch was chosen by; the higher, the better
    scores: list[float | None] = field(default_factory=list)  # of every complete epoch
    best_epoch: int = 0  # the last one, where none is scored
    best_weights: dict[str, Tensor] = field(default_factory=dict)  # of the widest plan's tail
    rows_hash: str | None = ""  # of the rows of every step so far, in their order; None where that is not known
    lost_best: bool = False  # whether the best epoch's weights could not be found again
    num_pieces: int = 1  # in which a batch is computed
    has_room: bool = False  # whether a step has fitted into the device's memory, so that the next ones do

    @classmethod
    def new(cls, config: FineTuneConfig) -> "TrainingState":
        """The state before the first step.

        Raises:
            WeightsError: the weights cannot be had or do not fit.
            UnfreezeError: there is no such device.
        """
        return cls._around(config, untrained(config))

    @classmethod
    def _around(cls, config: FineTuneConfig, model: nn.Module, transform: Transform | None = None) -> "TrainingState":
        """The state of a network whose head fits the data, at the start of its training.

        `transform` is what a resumed run began with.
        """
        device = devices.get_device(config.device)
        data_set = library.load(config.data)
        gatherer = Gatherer(data_set.pixels, device)
        train, validation, test = (
            PhotosOfSide.of(data_set.manifest, side, gatherer, device, seed=config.seed) for side in SIDES
        )
        if not len(train):
            raise DataSetError(
                "This data set has no training photos. Put some back on the page Data, or choose another."
            )
        model.to(device, memory_format=devices.memory_format(device))  # type: ignore[call-overload]
        precision = devices.default_precision(device) if config.precision == "auto" else config.precision
        if device.type == "cpu" and precision == "bfloat16":
            train_depthwise_in_float32(model)
        plans = Plans(model, config, precision)
        head = heads.get_head(model, config.architecture)
        if config.learning.head_dropout:
            heads.drop_features(head, config.learning.head_dropout)
        optimizer = make_optimizer(plans.learning(), config.optimizer)
        return cls(
            config=config,
            device=device,
            precision=precision,
            classes=data_set.manifest.classes,
            transform=transform or transform_for(config),
            data_digest=data_set.manifest.digest,
            batches=Batches(num_photos=len(train), batch_size=config.batch_size, seed=config.seed),
            train=train,
            validation=validation,
            test=test,
            model=model,
            head=head,
            plans=plans,
            optimizer=optimizer,
            num_pieces=config.optimizer.accumulation,
            average=average_of(plans.widest.tail, optimizer, config.goal.averaging),
        )

    @property
    def is_settled(self) -> bool:
        """Whether every step that was done has been reported: only then may the state be saved."""
        return self.step == self.reported_step

    @property
    def steps_per_epoch(self) -> int:
        """Batches in an epoch; the last one may be smaller."""
        return self.batches.steps_per_epoch

    @property
    def plan(self) -> Plan:
        """What learns in the current epoch, and, after the last one, what has learnt."""
        return self.plans.at(self.epoch)

    def end_epoch(self) -> None:
        """Go on to the next epoch, and to the next plan where it is time for that."""
        before = self.plan
        self.epoch, self.batch = self.epoch + 1, 0
        self.has_room = self.has_room and self.plan is before

    @property
    def total_steps(self) -> int:
        """Steps of the whole run."""
        return self.steps_per_epoch * self.config.epochs

    @property
    def is_at_best_epoch(self) -> bool:
        """Whether the current weights are those of the best epoch."""
        return self.batch == 0 and 0 < self.epoch == self.best_epoch

    @property
    def is_over(self) -> bool:
        """Whether no further epoch is to come: all are done, or none was better for as long as was allowed."""
        patience = self.config.goal.patience
        has_waited = bool(self.best_epoch and patience) and self.epoch - self.best_epoch >= patience
        return self.batch == 0 and (self.epoch >= self.config.epochs or has_waited)

    @property
    def scored_weights(self) -> dict[str, Tensor]:
        """Of the widest plan's tail: those that an epoch is judged by."""
        return self.average.values if self.average else dict(self.plans.widest.tail.state_dict())

    def keep_if_best(self, accuracy: float | None, score: float | None) -> bool:
        """Remember the current weights if no epoch scored higher, or none is scored. Returns whether it did."""
        self.accuracy = accuracy
        self.scores.append(score)
        if score is not None and self.best_score is not None and score <= self.best_score:
            return False
        self.best_accuracy, self.best_score, self.best_epoch = accuracy, score, self.epoch
        self.best_weights = {name: tensor.detach().clone() for name, tensor in self.scored_weights.items()}
        return True

    def save(self, path: Path, *, whole: bool = True) -> None:
        """Write a checkpoint from which `load` goes on, and, if it is `whole`, from which a network predicts.

        One that is not leaves out the frozen part: it is small, and `load` needs a whole one beside it.
        """
        assert self.is_settled, (self.step, self.reported_step)
        training = {
            "optimizer": on_cpu(self.optimizer.state_dict()),
            "epoch": self.epoch,
            "batch": self.batch,
            "step": self.step,
            "seconds": self.clock.seconds,
            "best_accuracy": self.best_accuracy,
            "best_score": self.best_score,
            "scores": self.scores,
            "average": on_cpu(self.average.values) if self.average else {},
            "best_epoch": self.best_epoch,
            "rows_hash": self.rows_hash,
            "num_pieces": self.num_pieces,
            # Of a whole network, they are in a file of their own.
            "best_weights": {} if self.plans.widest.body is None else on_cpu(self.best_weights),
        }
        written = self.model if whole else self.plans.widest.tail
        write_checkpoint(path, self._contents(written.state_dict()) | {"training": training})

    def save_best(self, path: Path) -> None:
        """Write the network with the weights of the best epoch: to predict with, not to go on from."""
        metrics = {
            "epoch": self.best_epoch,
            "step": self.best_epoch * self.steps_per_epoch,
            "validation_accuracy": self.best_accuracy,
            "score": self.best_score,
        }
        write_checkpoint(path, self._contents(self.model.state_dict() | self.best_weights) | {"metrics": metrics})

    def _contents(self, weights: dict[str, Tensor]) -> dict[str, Any]:
        return {
            "architecture": self.config.architecture,
            "classes": list(self.classes),
            "transform": self.transform.to_dict(),
            "weights": {name: plain(tensor) for name, tensor in weights.items()},
            "configuration": self.config.to_dict(),
            "data_digest": self.data_digest,
            "metrics": {"epoch": self.epoch, "step": self.step, "validation_accuracy": self.accuracy},
        }

    @classmethod
    def load(cls, last: Path, whole: Path | None, *, device: str | None = None) -> "TrainingState":
        """The state as it was saved at `last`.

        `whole` is a whole checkpoint of the same run, if there is one: it has what `last` may leave out, and the best
        epoch's weights where a whole network is trained. `device` replaces the configuration's.

        Raises:
            WeightsFileError: a file cannot be read, or is no checkpoint of Unfreeze.
            NetworkMissingError: `last` leaves the network out, and there is no `whole`.
            DataChangedError: the photos are not those that the run began with.
        """
        beside = read_checkpoint(whole) if whole is not None and whole.is_file() else None
        return cls.resume(read_checkpoint(last), last.name, beside, device=device)

    @classmethod
    def resume(
        cls, contents: dict[str, Any], name: str, whole: dict[str, Any] | None, *, device: str | None = None
    ) -> "TrainingState":
        """What `load` does with the contents of its files; `name` is for messages."""
        training = contents.get("training")
        if not isinstance(training, dict):
            raise WeightsFileError(f"{name} holds a trained network, but not what it takes to train it further.")
        config = FineTuneConfig.from_dict(contents["configuration"])
        config = replace(config, device=device or config.device)
        first = f"{blocks.blocks_of(config.architecture)[0].name}."
        weights = contents["weights"]
        if not any(name.startswith(first) for name in weights):
            if whole is None and config.weights == "file":  # which may be another one by now
                raise NetworkMissingError(f"{name} holds what has learnt, but the rest of its network is missing.")
            unchanged = whole["weights"] if whole is not None else untrained_weights(config)
            weights = unchanged | weights
        model = build.build_for_weights(config.architecture, weights, name)
        state = cls._around(config, model, read_transform(contents["transform"]))
        if contents.get("data_digest", state.data_digest) != state.data_digest:  # earlier versions wrote none
            raise DataChangedError(
                "The photos of this run, their labels or their split have changed since it began. It cannot go on with "
                "others: start a new run with its settings."
            )
        check_head(state.head, state.classes, name)
        restore_optimizer(state.optimizer, training["optimizer"], MEMORY[config.optimizer.algorithm], name)
        state.clock = Clock(training["seconds"])
        state.epoch, state.batch, state.step = training["epoch"], training["batch"], training["step"]
        state.reported_step = state.step
        state.scores = training.get("scores", [])
        check_position(state.epoch, state.batch, state.step, state.steps_per_epoch, config.epochs, name)
        if max(training["best_epoch"], len(state.scores)) > state.epoch:
            raise WeightsFileError(f"{name} is damaged: it has results of epochs that are still to come.")
        state.accuracy = contents["metrics"]["validation_accuracy"]
        state.rows_hash = training.get("rows_hash")  # the first format has none
        state.num_pieces = training.get("num_pieces", state.num_pieces)
        if state.average:
            state.average.restore(copy_weights(training.get("average", {}), state.plans.widest.tail, name), state.step)
        if training["best_epoch"]:
            state._take_best(training, whole, name)
        return state

    def _take_best(self, training: dict[str, Any], whole: dict[str, Any] | None, name: str) -> None:
        """Find the best epoch's weights: the current ones, those in the checkpoint itself, or those of another file."""
        self.best_accuracy, self.best_epoch = training["best_accuracy"], training["best_epoch"]
        self.best_score = training.get("best_score", self.best_accuracy)  # earlier versions chose by accuracy alone
        best = under_whole_names(training.get("best_weights") or {}, self.config.architecture)
        if self.is_at_best_epoch:  # a run that was killed between its two files has them only here
            best = self.scored_weights
        elif not best and whole is not None:
            best = whole["weights"]
            # The file says itself whose weights it has: of a later epoch, if `last` is not the newest that there was.
            metrics = whole["metrics"]
            self.best_accuracy, self.best_epoch = metrics["validation_accuracy"], metrics["epoch"]
            self.best_score = metrics.get("score", self.best_accuracy)
        elif not best:  # of the epochs that are still to come the best counts, and the current one
            self.lost_best = True
            best = self.scored_weights if self.batch == 0 else {}
            self.best_accuracy, self.best_epoch = (self.accuracy, self.epoch) if best else (None, 0)
            self.best_score = self.scores[-1] if best and self.scores else None
        # Copies: training must not write into what it will be scored with.
        self.best_weights = copy_weights(best, self.plans.widest.tail, name)
