"""Plain values from files, checked against the annotations of a dataclass. Pure; knows neither events nor settings.

A file may hold anything: what is built here has the types that it says, so nothing behind it needs to look again.
"""

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import lru_cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

Built = TypeVar("Built")
_HALF = re.compile("[\ud800-\udfff]")  # half a character, which JSON may hold and nothing can send
_MAX_INTEGER = 2**53  # what a float, and so a browser, holds exactly


def parse_json(text: bytes) -> Any:
    """What a text of JSON says.

    Raises:
        ValueError: it is none, or is nested too deeply.
    """
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def build(kind: Callable[..., Built], values: Mapping[str, Any]) -> Built:
    """A dataclass of these values; those that it does not know are left out.

    Raises:
        ValueError: a value is missing, or is not what its field's annotation says.
    """
    try:
        return kind(**conform_all(values, kind))
    except TypeError as error:
        raise ValueError("something is missing") from error


def conform_all(values: object, kind: Any, *, any_choice: bool = False) -> dict[str, Any]:
    """The values that a dataclass knows, as its annotations have them; see `conform`.

    Raises:
        ValueError: they have no names, or one is something else; the message begins with its name.
    """
    if not isinstance(values, Mapping):
        raise ValueError("they have no names")
    annotations = _annotations(kind)
    checked: dict[str, Any] = {}
    for name in annotations.keys() & values.keys():
        try:
            checked[name] = conform(values[name], annotations[name], any_choice=any_choice)
        except ValueError as error:
            raise ValueError(f"{name} {error}") from error
    return checked


@lru_cache(maxsize=64)
def _annotations(kind: Any) -> dict[str, Any]:
    hints = get_type_hints(kind, include_extras=True)
    return {field.name: hints[field.name] for field in fields(kind)}


def conform(value: object, annotation: Any, *, any_choice: bool = False) -> Any:
    """The value as the annotation has it: numbers are finite, texts can be sent to a browser.

    With `any_choice`, a text need not be one of those of a `Literal`: it was written by a version with others.

    An `Annotated` type carries what its values must lie in, as anything that knows `in` and says what it is as a text.

    Raises:
        ValueError: it is something else; the message goes on from the value's name.
    """
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        inner, allowed = arguments
        checked = conform(value, inner, any_choice=any_choice)
        if checked not in allowed:
            raise ValueError(f"must be {allowed}")
        return checked
    if origin is Literal:
        if any_choice:
            return _text(value)
        if isinstance(value, str) and value in arguments:
            return value
        raise ValueError(f"must be one of {', '.join(arguments)}")
    if origin in (Union, UnionType):
        return _conform_to_any(value, arguments, any_choice)
    if origin is tuple:
        if isinstance(value, list | tuple):
            return tuple(conform(item, arguments[0], any_choice=any_choice) for item in value)
        raise ValueError("must be a list")
    return _CHECKS[annotation](value)


def _conform_to_any(value: object, annotations: tuple[Any, ...], any_choice: bool) -> Any:
    problem = ValueError("cannot be")
    for annotation in annotations:
        try:
            return conform(value, annotation, any_choice=any_choice)
        except ValueError as error:
            problem = error
    raise problem


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("must be a text")
    return _HALF.sub(lambda half: f"‹U+{ord(half[0]):04X}›", value)


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


def _integer(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > _MAX_INTEGER:
        raise ValueError("must be a whole number")
    return value


def _number(value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise ValueError("must be a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError("must be a finite number")
    return number


def _nothing(value: object) -> None:
    if value is not None:
        raise ValueError("must be empty")


_CHECKS = {str: _text, bool: _flag, int: _integer, float: _number, NoneType: _nothing}
