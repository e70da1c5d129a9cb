"""Numbers and words as people read them. Pure."""

import re
from collections.abc import Sequence

from core import words


def duration(seconds: float) -> str:
    """ "8 s", "3 min 20 s", "2 h 5 min"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole < 600 else f"{whole // 60} min"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def whole_percent(fraction: float) -> str:
    """ "43%", rounded down as a bar of progress is: 100% is said of what is done alone."""
    return f"{int(100 * fraction + 1e-9)}%"  # 0.29 is a little less than 29 of 100


def roughly(seconds: float) -> str:
    """ "20 s", "1.5 min", "12 min", "2 h": as exact as an estimate is."""
    if seconds < 55:
        return f"{max(5 * round(seconds / 5), 5)} s"
    if seconds < 285:
        return f"{round(seconds / 30) / 2:g} min"
    if seconds < 3300:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.2g} h" if seconds < 36_000 else f"{seconds / 3600:,.0f} h"


def count(number: float) -> str:
    """ "1,140", "4.7 M", "61.1 M"; no line breaks within."""
    return f"{number / 1e6:.1f}\u00a0M" if number >= 1e6 else f"{number:,.0f}"


def counted(number: int, noun: str) -> str:
    """ "1 epoch", "1,000 epochs"."""
    ending = "" if number == 1 else "es" if noun.endswith("s") else "s"
    return f"{number:,} {noun}{ending}"


def listed(parts: Sequence[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    *before, last = parts
    return f"{', '.join(before)} and {last}" if before else last


def rate(per_second: float) -> str:
    """ "2.41", "1,120": three digits tell enough."""
    return f"{per_second:,.0f}" if per_second >= 100 else f"{per_second:.3g}"


def loss(value: float) -> str:
    """ "0.4312", or "3.2e-05" where four decimals would show nothing."""
    return f"{value:.4f}" if not 0 < abs(value) < 0.001 else f"{value:.1e}"


def coefficient(value: float) -> str:
    """ "3.3911", or "-6.06e+17" where a fit has run away."""
    return f"{value:.4f}" if abs(value) < 1e4 else f"{value:.2e}"


def plain(text: object) -> str:
    """Markdown that shows a message as it is: names in it are data, whatever they contain.

    Streamlit makes links, icons, emoji and arrows of text after Markdown has undone its escapes, so an empty element
    stands inside whatever it would take for one. Nothing of that is copied with the text.
    """
    return _markdown(words.message(text))


def plain_name(name: object, *, most: int = words.MAX_NAME) -> str:
    """Markdown that shows a name as it is: on one line, not too long, and never as nothing."""
    return _markdown(words.shown(name, most=most))


def _markdown(text: str) -> str:
    apart = _JOINTS.sub("\0", text)
    return _SPECIAL.sub(r"\\\g<0>", apart).replace("\0", ":small[]")


_SPECIAL = re.compile(r"[\\`*_{}\[\]()#+\-.!|<>~$:&]")
# Inside :icon: and https://, a@b.c, www.x and the arrows, whatever stands beside the text.
_JOINTS = re.compile(r"(?<=[:@])|(?<=www)|(?<=[<>~=-])(?=[<>=-])", re.IGNORECASE)
