"""A Plotly chart that takes new data without losing its element, zoom or legend choices. Knows nothing of runs.

`st.plotly_chart` replaces its element whenever the figure changes; this component keeps it and lets Plotly update it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import streamlit as st

_SCRIPT = Path(__file__).with_suffix(".js").read_text()
_STYLE = Path(__file__).with_suffix(".css").read_text()


@dataclass(frozen=True)
class Choice:
    """A small field below a chart, which changes how it is drawn."""

    name: str
    label: str
    value: str
    options: Mapping[str, str]  # in words


@dataclass(frozen=True, kw_only=True)
class Downloads:
    """What can be taken away of a chart: its picture, and its numbers."""

    name: str  # of the files, without what follows the dot; safe on any disk
    csv: str  # the address of the numbers, below that of the dashboard


def live_chart(
    figure: dict[str, Any],
    *,
    key: str,
    numbers: dict[str, str],
    height: int,
    description: str,
    notes: Sequence[str] = (),
    choices: Sequence[Choice] = (),
    on_choice: Callable[[str], None] | None = None,
    downloads: Downloads | None = None,
) -> None:
    """Draw a figure below its most telling numbers, or bring the one with this `key` up to date.

    `description` is what a screen reader says, and must hold the news that the picture shows. `notes` are sentences
    below it. `on_choice` is called with the key when one of the `choices` was made: then `st.session_state[key]` has it
    as “choice”, with its name and its value, and both may be anything.
    """
    # Registering is cheap, and a component registered once at import is unknown to a runtime started later.
    component = st.components.v2.component("live_chart", js=_SCRIPT, css=_STYLE, isolate_styles=False)
    component(
        key=key,
        data={
            "figure": figure,
            "numbers": numbers,
            "height": height,
            "description": description,
            "notes": list(notes),
            "choices": [{**asdict(choice), "options": list(choice.options.items())} for choice in choices],
            "downloads": asdict(downloads) if downloads else None,
        },
        height="content",
        on_choice_change=(lambda: on_choice(key)) if on_choice else lambda: None,
    )
