"""What the runs of a race are called: by what learns in each, and by as little more as tells them apart. Pure."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from core.runs.config import FineTuneConfig
from core.runs.run_config import RunConfig
from core.runs.settings import settings_of
from core.words import shown

_SETTINGS = settings_of(FineTuneConfig)
_FIRST = ("weights", "algorithm", "augmentation", "learning_rate", "schedule")  # what people race for


def default_names(configs: Sequence[RunConfig]) -> list[str]:
    """What runs that start together are called until somebody renames them."""
    names = [config.default_name for config in configs]
    fine_tunings = [config for config in configs if isinstance(config, FineTuneConfig)]
    return _told_apart(names, fine_tunings) if len(fine_tunings) == len(configs) else names


def short_names(configs: Sequence[FineTuneConfig]) -> list[str]:
    """What they are called where all that they share is said elsewhere: “Full, AdamW” and “Full, SGD”."""
    networks = [config.in_words("architecture") for config in configs]
    words = [config.what_learns for config in configs]
    if len(set(networks)) > 1:
        words = [f"{network}, {what}" for network, what in zip(networks, words, strict=True)]
    return [f"{name[:1].upper()}{name[1:]}" for name in _told_apart(words, configs)]


def _told_apart(names: Sequence[str], configs: Sequence[FineTuneConfig]) -> list[str]:
    """These names; where some are the same, with the first of their settings that differ."""
    found, values = list(names), [config.to_dict() for config in configs]
    for setting in dict.fromkeys((*_FIRST, *values[0])):
        if len(set(found)) == len(found):
            break
        said = [_phrase(setting, own[setting]) for own in values]
        alike = {name: {said[index] for index, other in enumerate(found) if other == name} for name in set(found)}
        found = [f"{name}, {what}" if len(alike[name]) > 1 else name for name, what in zip(found, said, strict=True)]
    return found


def _phrase(name: str, value: Any) -> str:
    """A setting in two or three words, for the end of a name."""
    about = _SETTINGS[name]
    words = about.in_words(value)
    return _PHRASES[name](value, words) if name in _PHRASES else f"{about.label.lower()} {words}"


# By the value, and by that in words.
_PHRASES: dict[str, Callable[[Any, str], str]] = {
    "architecture": lambda value, words: words,
    "weights": lambda value, words: "weights from a file" if value == "file" else f"{words} weights",
    "weights_file": lambda value, words: shown(Path(str(value)).name) if value else "no file",
    "augmentation": lambda value, words: "no random crops" if value == "none" else words.lower(),
    "image_size": lambda value, words: f"{words} pixels",
    "epochs": lambda value, words: f"{words} epoch{'' if value == 1 else 's'}",
    "algorithm": lambda value, words: words,
    "schedule": lambda value, words: f"{words.lower()} schedule",
    "thaw_every": lambda value, words: f"a stage every {words} epochs" if value else "all at once",
    "batch_norm": lambda value, words: f"BatchNorm {words.lower()}",
}
