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
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

from core import devices
from core.data.batches import chain_hash
from core.feature_files import FeatureFiles
from core.models import heads
from core.runs.events import EpochDone, Evaluated, Evaluating, Event, Finished, Noted, Split, Started, Step
from core.training.ahead import made_ahead
from core.training.divergence import check_numbers, loss_diverged
from core.training.features import Images
from core.training.fitting_steps import step_that_fits
from core.training.inputs import EVALUATION_BATCH
from core.training.losses import Loss, make_loss
from core.training.optimizers import set_rates
from core.training.photos import PhotosOfSide
from core.training.scored import Scored
from core.training.state import TrainingState
from core.training.tail_inputs import tail_inputs

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
    keeps_features = inputs.are_kept and state.plan is state.plans.widest
    yield _started(
        state,
        keeps_features=keeps_features,
        knows_features=keeps_features and inputs.are_known("train"),
        computing_epochs=inputs.computing_epochs,
    )
    while not state.is_over:
        if inputs.plan is not state.plan:
            del inputs  # what it has kept, before there has to be room for other features
            inputs = tail_inputs(state, files)
        yield from inputs.catch_up()
        yield from train_epoch(state, inputs)
        check_numbers(state)
        yield from _end_epoch(state, inputs)
    tested: Scored | None = None
    if len(state.test):
        tested = yield from evaluate(state, inputs, "test", state.test, state.best_weights)
        yield _evaluated(state, "test", tested, epoch=state.best_epoch, best=True)
    yield Finished(
        best_epoch=state.best_epoch,
        best_accuracy=state.best_accuracy,
        test_accuracy=tested.accuracy if tested else None,
        test_balanced_accuracy=tested.told_balanced_accuracy if tested else None,
        stopped_early=state.epoch < state.config.epochs,
        seconds=state.clock.seconds,
    )


def train_epoch(state: TrainingState, inputs: Images, *, at_most: int | None = None) -> Iterator[Step | Noted]:
    """The rest of the current epoch, a step for every batch; or so many of its steps."""
    plan, losses, settings = inputs.plan, Losses(state), state.config.optimizer
    tail = plan.train()
    loss_of = make_loss(settings, state.train.labels, len(state.classes))
    autocast = partial(devices.autocast, state.device, plan.precision)
    steps = range(state.step + 1, state.step + 1 + state.steps_per_epoch - state.batch)[:at_most]
    batches = made_ahead(inputs.batch, steps, state.device) if inputs.makes_images else map(inputs.batch, steps)
    for made, targets in batches:
        rows = state.batches.rows(state.step + 1)
        rate = set_rates(state.optimizer, settings, state.step, state.total_steps, state.scores)
        batch = inputs.for_training(made)
        step: Callable[[int], Tensor] = partial(train_step, tail, state.optimizer, batch, targets, autocast, loss_of)
        if plan.suits_one_core:
            step = devices.one_core(state.device)(step)
        loss = yield from step_that_fits(state, tail, step)
        state.step, state.batch = state.step + 1, state.batch + 1
        if state.rows_hash is not None:
            state.rows_hash = chain_hash(state.rows_hash, rows)
        losses.add(loss, num_images=len(rows), learning_rate=rate)
        if losses.are_due or state.step == steps[-1]:
            yield from losses.hand_over()


def _end_epoch(state: TrainingState, inputs: Images) -> Iterator[Event]:
    """Score the validation photos, if there are any, and keep the weights if no earlier epoch was better."""
    if not len(state.validation):
        state.end_epoch()
        state.keep_if_best(None, None)
        yield EpochDone(
            epoch=state.epoch, step=state.step, seconds=state.clock.seconds, rows_hash=state.rows_hash or ""
        )
        return
    scored = yield from evaluate(state, inputs, "validation", state.validation, state.scored_weights)
    if not math.isfinite(scored.loss):
        raise loss_diverged(state, scored.loss, f"after step {state.step}")
    state.end_epoch()
    best = state.keep_if_best(scored.accuracy, scored.by(state.config.goal.best_by))
    yield _evaluated(state, "validation", scored, epoch=state.epoch, best=best)


def train_step(
    network: Callable[[Tensor], Tensor],
    optimizer: torch.optim.Optimizer,
    inputs: Tensor,
    targets: Tensor,
    autocast: Callable[[], AbstractContextManager[object]],
    loss_of: Loss = functional.cross_entropy,
    num_pieces: int = 1,
) -> Tensor:
    """One optimizer step on (batch, ...) inputs with (batch,) labels, or (batch, classes) shares of them.

    Returns the batch's mean loss, on the device.
    """
    optimizer.zero_grad()
    losses: list[Tensor] = []
    for own, their in zip(inputs.chunk(num_pieces), targets.chunk(num_pieces), strict=True):
        with autocast():
            losses.append(loss_of(network(own), their) * (len(own) / len(inputs)))
        losses[-1].backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    return torch.stack(losses).detach().sum()


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
                raise loss_diverged(state, loss, f"at step {first + index}")
            state.reported_step = first + index
            yield Step(
                step=first + index,
                loss=loss,
                learning_rate=notes[index][1],
                seconds=before + each * (index + 1),
                images=notes[index][0],
            )


def evaluate(
    state: TrainingState,
    inputs: Images,
    split: Split,
    photos: PhotosOfSide,
    weights: dict[str, Tensor],
) -> Generator[Evaluating, None, Scored]:
    """Score a split in float32, with these weights of the widest plan's tail."""
    tail = inputs.plan.tail.eval()
    own = tail.state_dict().keys()
    weights = {name: tensor for name, tensor in weights.items() if name in own}
    are_known = inputs.are_known(split)
    score = devices.one_core(state.device)(_score) if inputs.plan.suits_one_core else _score
    # On the device, and read once: reading one stalls an accelerator.
    totals = torch.zeros(1 + len(state.classes), dtype=devices.widest_float(state.device), device=state.device)
    for rows in photos.blocks(EVALUATION_BATCH):
        done = int(rows[-1]) + 1
        batch = inputs.for_scoring(split, photos, rows)
        totals += score(tail, weights, batch, photos.labels[rows[0] : done])
        if done < len(photos) and not are_known:
            yield Evaluating(split=split, images=done, total_images=len(photos))
    loss, *correct = totals.tolist()
    return Scored(loss / len(photos), [round(count) for count in correct], photos.counts)


def _score(tail: nn.Module, weights: dict[str, Tensor], batch: Tensor, labels: Tensor) -> Tensor:
    """(1 + classes,) the sum of the losses of a batch, and how many of each class are right."""
    with torch.no_grad(), devices.exact_float32(batch.device):
        logits = functional_call(tail, weights, (batch,))  # (batch, classes)
        loss = functional.cross_entropy(logits, labels, reduction="sum")
        is_right = (logits.argmax(dim=1) == labels).to(loss.dtype)
        return torch.cat([loss[None], loss.new_zeros(logits.shape[1]).index_add_(0, labels, is_right)])


def _evaluated(state: TrainingState, split: Split, scored: Scored, *, epoch: int, best: bool) -> Evaluated:
    return Evaluated(
        split=split,
        epoch=epoch,
        step=state.step,
        loss=scored.loss,
        accuracy=scored.accuracy,
        balanced_accuracy=scored.told_balanced_accuracy,
        seconds=state.clock.seconds,
        best=best,
        rows_hash=state.rows_hash or "",
    )


def _started(state: TrainingState, *, keeps_features: bool, knows_features: bool, computing_epochs: int) -> Started:
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
        knows_features=knows_features,
        head_hash=heads.parameters_hash(state.head) if state.step == 0 else "",
        data_digest=state.data_digest,
        computing_epochs=computing_epochs,
    )
