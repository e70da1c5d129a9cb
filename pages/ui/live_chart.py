"""A Plotly chart that takes new data without losing its element, zoom or legend choices. Knows nothing of runs.

`st.plotly_chart` replaces its element whenever the figure changes; this component keeps it and lets Plotly update it.
"""

from pathlib import Path
from typing import Any

import streamlit as st

_SCRIPT = Path(__file__).with_suffix(".js").read_text()
_STYLE = Path(__file__).with_suffix(".css").read_text()


def live_chart(figure: dict[str, Any], *, key: str, numbers: dict[str, str], height: int, description: str) -> None:
    """Draw a figure below its most telling numbers, or bring the one with this `key` up to date.

    `description` is what a screen reader says, and must hold the news that the picture shows.
    """
    # Registering is cheap, and a component registered once at import is unknown to a runtime started later.
    component = st.components.v2.component("live_chart", js=_SCRIPT, css=_STYLE, isolate_styles=False)
    component(
        key=key,
        data={"figure": figure, "numbers": numbers, "height": height, "description": description},
        height="content",
    )
