"""Numbers and words as people read them. Pure."""

import re


def duration(seconds: float) -> str:
    """ "8 s", "3 min 20 s", "2 h 5 min"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole < 600 else f"{whole // 60} min"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def count(number: float) -> str:
    """ "1,140", "4.7 M", "61.1 M"."""
    return f"{number / 1e6:.1f} M" if number >= 1e6 else f"{number:,.0f}"


def rate(per_second: float) -> str:
    """ "2.41", "1,120": three digits tell enough."""
    return f"{per_second:,.0f}" if per_second >= 100 else f"{per_second:.3g}"


def plain(text: str) -> str:
    """Text that Markdown shows as it is: names and messages are data, whatever they contain."""
    text = text.encode(errors="replace").decode()  # half a character, which a file may hold, cannot be sent
    return re.sub(r"([\\`*_{}\[\]()#+\-.!|<>~$:&])", r"\\\1", text)
