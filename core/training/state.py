"""Everything that a fine-tuning is at one moment: it can be saved between any two events and goes on from there.

Randomness is no part of it: crops, order and dropout are functions of (seed, step), see `core.data.splits`.
"""

import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from core import device as devices
from core.data import splits
from core.data.sources import SOURCES, LabelledImages
from core.data.transforms import EvaluationTransform
from core.models import build, catalog, heads
from core.runs.config import FineTuneConfig
from core.training.checkpoints import read_checkpoint, write_checkpoint

Device = torch.device


class Clock:
    """Counts the seconds that a run works, not those in which somebody else does."""

    def __init__(self, seconds: float = 0.0) -> None:
        self._seconds = seconds
        self._running_since: float | None = None

    def start(self) -> None:
        self._running_since = time.perf_counter()

    def pause(self) -> None:
        self._seconds = self.seconds
        self._running_since = None

    @property
    def seconds(self) -> float:
        """All that was counted so far."""
        running = 0.0 if self._running_since is None else time.perf_counter() - self._running_since
        return self._seconds + running


@dataclass(kw_only=True)
class Images:
    """One split, on the device: (count, H, W, 3) uint8 images and (count,) class indices."""

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    @classmethod
    def on(cls, device: Device, source: LabelledImages, indices: Any = slice(None)) -> "Images":
        """Some of a source's images, moved to the device."""
        return cls(
            images=torch.from_numpy(source.images[indices]).to(device),
            labels=torch.from_numpy(source.labels[indices]).to(device),
        )


@dataclass(kw_only=True)
class TrainingState:
    """The network, its optimizer and the position in the data.

    Build one by `TrainingState.new(config)` or `TrainingState.load(path)`, and drive it by `fine_tune(state)`.
    """

    config: FineTuneConfig
    device: Device
    precision: str
    classes: tuple[str, ...]
    transform: EvaluationTransform
    train: Images
    validation: Images
    test: Images
    model: nn.Module
    head: heads.Head
    optimizer: torch.optim.Optimizer
    clock: Clock = field(default_factory=Clock)
    epoch: int = 0  # complete epochs, validation included
    batch: int = 0  # batches done in the current epoch
    step: int = 0  # optimizer steps done
    reported_step: int = 0  # steps whose event was yielded
    accuracy: float = 0.0  # on validation images, after the newest complete epoch
    best_accuracy: float = -1.0
    best_epoch: int = 0
    best_weights: dict[str, Tensor] = field(default_factory=dict)

    @classmethod
    def new(cls, config: FineTuneConfig) -> "TrainingState":
        """The state before the first step.

        Raises:
            WeightsError: the weights cannot be had or do not fit.
            UnfreezeError: there is no such device.
        """
        known = catalog.ARCHITECTURES[config.architecture]
        if config.weights == "pretrained":
            model = build.build_pretrained(config.architecture)
        elif config.weights == "file":
            model = build.build_from_file(config.architecture, Path(str(config.weights_file)))
        else:
            model = build.build_random(config.architecture, known.num_classes, seed=config.seed)
        num_classes = len(SOURCES[config.data].load().classes)
        heads.replace_head(model, config.architecture, num_classes, seed=config.seed)
        return cls._around(config, model)

    @classmethod
    def _around(cls, config: FineTuneConfig, model: nn.Module) -> "TrainingState":
        """The state of a network whose head fits the data, at the start of its training."""
        device = devices.get_device(config.device)
        known = catalog.ARCHITECTURES[config.architecture]
        data_set = SOURCES[config.data].load()
        train_indices, validation_indices = splits.split_validation(data_set.train.labels, seed=config.seed)
        model.to(device, memory_format=devices.memory_format(device))  # type: ignore[call-overload]
        head = heads.get_head(model, config.architecture)
        if config.mode == "frozen":
            heads.freeze_all_but(model, head)
        return cls(
            config=config,
            device=device,
            precision=devices.default_precision(device) if config.precision == "auto" else config.precision,
            classes=data_set.classes,
            transform=EvaluationTransform(image_size=config.image_size, mean=known.mean, std=known.std),
            train=Images.on(device, data_set.train, train_indices),
            validation=Images.on(device, data_set.train, validation_indices),
            test=Images.on(device, data_set.test),
            model=model,
            head=head,
            optimizer=make_optimizer(
                model,
                learning_rate=config.learning_rate,
                momentum=config.momentum,
                weight_decay=config.weight_decay,
            ),
        )

    @property
    def is_settled(self) -> bool:
        """Whether every step that was done has been reported: only then may the state be saved."""
        return self.step == self.reported_step

    @property
    def trained(self) -> nn.Module:
        """The part of the network that learns."""
        return self.head if self.config.mode == "frozen" else self.model

    @property
    def steps_per_epoch(self) -> int:
        """Batches in an epoch; the last one may be smaller."""
        return splits.num_batches(len(self.train), self.config.batch_size)

    @property
    def is_at_best_epoch(self) -> bool:
        """Whether the current weights are those of the best epoch."""
        return self.batch == 0 and 0 < self.epoch == self.best_epoch

    def keep_if_best(self, accuracy: float) -> bool:
        """Remember the current weights if no epoch scored higher. Returns whether they were the best."""
        self.accuracy = accuracy
        if accuracy <= self.best_accuracy:
            return False
        self.best_accuracy, self.best_epoch = accuracy, self.epoch
        self.best_weights = _copy_of(self.trained)
        return True

    def save(self, path: Path) -> None:
        """Write a checkpoint from which `load` goes on, and from which a network predicts."""
        assert self.is_settled, (self.step, self.reported_step)
        write_checkpoint(
            path,
            {
                "architecture": self.config.architecture,
                "classes": list(self.classes),
                "transform": self.transform.to_dict(),
                "weights": {name: _plain(tensor) for name, tensor in self.model.state_dict().items()},
                "configuration": self.config.to_dict(),
                "metrics": {"epoch": self.epoch, "step": self.step, "validation_accuracy": self.accuracy},
                "training": {
                    "optimizer": _on_cpu(self.optimizer.state_dict()),
                    "epoch": self.epoch,
                    "batch": self.batch,
                    "step": self.step,
                    "seconds": self.clock.seconds,
                    "best_accuracy": self.best_accuracy,
                    "best_epoch": self.best_epoch,
                },
            },
        )

    @classmethod
    def load(cls, last: Path, best: Path, *, device: str | None = None) -> "TrainingState":
        """The state as it was saved at `last`; the best epoch's weights come from `best`, if an epoch was complete.

        `device` replaces the configuration's.

        Raises:
            WeightsFileError: a file cannot be read, or is no checkpoint of Unfreeze.
        """
        contents = read_checkpoint(last)
        config = FineTuneConfig.from_dict(contents["configuration"])
        config = replace(config, device=device or config.device)
        model = build.build_for_weights(config.architecture, contents["weights"], last.name)
        state = cls._around(config, model)
        training = contents["training"]
        state.optimizer.load_state_dict(training["optimizer"])
        state.clock = Clock(training["seconds"])
        state.epoch, state.batch, state.step = training["epoch"], training["batch"], training["step"]
        state.reported_step = state.step
        state.accuracy = contents["metrics"]["validation_accuracy"]
        state.best_accuracy, state.best_epoch = training["best_accuracy"], training["best_epoch"]
        if state.best_epoch:
            # A run that was killed between the two files has its best weights only in the first.
            saved = contents["weights"] if state.is_at_best_epoch else read_checkpoint(best)["weights"]
            prefix = f"{catalog.ARCHITECTURES[config.architecture].head}." if config.mode == "frozen" else ""
            state.best_weights = {
                name: saved[f"{prefix}{name}"].to(state.device) for name in state.trained.state_dict()
            }
        return state


def make_optimizer(
    model: nn.Module, *, learning_rate: float, momentum: float, weight_decay: float
) -> torch.optim.Optimizer:
    """SGD over the parameters that learn: a frozen one, handed over, would still shrink by weight decay."""
    learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
    # One fused kernel instead of several passes over memory; the same update.
    return torch.optim.SGD(learning, lr=learning_rate, momentum=momentum, weight_decay=weight_decay, fused=True)


def _on_cpu(values: Any) -> Any:
    """The same nested dictionaries and lists, with tensors that a machine without the device can read."""
    if isinstance(values, Tensor):
        return values.detach().cpu()
    if isinstance(values, dict):
        return {name: _on_cpu(value) for name, value in values.items()}
    return [_on_cpu(value) for value in values] if isinstance(values, list) else values


def _copy_of(module: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in module.state_dict().items()}


def _plain(tensor: Tensor) -> Tensor:
    """As anybody can read it: on the CPU, contiguous."""
    return tensor.detach().cpu().contiguous()
