"""Settings in a line: what matters most is said, counted right, and a file is named as itself."""

from core.runs.config import FineTuneConfig
from pages.fine_tune.words import in_words
from tests.samples import as_read


def test_line_of_a_run_says_all_that_its_accuracy_hangs_on() -> None:
    said = as_read(in_words(FineTuneConfig(epochs=1, image_size=64, augmentation="random_resized_crop").to_dict()))
    before = "ImageNet weights · CIFAR-10 sample · random crops · 64 pixels · 1 epoch"
    assert said == f"{before} · batch 32 · learning rate 0.01 · seed 0"


def test_weights_of_a_file_are_named_by_it_and_its_name_is_data() -> None:
    config = FineTuneConfig(weights="file", weights_file="/home/me/my *best* weights.pth")
    assert "weights from my *best* weights.pth · " in as_read(in_words(config.to_dict()))
    assert "\\*best\\*" in in_words(config.to_dict())


def test_numbers_that_are_not_typed_yet_are_asked_for() -> None:
    nothing = dict.fromkeys(("epochs", "learning_rate", "batch_size", "image_size"))
    assert in_words(nothing) == "? epochs · learning rate ? · batch ? · ? pixels"
