"""What a training aims at and how it is judged: early stopping, the best epoch, averaged weights, balanced classes."""

import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import lr_scheduler
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from core.data import bundled
from core.data.dataset import SIDES
from core.data.pixels import Pixels
from core.runs import history
from core.runs.config import FineTuneConfig
from core.runs.events import Evaluated, Event, Finished, Step
from core.runs.optimizer_settings import OptimizerSettings
from core.runs.schedules import share_of_rate
from core.training.fine_tune import fine_tune, train_step
from core.training.keeper import Keeper
from core.training.losses import class_weights, make_loss
from core.training.scored import Scored
from core.training.state import TrainingState
from tests.samples import data_set_of, source_of, tiny_data_set

FREE = torch.autocast("cpu", enabled=False)


def config(**changes: Any) -> FineTuneConfig:
    return FineTuneConfig.of(
        **{
            "architecture": "resnet18",
            "weights": "random",
            "image_size": 32,
            "epochs": 3,
            "batch_size": 27,
            "device": "cpu",
            "precision": "float32",
        }
        | changes
    )


def validations(events: list[Event]) -> list[Evaluated]:
    return [event for event in events if isinstance(event, Evaluated) and event.split == "validation"]


@given(scores=st.lists(st.floats(-5, 5), max_size=40), patience=st.integers(0, 5))
def test_plateau_is_that_of_pytorch(scores: list[float], patience: int) -> None:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    theirs = lr_scheduler.ReduceLROnPlateau(optimizer, "max", patience=patience, threshold=0.0, eps=0.0)
    settings = OptimizerSettings(schedule="plateau", plateau_epochs=patience)
    for count in range(len(scores) + 1):
        assert share_of_rate(settings, 7 * count, 10_000, scores[:count]) == pytest.approx(
            optimizer.param_groups[0]["lr"], rel=1e-9
        )
        if count < len(scores):
            theirs.step(scores[count])


@pytest.mark.usefixtures("tiny_data")
def test_rate_falls_when_no_epoch_is_better() -> None:
    state = TrainingState.new(config(epochs=6, learning_rate=1e-9, schedule="plateau", plateau_epochs=1))
    rates = [event.learning_rate for event in fine_tune(state) if isinstance(event, Step)]
    assert rates == pytest.approx([1e-9] * 6 + [1e-10] * 4 + [1e-11] * 2)


@pytest.fixture
def uneven_data(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three times as many dark as bright photos, on all sides."""
    whole = tiny_data_set(validation=18)
    labels = whole.manifest.labels
    rows = np.flatnonzero((labels == 0) | (np.arange(len(labels)) % 6 == 1))
    assert whole.pixels.stacked is not None
    few = data_set_of(
        Pixels.of(whole.pixels.stacked[rows]),
        labels=labels[rows],
        sides=[SIDES[side] for side in whole.manifest.sides[rows]],
    )
    monkeypatch.setitem(bundled.BUNDLED, "cifar10_sample", source_of(few))


@pytest.mark.usefixtures("uneven_data")
@pytest.mark.parametrize("best_by", ["accuracy", "balanced_accuracy", "loss"])
def test_training_ends_once_no_epoch_was_better_for_long_enough(best_by: str) -> None:
    state = TrainingState.new(config(epochs=50, learning_rate=0.1, patience=3, best_by=best_by))
    events = list(fine_tune(state))
    scored, finished = validations(events), events[-1]
    assert isinstance(finished, Finished)
    assert finished.stopped_early
    assert len(scored) == finished.best_epoch + 3 < 50
    values = [-event.loss if best_by == "loss" else getattr(event, best_by) for event in scored]
    assert finished.best_epoch == 1 + values.index(max(values))
    best_before = [max(values[:index], default=-math.inf) for index in range(len(values))]
    assert [event.best for event in scored] == [now > best for now, best in zip(values, best_before, strict=True)]
    assert finished.best_accuracy == scored[finished.best_epoch - 1].accuracy
    assert history.chosen(scored) == scored[finished.best_epoch - 1]


@pytest.mark.usefixtures("tiny_data")
@pytest.mark.parametrize("architecture", ["resnet18", pytest.param("vit_b_32", marks=pytest.mark.long)])
@pytest.mark.parametrize("thaw_every", [1, 2])
def test_run_that_ends_where_a_stage_would_thaw_is_tested_as_it_was_trained(architecture: str, thaw_every: int) -> None:
    size = 224 if architecture == "vit_b_32" else 32
    state = TrainingState.new(
        config(architecture=architecture, image_size=size, mode="full", thaw_every=thaw_every, patience=2, epochs=9,
               learning_rate=1e-9)
    )  # fmt: skip
    finished = list(fine_tune(state))[-1]
    assert isinstance(finished, Finished)
    assert finished.stopped_early
    state.model.load_state_dict(state.model.state_dict() | state.best_weights)
    assert finished.test_accuracy == pytest.approx(np.mean(np.concatenate(correct(state))))


@pytest.mark.usefixtures("tiny_data")
def test_run_without_patience_does_all_its_epochs() -> None:
    finished = list(fine_tune(TrainingState.new(config(learning_rate=1e-9))))[-1]
    assert isinstance(finished, Finished)
    assert (finished.best_epoch, finished.stopped_early) == (1, False)


@pytest.mark.usefixtures("tiny_data")
@pytest.mark.parametrize("mode", ["frozen", pytest.param("full", marks=pytest.mark.long)])
@pytest.mark.parametrize(
    "changes",
    [
        {"averaging": 0.9},
        {"schedule": "plateau", "plateau_epochs": 0, "learning_rate": 1e-9},
        {"patience": 2, "best_by": "loss", "learning_rate": 0.3, "epochs": 12},
        {"balance": 0.5, "accumulation": 4, "head_dropout": 0.5, "epochs": 2},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_resumed_run_ends_as_one_that_was_never_cut(tmp_path: Path, mode: str, changes: dict[str, Any]) -> None:
    asked = config(mode=mode, **changes)
    state = TrainingState.new(asked)
    whole = list(fine_tune(state))
    steps = [event for event in whole if isinstance(event, Step)]
    for index, cut in enumerate({1, 2, len(steps) - 1}):
        folder, seen, begun = tmp_path / str(index), [], TrainingState.new(asked)
        kept = Keeper(folder)
        for event in fine_tune(begun):
            seen.append(event)
            if isinstance(event, Evaluated) and event.split == "validation":
                kept.save(begun)
            if isinstance(event, Step) and event.step == cut:
                kept.save(begun)
                break
        resumed, problem = Keeper(folder).load("cpu")
        assert resumed is not None
        assert not problem
        rest = list(fine_tune(resumed))
        assert facts([*seen, *rest]) == facts(whole)
        for name, tensor in state.best_weights.items():
            assert torch.equal(resumed.best_weights[name], tensor), name


def facts(events: list[Event]) -> list[object]:
    """All that does not depend on the clock."""
    found: list[object] = []
    for event in events:
        if isinstance(event, Step):
            found.append((event.step, event.loss, event.learning_rate))
        if isinstance(event, Evaluated):
            found.append((event.split, event.epoch, event.loss, event.accuracy, event.best))
        if isinstance(event, Finished):
            found.append((event.best_epoch, event.best_accuracy, event.test_accuracy, event.stopped_early))
    return found


@pytest.mark.usefixtures("tiny_data")
def test_average_is_that_of_pytorch_and_is_what_is_scored() -> None:
    state = TrainingState.new(config(mode="full", epochs=1, averaging=0.3))
    assert state.average is not None
    theirs = AveragedModel(state.model, multi_avg_fn=lambda *_: None, use_buffers=True)
    theirs.module.load_state_dict(state.model.state_dict())
    mine = dict(theirs.module.state_dict())
    for event in fine_tune(state):
        if isinstance(event, Step):
            now = state.model.state_dict()
            floats = [name for name, tensor in now.items() if tensor.is_floating_point()]
            keeps = min(0.3, (1 + event.step) / (10 + event.step))
            get_ema_multi_avg_fn(keeps)([mine[name] for name in floats], [now[name] for name in floats], 1)
            mine |= {name: tensor.clone() for name, tensor in now.items() if name not in floats}
    for name, tensor in mine.items():
        torch.testing.assert_close(state.best_weights[name], tensor, rtol=1e-6, atol=1e-7)
    assert any(not torch.equal(tensor, mine[name]) for name, tensor in state.model.state_dict().items())


def test_class_weights_make_classes_count_alike() -> None:
    labels = torch.tensor([0] * 90 + [1] * 9 + [3])
    counts = torch.bincount(labels, minlength=4)
    weights, half = (class_weights(labels, 4, balance) for balance in (1.0, 0.5))
    torch.testing.assert_close((weights * counts)[[0, 1, 3]], torch.full((3,), 100 / 3))
    torch.testing.assert_close(half[3] / half[0], torch.tensor(90.0).sqrt())
    torch.testing.assert_close((half * counts).sum(), torch.tensor(100.0))
    assert class_weights(labels, 4, 0.0).tolist() == [1, 1, 1, 1]


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("are_shares", [False, True])
def test_balanced_loss_teaches_each_photo_its_own_class(smoothing: float, are_shares: bool) -> None:
    """What is best to say of a common photo is its class, however rare the others are."""
    labels = torch.tensor([0] * 99 + [1])
    loss = make_loss(OptimizerSettings(balance=1.0, label_smoothing=smoothing), labels, 2)
    logits = torch.zeros(100, 2, requires_grad=True)
    targets = functional.one_hot(labels, 2).float() if are_shares else labels
    optimizer = torch.optim.Adam([logits], lr=0.1)
    for _ in range(300):
        optimizer.zero_grad()
        loss(logits, targets).backward()
        optimizer.step()
    found = logits.detach().softmax(dim=1)
    torch.testing.assert_close(found[0, 0], torch.tensor(1 - smoothing / 2), atol=0.05, rtol=0)
    torch.testing.assert_close(found[99, 1], torch.tensor(1 - smoothing / 2), atol=0.05, rtol=0)


def test_balance_of_nothing_is_the_plain_loss() -> None:
    labels = torch.tensor([0, 1, 1, 0])
    logits = torch.randn(4, 2, generator=torch.Generator().manual_seed(0))
    for smoothing in (0.0, 0.1):
        loss = make_loss(OptimizerSettings(balance=1.0, label_smoothing=smoothing), labels, 2)
        expected = functional.cross_entropy(logits, labels, label_smoothing=smoothing)
        torch.testing.assert_close(loss(logits, labels), expected, msg="classes of one size count alike as they are")


@pytest.mark.parametrize("balance", [0.0, 0.7])
@pytest.mark.parametrize("num_pieces", [1, 2, 3, 7, 100])
def test_batch_in_pieces_takes_the_same_step(num_pieces: int, balance: float) -> None:
    stream = torch.Generator().manual_seed(0)
    inputs = torch.randn(7, 5, generator=stream, dtype=torch.float64)
    labels = torch.randint(0, 3, (7,), generator=stream)
    loss = make_loss(OptimizerSettings(balance=balance), labels, 3)
    taken: list[tuple[Tensor, Tensor]] = []
    for pieces in (1, num_pieces):
        network = nn.Linear(5, 3, dtype=torch.float64)
        nn.init.eye_(network.weight)
        nn.init.zeros_(network.bias)
        optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
        value = train_step(network, optimizer, inputs, labels, lambda: FREE, loss, pieces)
        taken.append((value, network.weight.detach()))
    torch.testing.assert_close(taken[0], taken[1], rtol=1e-12, atol=1e-12)


@pytest.mark.usefixtures("tiny_data")
@pytest.mark.parametrize("architecture", ["resnet18", "squeezenet1_1", "alexnet"])
def test_head_dropout_drops_while_it_learns_and_at_no_other_time(architecture: str) -> None:
    state = TrainingState.new(config(architecture=architecture, head_dropout=0.5, image_size=64))
    seen: list[Tensor] = []
    state.head.register_forward_hook(lambda module, inputs, logits: seen.append(inputs[0].detach()))
    list(itertools.islice(fine_tune(state), 3))
    plain = TrainingState.new(config(architecture=architecture, image_size=64))
    plain.head.register_forward_hook(lambda module, inputs, logits: seen.append(inputs[0].detach()))
    list(itertools.islice(fine_tune(plain), 3))
    dropped, whole = seen[0], seen[len(seen) // 2]
    is_kept = dropped != 0
    torch.testing.assert_close(dropped[is_kept], 2 * whole[is_kept])
    assert 0.4 < (dropped[whole != 0] == 0).float().mean() < 0.6
    assert state.model.state_dict().keys() == plain.model.state_dict().keys()
    list(fine_tune(state))
    assert (seen[-1] == 0).float().mean() < 0.4 or architecture != "resnet18", "scored whole"


def test_accuracies_are_those_of_the_classes_that_there_are() -> None:
    scored = Scored(0.5, correct=[90, 0, 5], counts=[100, 0, 10])
    assert scored.accuracy == pytest.approx(95 / 110)
    assert scored.balanced_accuracy == scored.told_balanced_accuracy == pytest.approx(0.7)
    assert (scored.by("loss"), scored.by("accuracy")) == (-0.5, scored.accuracy)
    assert Scored(0.5, correct=[9, 3], counts=[15, 10]).told_balanced_accuracy is None


@pytest.mark.usefixtures("uneven_data")
def test_balanced_accuracy_is_told_where_classes_differ() -> None:
    state = TrainingState.new(config(epochs=1))
    events = list(fine_tune(state))
    finished = events[-1]
    assert isinstance(finished, Finished)
    state.model.load_state_dict(state.model.state_dict() | state.best_weights)
    right = correct(state)
    assert finished.test_balanced_accuracy == pytest.approx(np.mean([np.mean(own) for own in right]))
    assert finished.test_accuracy == pytest.approx(np.mean(np.concatenate(right)))
    assert all(event.balanced_accuracy is not None for event in events if isinstance(event, Evaluated))


def correct(state: TrainingState) -> list[np.ndarray]:
    """Of each class of the test photos, which are right."""
    with torch.no_grad():
        answers = state.model.eval()(state.transform(state.test.gather(slice(None)))).argmax(dim=1)
    return [(answers == state.test.labels)[state.test.labels == label].numpy() for label in (0, 1)]
