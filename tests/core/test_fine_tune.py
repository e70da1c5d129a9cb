"""The training generator: what it learns, what it leaves alone, and that it is a function of its configuration."""

import contextlib
import itertools
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

from core import devices
from core.data.batches import Batches
from core.data.dataset import DataSet
from core.errors import TrainingDivergedError, UnfreezeError
from core.runs.config import FineTuneConfig
from core.runs.events import Evaluated, Event, Finished, Started, Step
from core.training import features, fitting_steps
from core.training import fine_tune as training
from core.training.checkpoints import load_network
from core.training.fine_tune import fine_tune
from core.training.inputs import evaluation_batch
from core.training.keeper import Keeper
from core.training.state import TrainingState

pytestmark = pytest.mark.usefixtures("tiny_data")


def config(**changes: object) -> FineTuneConfig:
    settings: dict = {
        "weights": "random",
        "image_size": 32,
        "epochs": 2,
        "batch_size": 8,
        "precision": "float32",
        "device": "cpu",
    }
    return FineTuneConfig.of(**(settings | changes))


def losses(events: list[Event]) -> list[float]:
    return [event.loss for event in events if isinstance(event, Step)]


@pytest.mark.parametrize("mode", ["frozen", "full"])
@pytest.mark.parametrize("augmentation", ["none", "random_resized_crop"])
def test_every_step_is_reported_once_and_in_order(mode: str, augmentation: str) -> None:
    state = TrainingState.new(config(mode=mode, augmentation=augmentation))
    events = list(fine_tune(state))
    steps = [event for event in events if isinstance(event, Step)]
    started = events[0]
    assert isinstance(started, Started)
    assert (started.train_images, started.validation_images, started.test_images) == (54, 6, 20)
    assert started.total_steps == 14
    assert [event.step for event in steps] == list(range(1, 15))
    assert [event.images for event in steps] == ([8] * 6 + [6]) * 2
    assert all(first.seconds <= second.seconds for first, second in itertools.pairwise(steps))
    kinds = [(event.split, event.epoch) for event in events if isinstance(event, Evaluated)]
    assert kinds[:2] == [("validation", 1), ("validation", 2)]
    assert kinds[2][0] == "test"
    assert isinstance(events[-1], Finished)
    assert 0 <= (events[-1].test_accuracy or -1) <= 1


@pytest.mark.parametrize("mode", ["frozen", "full"])
def test_same_seed_gives_same_losses(mode: str) -> None:
    settings = {"mode": mode, "augmentation": "random_resized_crop"}
    first = losses(list(fine_tune(TrainingState.new(config(**settings)))))
    torch.manual_seed(99)  # nothing outside of the run has a say
    assert losses(list(fine_tune(TrainingState.new(config(**settings))))) == first
    assert losses(list(fine_tune(TrainingState.new(config(**settings, seed=1))))) != first


def test_lesson_step_is_the_plain_loops_step() -> None:
    state = TrainingState.new(config(mode="full", epochs=1, learning_rate=1e-4))
    plain = TrainingState.new(config(mode="full", epochs=1, learning_rate=1e-4)).model.train()
    optimizer = torch.optim.SGD(plain.parameters(), lr=1e-4, momentum=0.9, weight_decay=1e-2)
    batches = Batches(num_photos=54, batch_size=8, seed=0)
    expected = []
    for step in range(1, 8):
        rows = batches.rows(step)
        fitting_steps.seed_dropout(0, step)
        inputs = state.transform(state.train.gather(rows)).contiguous(memory_format=torch.channels_last)
        loss = nn.CrossEntropyLoss()(plain(inputs), state.train.labels[torch.from_numpy(rows)])
        expected.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert losses(list(fine_tune(state))) == pytest.approx(expected, rel=1e-4)


def test_training_learns_what_is_easy() -> None:
    finished = list(fine_tune(TrainingState.new(config(mode="full", weights="pretrained", epochs=8))))[-1]
    assert isinstance(finished, Finished)
    assert (finished.test_accuracy or 0) > 0.9


def test_frozen_training_moves_the_head_alone() -> None:
    state = TrainingState.new(config(mode="frozen", augmentation="random_resized_crop"))
    before = {name: tensor.clone() for name, tensor in state.model.state_dict().items()}
    list(fine_tune(state))
    moved = {name for name, tensor in state.model.state_dict().items() if not torch.equal(tensor, before[name])}
    assert moved == {"classifier.1.weight", "classifier.1.bias"}, "weights and BatchNorm's statistics stay"


def test_full_training_moves_everything() -> None:
    state = TrainingState.new(config(mode="full", epochs=1))
    before = {name: tensor.clone() for name, tensor in state.model.state_dict().items()}
    list(fine_tune(state))
    assert all(not torch.equal(tensor, before[name]) for name, tensor in state.model.state_dict().items())


def test_kept_features_give_the_losses_of_computed_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = list(fine_tune(TrainingState.new(config(mode="frozen"))))
    monkeypatch.setattr(features, "_FEATURES_SHARE", 0.0)
    computed = list(fine_tune(TrainingState.new(config(mode="frozen"))))
    assert [events[0].keeps_features for events in (kept, computed)] == [True, False]  # type: ignore[union-attr]
    assert losses(kept) == pytest.approx(losses(computed), rel=1e-4)


def test_frozen_part_is_computed_once_when_kept() -> None:
    computed: list[int] = []
    state = TrainingState.new(config(mode="frozen", epochs=5))
    assert state.plan.body is not None
    state.plan.body.register_forward_hook(lambda module, inputs, features: computed.append(len(features)))
    list(fine_tune(state))
    assert computed == [1, 32, 32, 32, 32], "one to see how they lie; 54 and 6 and 20, in whole blocks"


def test_test_set_is_scored_with_the_best_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    state = TrainingState.new(config(mode="frozen", epochs=3, learning_rate=1.0))
    events = list(fine_tune(state))
    validations = [event for event in events if isinstance(event, Evaluated) and event.split == "validation"]
    best = max(validations, key=lambda event: (event.accuracy, -event.epoch))
    finished = events[-1]
    assert isinstance(finished, Finished)
    assert (finished.best_epoch, finished.best_accuracy) == (best.epoch, best.accuracy)
    state.plan.tail.load_state_dict(state.best_weights)
    with torch.no_grad():
        logits = state.model.eval()(evaluation_batch(state, state.test.gather(slice(None))))
    assert (logits.argmax(dim=1) == state.test.labels).float().mean() == pytest.approx(finished.test_accuracy)


def test_best_epoch_is_the_first_of_equals() -> None:
    state = TrainingState.new(config())
    state.epoch = 1
    assert state.keep_if_best(0.5, 0.5)
    state.epoch = 2
    assert not state.keep_if_best(0.5, 0.5)
    assert state.best_epoch == 1


@pytest.mark.parametrize("mode", ["frozen", "blocks", "full"])
@pytest.mark.parametrize("leave_after", [7, *(pytest.param(step, marks=pytest.mark.long) for step in (1, 8, 14))])
def test_resumed_run_takes_the_same_steps(mode: str, leave_after: int, tmp_path: Path) -> None:
    settings = config(mode=mode, augmentation="random_resized_crop")
    whole = list(fine_tune(TrainingState.new(settings)))
    state, first = TrainingState.new(settings), []
    with contextlib.closing(fine_tune(state)) as events:  # type: ignore[type-var]
        for event in events:
            first.append(event)
            if isinstance(event, Evaluated) and event.best:
                state.save(tmp_path / "best.pt")
            if isinstance(event, Step) and event.step == leave_after:
                break
    state.save(tmp_path / "last.pt")
    resumed = TrainingState.load(tmp_path / "last.pt", tmp_path / "best.pt")
    assert resumed.clock.seconds == pytest.approx(state.clock.seconds)
    rest = list(fine_tune(resumed))
    assert isinstance(rest[0], Started)
    assert rest[0].first_step == leave_after + 1
    assert losses(first) + losses(rest) == losses(whole)
    assert [e.accuracy for e in first + rest if isinstance(e, Evaluated)] == [
        e.accuracy for e in whole if isinstance(e, Evaluated)
    ]
    assert rest[-1].test_accuracy == whole[-1].test_accuracy  # type: ignore[union-attr]


@pytest.mark.parametrize("mode", ["frozen", "blocks", "full"])
def test_run_killed_between_its_two_checkpoints_keeps_its_best_weights(mode: str, tmp_path: Path) -> None:
    settings = config(mode=mode, augmentation="random_resized_crop", epochs=1)
    whole = list(fine_tune(TrainingState.new(settings)))
    state = TrainingState.new(settings)
    for event in fine_tune(state):
        if isinstance(event, Evaluated):
            break
    state.save(tmp_path / "last.pt")
    resumed = TrainingState.load(tmp_path / "last.pt", tmp_path / "no-best.pt")
    assert resumed.is_at_best_epoch
    assert list(fine_tune(resumed))[-1].test_accuracy == whole[-1].test_accuracy  # type: ignore[union-attr]


@pytest.mark.parametrize("mode", ["frozen", "full"])
def test_checkpoint_predicts_as_the_state_does(mode: str, tmp_path: Path) -> None:
    state = TrainingState.new(config(mode=mode))
    list(fine_tune(state))
    state.save(tmp_path / "last.pt")
    network = load_network(tmp_path / "last.pt")
    assert network.classes == ("dark", "bright")
    photos = state.test.gather(slice(None))
    with torch.no_grad():
        ours = state.model.eval()(evaluation_batch(state, photos))
        theirs = network.model(network.transform(photos))
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("mode", ["frozen", "full"])
def test_loss_that_is_no_number_ends_the_run_at_its_step(mode: str) -> None:
    state = TrainingState.new(config(mode=mode))
    steps: list[int] = []

    def train() -> None:
        for event in fine_tune(state):
            if isinstance(event, Step):
                steps.append(event.step)
                if event.step == 4:
                    with torch.no_grad():
                        state.head.weight.fill_(math.nan)

    with pytest.raises(
        TrainingDivergedError, match=r"The loss became nan at step 5: .* smaller learning rate than 0\.01"
    ):
        train()
    assert steps == [1, 2, 3, 4]


def test_weights_that_break_in_the_last_step_of_an_epoch_are_never_best() -> None:
    state = TrainingState.new(config(mode="full"))

    def train() -> None:
        for event in fine_tune(state):
            if isinstance(event, Step) and event.step == 7:
                with torch.no_grad():
                    state.head.get_parameter("bias").fill_(math.inf)

    with pytest.raises(TrainingDivergedError, match="after step 7"):
        train()
    assert not state.best_weights


@pytest.mark.parametrize("what", ["variance", "momentum"])
def test_numbers_that_no_loss_tells_of_end_the_run_and_are_never_saved(what: str, tmp_path: Path) -> None:
    """In training, BatchNorm does not look at its running variance: losses stay finite whatever it holds."""
    state, keeper = TrainingState.new(config(mode="full")), Keeper(tmp_path)
    events = fine_tune(state)
    for event in events:
        if isinstance(event, Step) and event.step == 3:
            break
    keeper.save(state)
    saved = sorted(path.name for path in tmp_path.iterdir())
    broken = next(value for name, value in state.model.named_buffers() if name.endswith("running_var"))
    if what == "momentum":
        broken = next(iter(state.optimizer.state.values()))["momentum_buffer"]
    broken.fill_(math.inf)
    with pytest.raises(TrainingDivergedError, match="holds infinite numbers after step 3"):
        keeper.save(state)
    assert sorted(path.name for path in tmp_path.iterdir()) == saved
    with pytest.raises(TrainingDivergedError):
        list(events)
    assert not state.best_weights


def test_accelerator_hands_losses_over_in_groups_but_once_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training.Losses, "are_due", property(lambda losses: len(losses._waiting) == 3))
    state = TrainingState.new(config(mode="frozen"))
    settled: dict[int, bool] = {}
    for event in fine_tune(state):
        if isinstance(event, Step):
            settled[event.step] = state.is_settled
    assert list(settled) == list(range(1, 15))
    assert [step for step, is_settled in settled.items() if is_settled] == [3, 6, 7, 10, 13, 14]


def test_no_loss_of_a_group_is_reported_from_a_bad_one_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training.Losses, "are_due", property(lambda losses: len(losses._waiting) == 7))
    cross_entropy, calls = functional.cross_entropy, []

    def break_at_fifth(*arguments: Any, **settings: Any) -> torch.Tensor:
        calls.append(1)
        return cross_entropy(*arguments, **settings) * (math.inf if len(calls) == 5 else 1)

    monkeypatch.setattr("core.training.fine_tune.functional.cross_entropy", break_at_fifth)
    state = TrainingState.new(config(mode="frozen"))
    steps: list[int] = []
    with pytest.raises(TrainingDivergedError, match="at step 5"):
        steps.extend(event.step for event in fine_tune(state) if isinstance(event, Step))
    assert state.reported_step == 4
    assert not state.is_settled, "a state with unreported steps is never saved"


def test_clock_counts_the_runs_own_work_alone() -> None:
    state = TrainingState.new(config(mode="frozen"))
    for event in fine_tune(state):
        if isinstance(event, Step) and event.step == 1:
            before = state.clock.seconds
            sum(range(10**6))
            assert state.clock.seconds == before


def test_device_that_is_not_there_is_named() -> None:
    with pytest.raises(UnfreezeError, match=r"no device 'cuda:99'.* cpu"):
        devices.get_device("cuda:99")


def test_autocast_trains_in_bfloat16_and_keeps_weights_in_float32(tiny_data: DataSet) -> None:
    state = TrainingState.new(config(mode="full", precision="bfloat16", epochs=1))
    seen: list[torch.dtype] = []
    state.head.register_forward_hook(lambda module, inputs, output: seen.append(output.dtype))
    events = list(fine_tune(state))
    assert torch.bfloat16 in seen
    assert seen[-1] is torch.float32, "what is reported is computed in float32"
    assert all(parameter.dtype is torch.float32 for parameter in state.model.parameters())
    assert math.isfinite(losses(events)[-1])


@pytest.mark.gpu
@pytest.mark.parametrize("mode", ["frozen", "full"])
def test_gpu_learns_what_is_easy(mode: str) -> None:
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    settings = config(mode=mode, device="cuda:0", precision="auto", weights="pretrained", epochs=4)
    events = list(fine_tune(TrainingState.new(settings)))
    assert [event.step for event in events if isinstance(event, Step)] == list(range(1, 29))
    assert isinstance(events[-1], Finished)
    assert (events[-1].test_accuracy or 0) > 0.9
