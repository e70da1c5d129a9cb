"""Fine-tuning as a generator: drive it with `for event in fine_tune(state)`, look at the state in between.

What learns is resolved before (`core.training.plan`), and so is where it has its inputs from: images, or what a frozen
part computes of them (`core.training.features`).
"""

import math
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager
from functools import partial

import torch
from torch import Tensor
from torch.func import functional_call
from torch.nn import functional

from core import devices
from core.data.batches import chain_hash
from core.data.streams import DROPOUT, random_stream
from core.errors import TrainingDivergedError
from core.feature_files import FeatureFiles
from core.models import heads
from core.runs.events import EpochDone, Evaluated, Evaluating, Event, Finished, Split, Started, Step
from core.training.features import Images, tail_inputs
from core.training.inputs import EVALUATION_BATCH
from core.training.optimizers import set_rates
from core.training.photos import PhotosOfSide
from core.training.state import TrainingState

_HAND_OVER_EVERY_S = 0.2


def fine_tune(state: TrainingState, files: FeatureFiles | None = None) -> Iterator[Event]:
    """Train to the end, an event at a time. After any event for which `state.is_settled`, it may be left and saved.

    What the frozen part computes is kept in `files`, if given, for other runs.

    Raises:
        TrainingDivergedError: a loss is not finite. No step from that one on was yielded.
    """
    events = _fine_tune(state, files)
    while True:
        state.clock.start()
        event = next(events, None)
        state.clock.pause()  # what the consumer does is not the run's work
        if event is None:
            return
        yield event


def _fine_tune(state: TrainingState, files: FeatureFiles | None) -> Iterator[Event]:
    inputs = tail_inputs(state, files)
    yield _started(state, keeps_features=inputs.are_kept and state.plan is state.plans.widest)
    while state.epoch < state.config.epochs:
        inputs = inputs if inputs.plan is state.plan else tail_inputs(state, files)
        yield from inputs.catch_up()
        yield from _train_epoch(state, inputs)
        state.check_numbers()
        yield from _end_epoch(state, inputs)
    accuracy = None
    if len(state.test):
        loss, accuracy = yield from _evaluate(state, inputs, "test", state.test, weights=state.best_weights)
        yield _evaluated(state, "test", loss, accuracy, epoch=state.best_epoch, best=True)
    yield Finished(
        best_epoch=state.best_epoch,
        best_accuracy=state.best_accuracy,
        test_accuracy=accuracy,
        seconds=state.clock.seconds,
    )


def _train_epoch(state: TrainingState, inputs: Images) -> Iterator[Step]:
    """The rest of the current epoch, a step for every batch."""
    plan, losses, settings = state.plan, Losses(state), state.config.optimizer
    tail = plan.train()
    autocast = partial(devices.autocast, state.device, plan.precision)
    while state.batch < state.steps_per_epoch:
        rows = state.batches.rows(state.step + 1)
        seed_dropout(state.config.seed, state.step + 1)
        batch, targets = inputs.for_training(rows)
        rate = set_rates(state.optimizer, settings, state.step, state.total_steps)
        loss = train_step(tail, state.optimizer, batch, targets, autocast, settings.label_smoothing)
        state.step, state.batch = state.step + 1, state.batch + 1
        if state.rows_hash is not None:
            state.rows_hash = chain_hash(state.rows_hash, rows)
        losses.add(loss, num_images=len(rows), learning_rate=rate)
        if losses.are_due or state.batch == state.steps_per_epoch:
            yield from losses.hand_over()


def _end_epoch(state: TrainingState, inputs: Images) -> Iterator[Event]:
    """Score the validation photos, if there are any, and keep the weights if no earlier epoch was better."""
    if not len(state.validation):
        state.end_epoch()
        state.keep_if_best(None)
        yield EpochDone(
            epoch=state.epoch, step=state.step, seconds=state.clock.seconds, rows_hash=state.rows_hash or ""
        )
        return
    loss, accuracy = yield from _evaluate(state, inputs, "validation", state.validation)
    if not math.isfinite(loss):
        raise _diverged(loss, f"after step {state.step}", state)
    state.end_epoch()
    best = state.keep_if_best(accuracy)
    yield _evaluated(state, "validation", loss, accuracy, epoch=state.epoch, best=best)


def train_step(
    network: Callable[[Tensor], Tensor],
    optimizer: torch.optim.Optimizer,
    inputs: Tensor,
    targets: Tensor,
    autocast: Callable[[], AbstractContextManager[object]],
    label_smoothing: float = 0.0,
) -> Tensor:
    """One optimizer step on (batch, ...) inputs with (batch,) labels, or (batch, classes) shares of them.

    Returns the batch's mean loss, on the device.
    """
    optimizer.zero_grad()
    with autocast():
        loss = functional.cross_entropy(network(inputs), targets, label_smoothing=label_smoothing)
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    return loss.detach()


def seed_dropout(seed: int, step: int) -> None:
    """Make the step's dropout a function of seed and step, whatever else has drawn random numbers."""
    torch.manual_seed(int(random_stream(DROPOUT, seed=seed, position=step).integers(2**63)))


def _diverged(loss: float, where: str, state: TrainingState) -> TrainingDivergedError:
    return TrainingDivergedError(
        f"The loss became {loss} {where}: training diverged. Start again with a smaller learning rate than "
        f"{state.config.optimizer.learning_rate:g}."
    )


class Losses:
    """Keeps losses on the device and reads them a few times a second: reading one stalls an accelerator."""

    def __init__(self, state: TrainingState) -> None:
        self._state = state
        self._waiting: list[Tensor] = []
        self._notes: list[tuple[int, float]] = []
        self._handed_over = time.perf_counter()
        self._seconds = state.clock.seconds

    def add(self, loss: Tensor, *, num_images: int, learning_rate: float) -> None:
        """Keep the loss of the step just done."""
        self._waiting.append(loss)
        self._notes.append((num_images, learning_rate))

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
        notes, self._waiting, self._notes = self._notes, [], []
        for index, loss in enumerate(values):
            if not math.isfinite(loss):
                raise _diverged(loss, f"at step {first + index}", state)
            state.reported_step = first + index
            yield Step(
                step=first + index,
                loss=loss,
                learning_rate=notes[index][1],
                seconds=before + each * (index + 1),
                images=notes[index][0],
            )


def _evaluate(
    state: TrainingState,
    inputs: Images,
    split: Split,
    photos: PhotosOfSide,
    weights: dict[str, Tensor] | None = None,
) -> Generator[Evaluating, None, tuple[float, float]]:
    """Score a split in float32, with the current or with other weights of the tail.

    Returns the mean loss in nats and the accuracy from 0 to 1.
    """
    tail = state.plan.tail.eval()
    scored = weights if weights is not None else dict(tail.state_dict())
    are_known = inputs.are_known(split)
    # On the device, and read once: reading one stalls an accelerator.
    totals = torch.zeros(2, dtype=devices.widest_float(state.device), device=state.device)
    for rows in photos.blocks(EVALUATION_BATCH):
        done = int(rows[-1]) + 1
        batch = inputs.for_scoring(split, photos, rows)
        totals += _score(state, scored, batch, photos.labels[rows[0] : done])
        if done < len(photos) and not are_known:
            yield Evaluating(split=split, images=done, total_images=len(photos))
    loss, num_correct = totals.tolist()
    return loss / len(photos), num_correct / len(photos)


def _score(state: TrainingState, weights: dict[str, Tensor], batch: Tensor, labels: Tensor) -> Tensor:
    """(2,) the sum of the losses of a batch, and how many of its images are right."""
    with torch.no_grad(), devices.exact_float32(state.device):
        logits = functional_call(state.plan.tail, weights, (batch,))  # (batch, classes)
        loss = functional.cross_entropy(logits, labels, reduction="sum")
        return torch.stack([loss, (logits.argmax(dim=1) == labels).sum().to(loss.dtype)])


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
        rows_hash=state.rows_hash or "",
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
        trainable_parameters=sum(parameter.numel() for parameter in state.plans.widest.parameters),
        train_images=len(state.train),
        validation_images=len(state.validation),
        test_images=len(state.test),
        steps_per_epoch=state.steps_per_epoch,
        total_steps=state.total_steps,
        first_step=state.step + 1,
        epochs_before=state.epoch,
        keeps_features=keeps_features,
        head_hash=heads.parameters_hash(state.head) if state.step == 0 else "",
        data_digest=state.data_digest,
    )
