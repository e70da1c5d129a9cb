"""The settings of a fine-tuning in one line, as a form, a run and a race show them; and its result. Pure."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from core.runs.config import FineTuneConfig, epochs_are_open
from core.runs.events import Budgeted, Finished, Started
from core.runs.quantities import MOST_EPOCHS
from core.runs.settings import choices_of, settings_of
from pages.ui.format import counted, duration, plain, plain_name

_DEFAULTS = FineTuneConfig().to_dict()
_ALIKE = 1.3  # seconds that differ by less are told as one number
_IN_THE_TITLE = ("architecture", "mode", "depth", "weights_file")


def in_words(values: Mapping[str, Any]) -> str:
    """A line of Markdown that says these settings, by their names in `FineTuneConfig`; "?" where one is not known."""
    return " · ".join(filter(None, (_phrase(name, value, values) for name, value in values.items())))


def _phrase(name: str, value: Any, values: Mapping[str, Any]) -> str:
    """A setting in a few words; one that is no matter of course is said only where it is not the product's own."""
    if name in _PHRASES:
        return _PHRASES[name](value, values)
    about = settings_of(FineTuneConfig).get(name)
    if about is None or name in _IN_THE_TITLE or value in (None, _DEFAULTS[name]):
        return ""
    return plain(f"{about.label.lower()} {about.in_words(value)}")


def _weights(value: str, values: Mapping[str, Any]) -> str:
    if value == "file":
        return f"weights from {plain_name(Path(str(values.get('weights_file'))).name)}"
    return (
        "random weights"
        if value == "random"
        else f"{plain(choices_of(FineTuneConfig)['weights'].in_words(value))} weights"
    )


def _choice(name: str, value: Any) -> str:
    return plain(choices_of(FineTuneConfig)[name].in_words(value))


def _number(value: int | None, noun: str) -> str:
    return f"? {noun}s" if value is None else counted(value, noun)


_PHRASES: dict[str, Callable[[Any, Mapping[str, Any]], str]] = {
    "data": lambda value, _: plain(choices_of(FineTuneConfig)["data"].in_words(value)),
    "epochs": lambda value, values: "" if epochs_are_open(values) else _number(value, "epoch"),
    "minutes": lambda value, _: f"within {in_minutes(value)}" if value else "",
    "learning_rate": lambda value, _: f"learning rate {'?' if value is None else f'{value:g}'}",
    "batch_size": lambda value, _: f"batch {'?' if value is None else f'{value:,}'}",
    "image_size": lambda value, _: f"{'?' if value is None else value} pixels",
    "augmentation": lambda value, _: (
        "" if value == "none" else plain(choices_of(FineTuneConfig)["augmentation"].in_words(value).lower())
    ),
    "crop_scale": lambda value, _: "" if value in (None, _DEFAULTS["crop_scale"]) else f"crops from {value:.0%} on",
    "views": lambda value, _: f"{counted(value, 'view')} of each photo" if value else "",
    "rotation": lambda value, _: f"rotation up to {value:g}°" if value else "",
    "weights": _weights,
    "seed": lambda value, _: f"seed {value}",
    "algorithm": lambda value, _: "" if value == _DEFAULTS["algorithm"] else _choice("algorithm", value),
    "schedule": lambda value, _: (
        "" if value == _DEFAULTS["schedule"] else f"{_choice('schedule', value).lower()} schedule"
    ),
    "thaw_every": lambda value, _: (
        f"a stage thaws every {'epoch' if value == 1 else counted(value, 'epoch')}" if value else ""
    ),
    "decayed": lambda value, _: "" if value == _DEFAULTS["decayed"] else "weight decay of weights alone",
    "patience": lambda value, _: f"stops after {counted(value, 'epoch')} without a better one" if value else "",
    "accumulation": lambda value, _: f"batches in {value:,} pieces" if value and value > 1 else "",
    "batch_norm": lambda value, _: "BatchNorm keeps its statistics" if value == "eval" else "",
    "freezing": lambda value, _: "frozen by gradients alone" if value == "gradients" else "",
}


def in_minutes(minutes: float) -> str:
    """That many minutes, for the middle of a line."""
    if minutes < 1:
        return f"{60 * minutes:.3g} seconds" if minutes > 1 / 60 else "a second"
    return "1 minute" if minutes == 1 else f"{minutes:,g} minutes"


def budget(decided: Budgeted) -> str:
    """How many epochs fit into the minutes of a run, and why, in a sentence or two."""
    allowed, first, last = in_minutes(decided.minutes), _about(decided.first_epoch_s), _about(decided.last_epoch_s)
    if not decided.fits:
        return f"Not even one epoch fits into {allowed}, with measuring and test. One is trained: it takes {first}."
    least, most = sorted((decided.first_epoch_s, decided.last_epoch_s))
    each = f"each takes {last}"
    if most > _ALIKE * least and first != last:
        each = f"the first takes {first}, and the last {last}"
    if decided.epochs == MOST_EPOCHS:
        return f"{MOST_EPOCHS:,} epochs, the most there may be, take less than {allowed}: {each}."
    fit = f"{counted(decided.epochs, 'epoch')} {'fits' if decided.epochs == 1 else 'fit'}"
    return f"{fit} into {allowed}, as measured at the start: {each}."


def _about(seconds: float) -> str:
    return "less than 1 s" if seconds < 1 else f"about {duration(seconds)}"


def scores(finished: Finished, started: Started | None) -> str:
    """How well a finished run does, as far as its data have photos to tell; in whole sentences of Markdown."""
    epoch, validation = finished.best_epoch, finished.best_accuracy
    if finished.test_accuracy is None:
        if validation is None:
            return (
                f"**Trained for {counted(epoch, 'epoch')}.** No photos are set aside for validation or test, so no "
                "accuracy is known."
            )
        return (
            f"**{validation:.1%} of the validation photos are recognised** with the weights of epoch {epoch}, which "
            "were chosen by just these photos. There are no test photos to check that on."
            + (f" {_why_early(finished)}" if finished.stopped_early else "")
        )
    photos = f"{started.test_images:,} test photos" if started else "test photos"
    why = (
        "the last: there are no validation photos to choose by"
        if validation is None
        else f"the best on validation ({validation:.1%})"
    )
    balanced = finished.test_balanced_accuracy
    by_class = "" if balanced is None else f" On average over the classes, it is {balanced:.1%} of a class's photos."
    early = f" {_why_early(finished)}" if finished.stopped_early else ""
    return (
        f"**{finished.test_accuracy:.1%} of the {photos} are recognised.**{by_class} Scored once, with the weights of "
        f"epoch {epoch}, {why}.{early}"
    )


def _why_early(finished: Finished) -> str:
    return f"On validation, no epoch after epoch {finished.best_epoch} was better, so training ended early."
