"""A setting is declared once, beside its default: what it is called, what it does, and what it may be. Pure.

Forms, addresses, comparisons and messages derive from it, so a new setting is one line in its configuration.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple, TypeVar

from core.words import shown

Value = TypeVar("Value")
_ABOUT, _GROUP = "setting", "group"
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
        if self.knows(value):
            return None
        known = "one that this version knows"
        if len(self.options) <= _FEW:
            known = f"one of {', '.join(self.options)}"
        return f"{name} must be {known}, got {shown(value)!r}"

    def in_words(self, value: Any) -> str:
        """A value as people read it; one that another version knew, as it stands in the file."""
        return self.options[value] if self.knows(value) else shown(value)

    def knows(self, value: Any) -> bool:
        """Whether this version knows a value. A file may hold lists, which no option can be."""
        return isinstance(value, str) and value in self.options


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


def group(of: type[Value]) -> Value:
    """A field of a configuration for settings that belong together: a frozen dataclass of them, at their defaults.

    In files, forms and addresses they stand beside the others, by their own names, so no two may have the same.
    """
    return field(default_factory=of, metadata={_GROUP: of})


def groups_of(config: type) -> dict[str, type]:
    """The groups of a configuration's class, by the names of their fields."""
    return {entry.name: entry.metadata[_GROUP] for entry in fields(config) if _GROUP in entry.metadata}


def settings_of(config: type) -> dict[str, Setting]:
    """What a configuration's class declares, and its groups do, in its order."""
    found: dict[str, Setting] = {}
    for entry in fields(config):
        if _GROUP in entry.metadata:
            found |= settings_of(entry.metadata[_GROUP])
        elif _ABOUT in entry.metadata:
            found[entry.name] = entry.metadata[_ABOUT]
    return found


def values_of(config: Any) -> dict[str, Any]:
    """Each setting's value, in the same order."""
    found: dict[str, Any] = {}
    for entry in fields(config):
        value = getattr(config, entry.name)
        found |= values_of(value) if _GROUP in entry.metadata else {entry.name: value}
    return found


def assemble(config: Callable[..., Value], values: Mapping[str, Any]) -> Value:
    """A configuration of these values, each group's in their group. Those that are missing have their defaults.

    Raises:
        TypeError: a value is of no setting.
    """
    groups = groups_of(config)  # type: ignore[arg-type]
    own = dict(values)
    made = {name: of(**{key: own.pop(key) for key in settings_of(of) if key in own}) for name, of in groups.items()}
    return config(**own, **made)


def numbers_of(config: type) -> dict[str, Number]:
    """Those that are numbers."""
    return {name: about for name, about in settings_of(config).items() if isinstance(about, Number)}


def choices_of(config: type) -> dict[str, Choice]:
    """Those that are one of a few."""
    return {name: about for name, about in settings_of(config).items() if isinstance(about, Choice)}
