"""A setting is declared once, beside its default: what it is called, what it does, and what it may be. Pure.

Forms, addresses, comparisons and messages derive from it, so a new setting is one line in its configuration.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple, TypeVar

from core.words import shown

Value = TypeVar("Value")
_ABOUT = "setting"
_FEW = 8  # options that a sentence can list


class Range(NamedTuple):
    """The values a number may take: both ends included, but for a minimum that is excluded."""

    minimum: float
    maximum: float
    excludes_minimum: bool = False

    def __contains__(self, value: object) -> bool:
        if not isinstance(value, int | float) or isinstance(value, bool):
            return False
        above = value > self.minimum if self.excludes_minimum else value >= self.minimum
        return above and value <= self.maximum  # False for NaN, too

    def __str__(self) -> str:
        if self.excludes_minimum:
            return f"greater than {self.minimum:,} and at most {self.maximum:,}"
        if self.maximum == math.inf:
            return f"at least {self.minimum:,}"
        return f"between {self.minimum:,} and {self.maximum:,}"


@dataclass(frozen=True, kw_only=True)
class Number:
    """A setting that is a number."""

    label: str
    help: str
    allowed: Range
    is_whole: bool = False

    def problem_with(self, name: str, value: Any) -> str | None:
        """What is wrong with a value, in one sentence that begins with the setting's name, or None."""
        if value in self.allowed:
            return f"{name} must be a whole number, got {value}" if self.is_whole and type(value) is not int else None
        if self.allowed.excludes_minimum and isinstance(value, int | float) and value <= self.allowed.minimum:
            return f"{name} must be > {self.allowed.minimum:g}, got {value:g}"
        return f"{name} must be {self.allowed}, got {value}"

    def in_words(self, value: Any) -> str:
        """A value as people read it."""
        return f"{value:,g}" if isinstance(value, float) else str(value)


@dataclass(frozen=True, kw_only=True)
class Choice:
    """A setting that is one of a few."""

    label: str
    help: str
    options: Mapping[str, str]  # what stands in a file, and what people read

    def problem_with(self, name: str, value: Any) -> str | None:
        """What is wrong with a value, in one sentence that begins with the setting's name, or None."""
        if value in self.options:
            return None
        known = "one that this version knows"
        if len(self.options) <= _FEW:
            known = f"one of {', '.join(self.options)}"
        return f"{name} must be {known}, got {shown(value)!r}"

    def in_words(self, value: Any) -> str:
        """A value as people read it; one that another version knew, as it stands in the file."""
        return self.options[value] if value in self.options else shown(value)


@dataclass(frozen=True, kw_only=True)
class Text:
    """A setting that is a text, or nothing; what it may be is known elsewhere."""

    label: str
    help: str

    def problem_with(self, name: str, value: Any) -> str | None:
        """Nothing is: any text will do here."""
        return None

    def in_words(self, value: Any) -> str:
        """A value as people read it."""
        return "–" if value is None else shown(value)


Setting = Number | Choice | Text


def setting(default: Value, about: Setting) -> Value:
    """A field of a configuration, with its default."""
    return field(default=default, metadata={_ABOUT: about})


def settings_of(config: type) -> dict[str, Setting]:
    """What a configuration's class declares, in its order."""
    return {entry.name: entry.metadata[_ABOUT] for entry in fields(config) if _ABOUT in entry.metadata}


def numbers_of(config: type) -> dict[str, Number]:
    """Those that are numbers."""
    return {name: about for name, about in settings_of(config).items() if isinstance(about, Number)}


def choices_of(config: type) -> dict[str, Choice]:
    """Those that are one of a few."""
    return {name: about for name, about in settings_of(config).items() if isinstance(about, Choice)}
