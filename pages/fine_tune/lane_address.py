"""The runs of a race in an address: `lanes=frozen,full;algorithm=adamw,full@0.001;epochs=5`. Pure.

Each is what learns in it, after "@" its learning rate, and after each ";" another setting in which it differs. What is
not said of one is what the form says of all.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, unquote

from core.runs.config import MAX_LANES, SHARED_IN_A_RACE, FineTuneConfig
from core.runs.settings import choices_of, numbers_of, settings_of
from pages.ui.address import parsed, value_text

Lane = Mapping[str, Any]  # what a run has of its own, by the names of settings: always what learns
DEFAULT: tuple[Lane, ...] = ({"mode": "frozen"}, {"mode": "full"})
# In which runs can differ beside what learns and the learning rate, which the form always asks for.
CAN_DIFFER = tuple(
    name for name in settings_of(FineTuneConfig) if name not in (*SHARED_IN_A_RACE, "mode", "learning_rate")
)
_CHOICES, _DEFAULTS = choices_of(FineTuneConfig), FineTuneConfig().to_dict()
_MOST_SAID = 2  # of what is wrong with one run
_RATES = numbers_of(FineTuneConfig)["learning_rate"].allowed


def write(lanes: Sequence[Lane]) -> str:
    """The runs for an address; empty for the default ones. What is None is left out: nothing was typed there."""
    said = [{name: value for name, value in lane.items() if value is not None} for lane in lanes]
    return "" if said == [*DEFAULT] else ",".join(map(_lane_text, said))


def _lane_text(lane: Lane) -> str:
    rate = lane.get("learning_rate")
    begins = lane["mode"] if rate is None else f"{lane['mode']}@{value_text(rate)}"
    return ";".join([begins, *(f"{name}={quote(value_text(lane[name]))}" for name in CAN_DIFFER if name in lane)])


def read(text: str) -> tuple[list[Lane] | None, list[str]]:
    """The runs that an address names, or None where that is no race; and a sentence for what was left out.

    Whether a number is in its range is for the form to say, but for learning rates.
    """
    lanes: list[Lane] = []
    problems: list[str] = []
    for position, part in enumerate(text.split(",", MAX_LANES), start=1):
        begins, *settings = part.split(";", len(CAN_DIFFER) + 1)
        begin = _begin(begins)
        if begin is None or position > MAX_LANES:
            return None, []
        own, wrong = _own(settings, position)
        lanes.append(begin | own)
        problems += wrong
    return (lanes, problems) if len(lanes) > 1 else (None, [])


def _begin(text: str) -> dict[str, Any] | None:
    """What learns and how fast."""
    mode, has_rate, rate_text = text.partition("@")
    rate = parsed(rate_text, _DEFAULTS["learning_rate"]) if rate_text else None
    if not _CHOICES["mode"].knows(mode) or (has_rate and rate_text and rate not in _RATES):
        return None
    return {"mode": mode} if rate is None else {"mode": mode, "learning_rate": rate}


def _own(settings: Sequence[str], position: int) -> tuple[dict[str, Any], list[str]]:
    """The other settings of one run, the first where one is said twice."""
    own: dict[str, Any] = {}
    problems: list[str] = []
    for setting in settings:
        name, _, quoted = setting.partition("=")
        text = unquote(quoted)
        if name in own:
            continue
        value = parsed(text, _DEFAULTS[name]) if name in CAN_DIFFER else None
        if value is None or (name in _CHOICES and not _CHOICES[name].knows(value)):
            problems.append(
                f"The address says {_short(name)} = “{_short(text)}” of run {position}, which is not possible. That "
                "run has what is set for all."
            )
        else:
            own[name] = value
    return own, problems[:_MOST_SAID]


def _short(text: str) -> str:
    return f"{text[:40]}…" if len(text) > 40 else text
