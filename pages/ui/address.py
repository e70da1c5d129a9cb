"""Settings in a page's address: read with mistrust, written as far as they differ from the defaults. Pure."""

import os
from collections.abc import Collection, Mapping
from typing import Any


def read_settings(
    address: Mapping[str, str], defaults: Mapping[str, Any], choices: Mapping[str, Collection[str]]
) -> tuple[dict[str, Any], list[str]]:
    """The defaults with what the address says in their place, and a sentence for each value that was left out.

    A value takes its default's type: a whole number, a number, or one of `choices` where there are any. Whether a
    number is in its range is for the form to say.
    """
    settings, problems = dict(defaults), []
    for name, default in defaults.items():
        text = address.get(name)
        if text is None:
            continue
        value = parsed(text, default)
        if value is None or (name in choices and value not in choices[name]):
            shown = f"{text[:40]}…" if len(text) > 40 else text
            problems.append(f"The address says {name} = “{shown}”, which is not possible. The default is used instead.")
        else:
            settings[name] = value
    return settings, problems


def write_settings(settings: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, str]:
    """What an address has to say: the settings that differ from their defaults."""
    return {
        name: value_text(value)
        for name, value in settings.items()
        if name in defaults and value != defaults[name] and value is not None and value != ""
    }


def absolute_path(typed: str) -> str:
    """A file's path as somebody typed it, or as an address says it; no path holds a null byte."""
    return os.path.abspath(os.path.expanduser(typed.replace("\0", "")))


def value_text(value: Any) -> str:
    """A value as an address has it."""
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def parsed(text: str, default: Any) -> Any:
    """The value that an address means, of its default's type; None where there is none."""
    if not isinstance(default, int | float):
        return text
    try:
        number = int(text) if isinstance(default, int) else float(text)
    except ValueError:
        return None
    # A number input takes no infinity, and no whole number that JavaScript cannot hold.
    return number if abs(number) < 2**53 else None
