"""What every configuration of a run can do: frozen settings that are valid from birth, and plain values in a file.

Those of a run of the past are read as they were, see `RunConfig.recorded`: today's ranges and catalogs decide what can
be begun, and not what can be looked at.
"""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, ClassVar, Self, cast

from core.runs.checked import conform_all
from core.runs.settings import assemble, groups_of, settings_of, values_of


class RunConfig:
    """What all kinds of run have in common: they become plain values, and come back from them."""

    KIND: ClassVar[str]  # the name on disk of such runs, see `core.runs.kinds`

    def __post_init__(self) -> None:
        self.check()

    def check(self) -> None:
        """Whether this version can do such a run.

        Raises:
            ValueError: a setting is outside its range; the message names it, its range and the value.
        """
        for name, about in settings_of(type(self)).items():
            if problem := about.problem_with(name, self.value_of(name)):
                raise ValueError(problem)

    @property
    def is_possible(self) -> bool:
        """Whether this version can do such a run."""
        try:
            self.check()
        except ValueError:
            return False
        return True

    @property
    def default_name(self) -> str:
        """What such a run is called until somebody renames it."""
        raise NotImplementedError

    @property
    def disk_bytes(self) -> int:
        """Room for all that such a run keeps at a time, beside its steps and events."""
        return 0

    def in_words(self, name: str) -> str:
        """One of the settings as people read it; not Markdown."""
        return settings_of(type(self))[name].in_words(self.value_of(name))

    def value_of(self, name: str) -> Any:
        """One of the settings, whatever group it belongs to."""
        return values_of(self)[name]

    @classmethod
    def of(cls, **settings: Any) -> Self:
        """A configuration of these settings, whatever groups they belong to; the others have their defaults.

        Raises:
            ValueError: a setting is out of its range.
        """
        return assemble(cls, settings)

    def changed(self, **settings: Any) -> Self:
        """The same, but for these settings.

        Raises:
            ValueError: a setting is out of its range.
        """
        return self.of(**self.to_dict() | settings)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for a file."""
        return values_of(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """The inverse of `to_dict`; settings that this version does not know are left out.

        Raises:
            ValueError: a setting is of another type, or out of its range.
        """
        return cls.of(**_conformed(cls, values))

    @classmethod
    def recorded(cls, values: object) -> Self:
        """The settings of a run as its file has them, to be read and not to be done again.

        What this version knows no more, or allows no more, is kept as it was. A setting that the file lacks is younger
        than the run, and has its default.

        Raises:
            ValueError: a setting is of another type, or is what it could never be.
        """
        return cast(Self, _unchecked(cls, _conformed(cls, values, any_choice=True)))


def _conformed(config: type, values: object, *, any_choice: bool = False) -> dict[str, Any]:
    """The values of a file that a configuration knows, as its annotations and its groups' have them.

    Raises:
        ValueError: one is something else.
    """
    groups = groups_of(config)
    if isinstance(values, Mapping):  # a setting of another version may have the name of a group
        values = {name: value for name, value in values.items() if name not in groups}
    found: dict[str, Any] = {}
    for part in (config, *groups.values()):
        found |= conform_all(values, part, any_choice=any_choice)
    return found


def _unchecked(config: type, found: Mapping[str, Any]) -> object:
    """A configuration, or a group, of these values, without asking whether this version allows them."""
    made: object = object.__new__(config)
    groups = groups_of(config)
    for entry in fields(config):
        known = _unchecked(groups[entry.name], found) if entry.name in groups else found.get(entry.name, entry.default)
        object.__setattr__(made, entry.name, known)
    return made
