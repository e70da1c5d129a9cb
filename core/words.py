"""Names and messages made fit to show: whatever they contain, a reader sees what is there. Pure.

A name comes from a file, a form or an address. What is invisible in it, or would turn its surroundings around, is
spelled out; what is endless is shortened; what is empty is named. How a page keeps the rest from being read as markup
is for the page to say.
"""

import re
import unicodedata
from collections.abc import Iterator

MAX_NAME = 80  # characters; a longer name loses its middle
MAX_MESSAGE = 1_000
NO_NAME = "(no name)"
_MAX_MARKS = 4  # on one letter; a tower of them covers the lines around it
_JOINERS = "\u200c\u200d"  # families of emoji and some scripts need them between two of their letters
_KEYCAP = "\u20e3"
_CIRCLE = "\u25cc"  # what a mark without a letter sits on, as in charts of characters
_ISOLATE, _END = "\u2068", "\u2069"  # what stands between them keeps its direction to itself
_ISOLATED = re.compile(f"{_ISOLATE}([^{_ISOLATE}{_END}]*){_END}")
_RIGHT_TO_LEFT = frozenset(("R", "AL", "AN"))
# Control, format, private and half characters; and what is drawn as nothing though Unicode counts it among letters,
# marks and symbols, or has not given it away yet.
_INVISIBLE = frozenset(("Cc", "Cf", "Co", "Cs"))
_BLANK = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u2065\u2800\u3164\uffa0\ufff0-\ufff8\U000e0000-\U000e0fff]")
_SELECTOR = re.compile("[\u180b-\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]")  # chooses the look of the one before it


def shown(name: object, *, most: int = MAX_NAME) -> str:
    """The name on one line, about `most` characters long at most, with nothing in it that cannot be seen.

    One that has letters written from right to left is isolated: the words beside it keep their place.
    """
    text = " ".join(str(name).split())
    if _is_plain(text, most):
        return text or NO_NAME
    if whole := _ISOLATED.fullmatch(text):
        text = whole[1]  # shown before
    text = _shortened(list(_pieces(_without_middle(text, most))), most)
    return _isolated(text) if _turns(text) else text or NO_NAME


def message(text: object, *, most: int = MAX_MESSAGE) -> str:
    """A sentence about names, made fit to show in the same way; empty where it is."""
    line = " ".join(str(text).split())
    return line if _is_plain(line, most) else _shortened(list(_sentence(_without_middle(line, most))), most)


def file_stem(name: object, *, most: int = 40) -> str:
    """What is left of a name in the name of a file, safe on any disk: letters, digits, and “-” between words."""
    visible = "".join(" " if is_invisible(character) else character for character in str(name)[: 20 * most])
    return re.sub(r"[\W_]+", "-", unicodedata.normalize("NFKC", visible)).strip("-")[:most].strip("-")


def is_invisible(character: str) -> bool:
    """Whether nothing is drawn for a character on its own."""
    return bool(unicodedata.category(character) in _INVISIBLE or _BLANK.match(character) or _SELECTOR.match(character))


def _is_plain(text: str, most: int) -> bool:
    """Whether a text is short and of printable ASCII: most are, and a list of runs shows thousands."""
    return len(text) <= most and text.isascii() and text.isprintable()


def _sentence(text: str) -> Iterator[str]:
    """A message's pieces; a name that was isolated when it was put in stays so."""
    end = 0
    for found in _ISOLATED.finditer(text):
        if _turns(found[1]):
            yield from _pieces(text[end : found.start()])
            yield _isolated("".join(_pieces(found[1])))
            end = found.end()
    yield from _pieces(text[end:])


def _pieces(text: str) -> Iterator[str]:
    """What to draw for each character."""
    marks = 0
    for index, character in enumerate(text):
        before, after = text[index - 1 : index] if index else "", text[index + 1 : index + 2]
        is_mark = unicodedata.category(character).startswith("M")
        marks = marks + 1 if is_mark else 0
        if is_invisible(character):
            yield character if _belongs(character, before, after) else f"‹U+{ord(character):04X}›"
        elif is_mark and (before in ("", " ") or is_invisible(before)) and character != _KEYCAP:
            yield f"{_CIRCLE}{character}"
        elif marks <= _MAX_MARKS:
            yield character


def _belongs(character: str, before: str, after: str) -> bool:
    """Whether an invisible character shapes the ones beside it, as in a family of emoji or in Persian."""
    is_after_a_letter = before > "\x7f" and not is_invisible(before)
    if character in _JOINERS:
        return (is_after_a_letter or bool(_SELECTOR.match(before))) and after > "\x7f" and not is_invisible(after)
    return bool(_SELECTOR.match(character)) and (is_after_a_letter or after == _KEYCAP)


def _without_middle(text: str, most: int) -> str:
    """Of an endless text, enough of both ends: all of it need not be looked at."""
    return text if len(text) <= 20 * most else f"{text[: 10 * most]}{text[-10 * most :]}"


def _shortened(pieces: list[str], most: int) -> str:
    """The pieces in one, without their middle where they are more than `most` characters: names differ at the end."""
    if sum(map(len, pieces)) <= most:
        return "".join(pieces)
    front = _fitting(pieces, most * 2 // 3)
    back = _fitting(pieces[::-1], most // 3 - 1)[::-1]
    return f"{''.join(front).rstrip()}…{''.join(back).lstrip()}"


def _fitting(pieces: list[str], most: int) -> list[str]:
    """As many of the first pieces as fit into `most` characters."""
    fitting: list[str] = []
    for piece in pieces:
        most -= len(piece)
        if most < 0:
            break
        fitting.append(piece)
    return fitting


def _turns(text: str) -> bool:
    """Whether some of it is written from right to left."""
    return any(unicodedata.bidirectional(character) in _RIGHT_TO_LEFT for character in text)


def _isolated(text: str) -> str:
    return f"{_ISOLATE}{text}{_END}"


def size(num_bytes: float) -> str:
    """What a file or a disk holds, in decimal units and three digits: "812 bytes", "37.2 kB", "13.5 MB", "1.24 GB"."""
    if num_bytes < 1_000:
        return "1 byte" if num_bytes == 1 else f"{num_bytes:.0f} bytes"
    value, unit = num_bytes / 1e3, "kB"
    for larger in ("MB", "GB", "TB"):
        if value >= 999.5:
            value, unit = value / 1e3, larger
    return f"{value:.3g} {unit}" if value < 999.5 else f"{value:,.0f} {unit}"
