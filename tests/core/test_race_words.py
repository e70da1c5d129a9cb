"""What is said of a race: its runs by what tells them apart, and why their first losses are not alike."""

from pathlib import Path
from typing import Any

import pytest

from core.runs import first_losses, results, store
from core.runs.config import FineTuneConfig, check_race
from core.runs.folder import RunFolder
from core.runs.race_names import default_names, short_names
from core.runs.settings import Choice, settings_of

SHARED: dict[str, tuple[Any, Any]] = {
    "data": ("cifar10_sample", "set-1@1"),
    "batch_size": (32, 16),
    "seed": (0, 1),
    "device": ("auto", "cpu"),
}


def runs(*differences: dict[str, Any], **shared: Any) -> list[FineTuneConfig]:
    return [FineTuneConfig.of(**{"mode": "full", **shared, **own}) for own in differences]


@pytest.mark.parametrize(
    ("configs", "names"),
    [
        (runs({"mode": "frozen"}, {}), ["Frozen", "Full"]),
        (runs({}, {"algorithm": "adamw"}), ["Full, SGD", "Full, AdamW"]),
        (runs({"epochs": 1}, {"algorithm": "adamw"}), ["Full, SGD", "Full, AdamW"]),
        (runs({"mode": "frozen"}, {}, {"algorithm": "adamw"}), ["Frozen", "Full, SGD", "Full, AdamW"]),
        (runs({"epochs": 1}, {"epochs": 3}), ["Full, 1 epoch", "Full, 3 epochs"]),
        (runs({}, {"architecture": "resnet18"}), ["EfficientNet-Lite0, full", "ResNet-18, full"]),
        (runs({}, {"batch_norm": "eval"}), ["Full, BatchNorm by the batch", "Full, BatchNorm by its averages"]),
        (runs({}, {"augmentation": "random_resized_crop"}), ["Full, no random crops", "Full, random crops"]),
        (
            runs({}, {"algorithm": "adamw"}, {"algorithm": "adamw", "warm_up": 0.1}),
            ["Full, SGD", "Full, AdamW, warm-up 0", "Full, AdamW, warm-up 0.1"],
        ),
    ],
)
def test_runs_are_called_by_as_little_as_tells_them_apart(configs: list[FineTuneConfig], names: list[str]) -> None:
    assert short_names(configs) == names
    assert len(set(default_names(configs))) == len(configs)


@pytest.mark.parametrize("name", [name for name in settings_of(FineTuneConfig) if name not in SHARED])
def test_runs_may_differ_in_every_setting_that_a_race_does_not_share_and_are_named_by_it(name: str) -> None:
    values = FineTuneConfig.of(mode="blocks", weights="file", weights_file="a.pth").to_dict()
    about, value = settings_of(FineTuneConfig)[name], values[name]
    given = {"architecture": "resnet18", "depth": 2, "image_size": 64, "weights_file": "b.pth", "thaw_every": 1}
    other: Any = given.get(name)
    if other is None and isinstance(about, Choice):
        other = next(option for option in about.options if option != value)
    elif other is None:
        other = value + 1 if type(value) is int and value < 2 else type(value)(value / 2) if value else 0.5
    if name == "weights":
        values["weights_file"], values["weights"] = None, "random"
    configs = [FineTuneConfig.of(**values), FineTuneConfig.of(**values | {name: other})]
    check_race(configs)
    assert len(set(short_names(configs))) == 2


@pytest.mark.parametrize("name", SHARED)
def test_what_a_race_shares_is_refused_by_its_name(name: str) -> None:
    first, other = (FineTuneConfig.recorded({name: value}) for value in SHARED[name])
    with pytest.raises(ValueError, match=f"^{name} must be the same in every run of a race, got"):
        check_race([first, FineTuneConfig.recorded(other.to_dict() | {"mode": "full"})])


def race(home: Path, *names: str) -> list[RunFolder]:
    configs = runs({}, {"algorithm": "adamw"})
    folders = [store.new_folder(home) for _ in configs]
    ids = tuple(folder.id for folder in folders)
    for folder, config, name in zip(folders, configs, names or default_names(configs), strict=True):
        folder.write_description(config, name=name, created=0.0, queue="cpu", race=ids)
    return folders


def test_race_is_labelled_in_short_unless_somebody_has_named_its_runs(home: Path) -> None:
    folders = race(home)
    assert results.labels(folders, in_short=True) == ["Full, SGD", "Full, AdamW"]
    assert results.labels(folders) == ["EfficientNet-Lite0, full, SGD", "EfficientNet-Lite0, full, AdamW"]
    assert results.labels(race(home, "mine", "yours"), in_short=True) == ["mine", "yours"]


BATCH_NORM, DROPOUT, PHOTOS = "BatchNorm normalises", "dropout is on", "augmentation changes"


@pytest.mark.parametrize(
    ("configs", "said"),
    [
        (runs({}, {"learning_rate": 1e-3}), []),
        (runs({}, {"algorithm": "adamw", "epochs": 3, "schedule": "cosine", "precision": "float32"}), []),
        (runs({}, {"mode": "frozen"}), [BATCH_NORM, DROPOUT]),
        (runs({}, {"batch_norm": "eval"}), [BATCH_NORM]),
        (runs({"mode": "last_stage"}, {}), [BATCH_NORM]),
        (runs({"mode": "frozen"}, {"thaw_every": 1}), []),
        (runs({"mode": "frozen"}, {"mode": "frozen", "freezing": "gradients"}), [BATCH_NORM, DROPOUT]),
        (runs({}, {"mode": "frozen"}, architecture="alexnet"), [DROPOUT]),
        (runs({}, {"mode": "frozen"}, architecture="resnet18"), [BATCH_NORM]),
        (runs({}, {"mode": "frozen"}, architecture="vit_b_16"), []),
        (runs({}, {"crop_scale": 0.5}), []),
        (runs({}, {"mixup": 0.2}), [PHOTOS]),
        (runs({}, {"augmentation": "random_resized_crop"}), [PHOTOS]),
        (runs({}, {"architecture": "resnet18"}), ["the networks differ"]),
        (runs({}, {"weights": "random", "image_size": 64}), ["they start from", "photos are shown at"]),
    ],
)
def test_first_losses_differ_for_reasons_that_are_so(configs: list[FineTuneConfig], said: list[str]) -> None:
    found = first_losses.reasons(configs, ["float32"] * len(configs))
    assert len(found) == len(said), found
    assert all(reason.startswith(begins) for reason, begins in zip(found, said, strict=True))


def test_precision_is_a_reason_only_where_it_was_another() -> None:
    alike, apart = runs({}, {"epochs": 3}), runs({}, {"mode": "frozen"}, architecture="vit_b_16")
    assert first_losses.reasons(alike, ["bfloat16", "bfloat16"]) == []
    assert first_losses.reasons(alike, ["bfloat16", "float32"]) == ["training computes in another precision"]
    assert first_losses.reasons(apart, ["bfloat16", "bfloat16"]) == ["training computes in another precision"]


def test_rounding_does_not_set_losses_apart() -> None:
    assert not first_losses.are_apart([])
    assert not first_losses.are_apart([2.3, 2.3 + 1e-6])
    assert first_losses.are_apart([2.3, 2.4])
