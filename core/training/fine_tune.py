"""Fine-tuning as a generator: drive it with `for event in fine_tune(state)`, look at the state in between.

Frozen, it trains the head on what the frozen part computes. Where every epoch would compute the same (no random
crops), the first epoch keeps the features, in the order in which it needs them: losses stream from the first step,
and later epochs cost next to nothing.
"""

import math
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

from core import device as devices
from core.data import splits
from core.data.transforms import random_resized_crop
from core.errors import TrainingDivergedError
from core.models import catalog, heads
from core.runs.events import Evaluated, Evaluating, Event, Finished, Split, Started, Step
from core.training.state import Images, TrainingState

Network = Callable[[Tensor], Tensor]

_HAND_OVER_EVERY_S = 0.2
_EVALUATION_BATCH = 32
# Kept features may take this share of the memory that is free when the run starts.
_FEATURES_SHARE = 0.25


def fine_tune(state: TrainingState) -> Iterator[Event]:
    """Train to the end, an event at a time. After any event for which `state.is_settled`, it may be left and saved.

    Raises:
        TrainingDivergedError: a loss is not finite. No step from that one on was yielded.
    """
    events = _fine_tune(state)
    while True:
        state.clock.start()
        event = next(events, None)
        state.clock.pause()  # what the consumer does is not the run's work
        if event is None:
            return
        yield event


def _fine_tune(state: TrainingState) -> Iterator[Event]:
    frozen = FrozenPart(state) if state.config.mode == "frozen" else None
    yield _started(state, keeps_features=frozen is not None and frozen.keeps_features)
    while state.epoch < state.config.epochs:
        yield from _train_epoch(state, frozen)
        loss, accuracy = yield from _evaluate(state, frozen, "validation", state.validation)
        if not math.isfinite(loss):
            raise _diverged(loss, f"after step {state.step}", state)
        state.epoch, state.batch = state.epoch + 1, 0
        best = state.keep_if_best(accuracy)
        yield _evaluated(state, "validation", loss, accuracy, epoch=state.epoch, best=best)
    loss, accuracy = yield from _evaluate(state, frozen, "test", state.test, weights=state.best_weights)
    yield _evaluated(state, "test", loss, accuracy, epoch=state.best_epoch, best=True)
    yield Finished(
        best_epoch=state.best_epoch,
        best_accuracy=state.best_accuracy,
        test_accuracy=accuracy,
        seconds=state.clock.seconds,
    )


def _train_epoch(state: TrainingState, frozen: "FrozenPart | None") -> Iterator[Step]:
    """The rest of the current epoch, a step for every batch."""
    config, train = state.config, state.train
    network: Network = state.model.train() if frozen is None else lambda inputs: heads.to_logits(state.head(inputs))
    precision = state.precision if frozen is None else "float32"
    order = splits.epoch_order(len(train), seed=config.seed, epoch=state.epoch)
    losses = Losses(state)
    while state.batch < state.steps_per_epoch:
        start = state.batch * config.batch_size
        indices = torch.from_numpy(order[start : start + config.batch_size]).to(state.device)
        seed_dropout(config.seed, state.step + 1)
        inputs = training_batch(state, indices) if frozen is None else frozen.training_features(indices)
        loss = train_step(
            network, state.optimizer, inputs, train.labels[indices], lambda: devices.autocast(state.device, precision)
        )
        state.step, state.batch = state.step + 1, state.batch + 1
        losses.add(loss, num_images=len(indices))
        if losses.are_due or state.batch == state.steps_per_epoch:
            yield from losses.hand_over()


def train_step(
    network: Network,
    optimizer: torch.optim.Optimizer,
    inputs: Tensor,
    labels: Tensor,
    autocast: Callable[[], AbstractContextManager[object]],
) -> Tensor:
    """One optimizer step on (batch, ...) inputs with (batch,) labels. Returns the batch's mean loss, on the device."""
    optimizer.zero_grad()
    with autocast():
        loss = functional.cross_entropy(network(inputs), labels)
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    return loss.detach()


def training_batch(state: TrainingState, indices: Tensor) -> Tensor:
    """The images of one step as the network reads them, augmented as configured: (batch, 3, size, size)."""
    images = state.train.images[indices]
    if state.config.augmentation == "none":
        batch = state.transform(images)
    else:
        batch = random_resized_crop(
            images,
            splits.crop_stream(seed=state.config.seed, step=state.step + 1),
            image_size=state.transform.image_size,
            mean=state.transform.mean,
            std=state.transform.std,
        )
    # Converted last: resizing in channels-last costs twice as much.
    return batch.contiguous(memory_format=devices.memory_format(state.device))


def seed_dropout(seed: int, step: int) -> None:
    """Make the step's dropout a function of seed and step, whatever else has drawn random numbers."""
    torch.manual_seed(int(splits.random_stream(splits.DROPOUT, seed=seed, position=step).integers(2**63)))


def _diverged(loss: float, where: str, state: TrainingState) -> TrainingDivergedError:
    return TrainingDivergedError(
        f"The loss became {loss} {where}: training diverged. Start again with a smaller learning rate than "
        f"{state.config.learning_rate:g}."
    )


class Losses:
    """Keeps losses on the device and reads them a few times a second: reading one stalls an accelerator."""

    def __init__(self, state: TrainingState) -> None:
        self._state = state
        self._waiting: list[Tensor] = []
        self._num_images: list[int] = []
        self._handed_over = time.perf_counter()
        self._seconds = state.clock.seconds

    def add(self, loss: Tensor, *, num_images: int) -> None:
        """Keep the loss of the step just done."""
        self._waiting.append(loss)
        self._num_images.append(num_images)

    @property
    def are_due(self) -> bool:
        """On a CPU always: there is nothing to stall."""
        return self._state.device.type == "cpu" or time.perf_counter() - self._handed_over > _HAND_OVER_EVERY_S

    def hand_over(self) -> Iterator[Step]:
        """An event for every step since the last call.

        Raises:
            TrainingDivergedError: at the first loss that is not finite.
        """
        state = self._state
        values: list[float] = (
            torch.stack(self._waiting).tolist() if len(self._waiting) > 1 else [self._waiting[0].item()]
        )
        first, before = state.reported_step + 1, self._seconds
        self._seconds, self._handed_over = state.clock.seconds, time.perf_counter()
        each = (self._seconds - before) / len(values)
        num_images, self._waiting, self._num_images = self._num_images, [], []
        for index, loss in enumerate(values):
            if not math.isfinite(loss):
                raise _diverged(loss, f"at step {first + index}", state)
            state.reported_step = first + index
            yield Step(
                step=first + index,
                loss=loss,
                learning_rate=state.optimizer.param_groups[0]["lr"],
                seconds=before + each * (index + 1),
                images=num_images[index],
            )


@dataclass
class _Kept:
    """Features of one split, (count, features), and which rows are there."""

    features: Tensor
    is_known: Tensor


class FrozenPart:
    """Everything before the head. It stays in eval mode: no dropout, and BatchNorm keeps its statistics."""

    def __init__(self, state: TrainingState) -> None:
        self._state = state
        self._kept: dict[str, _Kept] = {}
        num_images = len(state.train) + len(state.validation)
        num_features = catalog.ARCHITECTURES[state.config.architecture].head_features
        needed_bytes = 4 * num_images * num_features
        # What a convolution reads has a width and a height, too: far more than it takes to compute it again.
        fits = isinstance(state.head, nn.Linear) and needed_bytes < _FEATURES_SHARE * devices.free_memory_bytes(
            state.device
        )
        self._num_features = num_features
        self.keeps_features = fits and state.config.augmentation == "none" and state.config.epochs > 1
        state.model.eval()

    def training_features(self, indices: Tensor) -> Tensor:
        """What the head trains on: (batch, features) float32."""
        if not self.keeps_features:
            return self._compute(lambda: training_batch(self._state, indices), self._state.precision)
        kept = self._kept.get("train") or self._make_room("train", len(self._state.train))
        missing = indices[~kept.is_known[indices]]
        if len(missing):
            kept.features[missing] = self._compute(lambda: training_batch(self._state, missing), self._state.precision)
            kept.is_known[missing] = True
        return kept.features[indices]

    def evaluation_features(self, split: Split, rows: slice, images: Tensor) -> Tensor:
        """What the head is scored on, in float32: (batch, features)."""
        if not self.keeps_features or split == "test":  # the test set is read once
            return self._compute(lambda: evaluation_batch(self._state, images), "float32")
        kept = self._kept.get(split) or self._make_room(split, len(self._state.validation))
        if not kept.is_known[rows].all():
            kept.features[rows] = self._compute(lambda: evaluation_batch(self._state, images), "float32")
            kept.is_known[rows] = True
        return kept.features[rows]

    def knows(self, split: Split) -> bool:
        """Whether every feature of a split is kept."""
        return split in self._kept and bool(self._kept[split].is_known.all())

    def _compute(self, batch: Callable[[], Tensor], precision: str) -> Tensor:
        # Not inference_mode: its tensors could not be used in the head's backward pass.
        with torch.no_grad(), devices.autocast(self._state.device, precision):
            return heads.head_inputs(self._state.model, self._state.head, batch()).float()

    def _make_room(self, split: str, count: int) -> _Kept:
        device = self._state.device
        features = torch.empty(count, self._num_features, device=device)
        self._kept[split] = _Kept(features, torch.zeros(count, dtype=torch.bool, device=device))
        return self._kept[split]


def evaluation_batch(state: TrainingState, images: Tensor) -> Tensor:
    """(batch, H, W, 3) uint8 images as the network reads them outside of training: (batch, 3, size, size)."""
    return state.transform(images).contiguous(memory_format=devices.memory_format(state.device))


def _evaluate(
    state: TrainingState,
    frozen: FrozenPart | None,
    split: Split,
    images: Images,
    weights: dict[str, Tensor] | None = None,
) -> Generator[Evaluating, None, tuple[float, float]]:
    """Score a split in float32, with the current or with other weights of what is trained.

    Returns the mean loss in nats and the accuracy from 0 to 1.
    """
    state.model.eval()
    scored = weights if weights is not None else dict(state.trained.state_dict())
    loss = torch.zeros((), dtype=torch.float64, device="cpu")
    num_correct = 0
    batch_size = len(images) if frozen is not None and frozen.knows(split) else _EVALUATION_BATCH
    for start in range(0, len(images), batch_size):
        rows = slice(start, start + batch_size)
        labels = images.labels[rows]
        with torch.no_grad(), devices.exact_float32(state.device):
            if frozen is None:
                inputs = evaluation_batch(state, images.images[rows])
            else:
                inputs = frozen.evaluation_features(split, rows, images.images[rows])
            logits = heads.to_logits(functional_call(state.trained, scored, (inputs,)))  # (batch, classes)
            loss += functional.cross_entropy(logits, labels, reduction="sum").cpu()
            num_correct += int((logits.argmax(dim=1) == labels).sum())
        if start + batch_size < len(images):
            yield Evaluating(split=split, images=start + batch_size, total_images=len(images))
    return float(loss) / len(images), num_correct / len(images)


def _evaluated(
    state: TrainingState, split: Split, loss: float, accuracy: float, *, epoch: int, best: bool
) -> Evaluated:
    return Evaluated(
        split=split,
        epoch=epoch,
        step=state.step,
        loss=loss,
        accuracy=accuracy,
        seconds=state.clock.seconds,
        best=best,
    )


def _started(state: TrainingState, *, keeps_features: bool) -> Started:
    info = next(info for info in devices.probe() if info.name == str(state.device))
    return Started(
        architecture=state.config.architecture,
        mode=state.config.mode,
        device=info.name,
        device_label=info.label,
        precision=state.precision,
        parameters=sum(parameter.numel() for parameter in state.model.parameters()),
        trainable_parameters=sum(parameter.numel() for parameter in state.trained.parameters()),
        train_images=len(state.train),
        validation_images=len(state.validation),
        test_images=len(state.test),
        steps_per_epoch=state.steps_per_epoch,
        total_steps=state.steps_per_epoch * state.config.epochs,
        first_step=state.step + 1,
        keeps_features=keeps_features,
        head_hash=heads.parameters_hash(state.head) if state.step == 0 else "",
        batches_hash=splits.batches_hash(len(state.train), state.config.batch_size, seed=state.config.seed)
        if state.step == 0
        else "",
    )
