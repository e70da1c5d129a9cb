"""Fields of a form, drawn from what a setting says of itself, each checked where it is typed.

What a page puts into the session for a field is sent to the browser once. Where a next script follows at once, after a
quick click, the browser may never see it, and would go by the field's default: zero, say, or the first option. So every
field is given what the session holds as its default, too.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import streamlit as st

from core.runs.run_config import RunConfig
from core.runs.settings import Choice, Number, Range, settings_of
from pages.ui.format import plain

_FIELD_WIDTH = 168  # pixels
_CHOSEN, _TYPED = "chosen_before_in_", "typed_before_in_"
_Option = TypeVar("_Option")


def held(key: str, otherwise: Any) -> Any:
    """What the session holds for a field, to be its default."""
    return st.session_state.get(key, otherwise)


def select_field(label: str, options: Iterable[_Option], *, key: str, **about: Any) -> _Option:
    """A list of options to choose one from: the one that the session holds, or else the first."""
    offered = list(options)
    chosen = held(key, offered[0])
    index = offered.index(chosen) if chosen in offered else 0
    option: _Option = st.selectbox(label, offered, index, key=key, **about)
    return option


def number_field(about: Number, *, key: str, allowed: Range | None = None, default: float | None = None) -> str | None:
    """A field for a number. Returns what is wrong with what was typed, in a sentence, or None.

    `allowed` narrows what the setting allows. `default` is for a field whose value nobody else puts into the session:
    what is put there is lost where the script is broken off before the browser has heard of the field. Such a field
    says again what it said before it was away for a while, which Streamlit forgets.
    """
    allowed = allowed or about.allowed
    if default is not None:
        default = st.session_state.get(_TYPED + key, default)
    default = held(key, "min" if default is None else default)
    value = st.number_input(
        about.label,
        key=key,
        value=(int if about.is_whole else float)(default) if isinstance(default, int | float) else default,
        step=1 if about.is_whole else None,
        format="%d" if about.is_whole else "%g",
        help=f"{about.help} Allowed: {allowed}.",
    )
    st.session_state[_TYPED + key] = value
    if value is not None and value in allowed:
        return None
    typed = "nothing" if value is None else f"{value:,g}"
    problem = f"{about.label} must be {allowed}, but it is {typed}."
    st.markdown(f":red[:material/error: {plain(problem)}]")
    return problem


def setting_fields(config: type[RunConfig], *, key_of: Callable[[str], str]) -> list[str]:
    """A field for each number and each choice of a configuration. Returns what is wrong with what was typed.

    A field that has no value yet has the setting's default.
    """
    defaults = config().to_dict()
    problems: list[str | None] = []
    for name, about in settings_of(config).items():
        st.session_state.setdefault(key_of(name), defaults[name])
        if isinstance(about, Number):
            with st.container(width=_FIELD_WIDTH):
                problems.append(number_field(about, key=key_of(name)))
        elif isinstance(about, Choice):
            with st.container(width=2 * _FIELD_WIDTH):
                choice_field(about, key=key_of(name))
    return [problem for problem in problems if problem]


def choice_field(
    about: Choice,
    *,
    key: str,
    options: Sequence[str] = (),
    on_change: Callable[[], None] | None = None,
    default: str | None = None,
) -> str:
    """A row of options, of which one is chosen. Returns it.

    `options` narrows what the setting offers. `default`: see `number_field`.
    """
    offered = list(options or about.options)
    if default is not None:
        default = st.session_state.get(_CHOSEN + key, default)
    default = held(key, default)

    def noted() -> None:
        if st.session_state[key] is None:
            st.session_state[key] = chosen_of(key, offered)
        elif on_change is not None:
            on_change()

    chosen = st.segmented_control(
        about.label,
        offered,
        format_func=about.in_words,
        key=key,
        default=default if default in offered else None,
        required=True,
        on_change=noted,
        width="stretch",
        help=about.help,
    )
    assert chosen is not None  # it is required
    st.session_state[_CHOSEN + key] = chosen
    return chosen


def text_field(label: str, *, key: str, **about: Any) -> str:
    """A field for a text, without what is blank around it. It says again what it said before it was away."""
    typed = st.text_input(label, str(held(key, st.session_state.get(_TYPED + key, "")) or ""), key=key, **about)
    st.session_state[_TYPED + key] = typed or ""
    return (typed or "").strip()


def chosen_of(key: str, offered: Sequence[str]) -> str:
    """What is chosen in the row of options of that key.

    While a page is still opening, Streamlit's frontend may say that nothing is: then it is what was chosen before.
    """
    chosen: str | None = st.session_state[key]
    return chosen if chosen is not None else st.session_state.get(_CHOSEN + key, offered[0])
