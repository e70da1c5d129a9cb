"""Text in a table for a spreadsheet: data, and never a formula. Pure."""

import re
import unicodedata

from core.words import is_invisible

_FORMULA = ("=", "+", "-", "@")
_SEPARATORS = re.compile(r"([;|\t\r\n])")


def harmless(text: str) -> str:
    """The text, with an apostrophe before each part that a spreadsheet would compute.

    Where another sign than the comma separates cells, a part is a cell of its own.
    """
    parts = _SEPARATORS.split(text.encode(errors="replace").decode())  # half a character cannot be saved
    return "".join(f"'{part}" if _begins_like_a_formula(part) else part for part in parts)


def _begins_like_a_formula(text: str) -> bool:
    """Whether the first character that one sees is a formula's, in any of its widths; quotes may be taken away."""
    for character in text:
        if character.isspace() or is_invisible(character) or character in "\"'" or unicodedata.combining(character):
            continue
        return unicodedata.normalize("NFKC", character).startswith(_FORMULA)
    return False
