"""What a network amounts to, its head before and after, and the way on to training it."""

import streamlit as st

from core.models.catalog import ARCHITECTURES
from core.models.description import Description, Head
from core.runs.config import Mode
from core.words import size
from pages.inspector.choices import DEFAULTS
from pages.places import FINE_TUNE, PREDICT
from pages.ui.format import count


def show_numbers(described: Description) -> None:
    """What the network amounts to."""
    with_parameters = sum(layer.parameters > 0 for layer in described.layers)
    numbers = {
        "Parameters": (f"{described.parameters:,}", "All numbers of the network that can be trained."),
        "Trainable": (
            f"{described.learning:,}",
            "The parameters that training changes: those whose requires_grad is True.",
        ),
        "Multiply-adds": (
            count(described.multiply_adds)
            if described.multiply_adds < 1e9
            else f"{described.multiply_adds / 1e9:.2f} G",
            f"For one input, in convolutions and matrix products: {described.multiply_adds:,}.",
        ),
        "Weights": (size(4 * described.parameters), "As float32, four bytes a parameter."),
        "Layers": (
            f"{len(described.layers):,}",
            f"Modules that compute something themselves; {with_parameters:,} of them hold parameters.",
        ),
    }
    with st.container(horizontal=True, gap="medium"):
        for label, (value, explanation) in numbers.items():
            st.metric(label, value, help=explanation, width="content")


_WHY = {
    "frozen": "When the network is frozen, only the new head is trained.",
    "last_stage": "The new head and the blocks that work at the lowest resolution are trained; the rest stays.",
    "full": "Every layer is trained, starting from its present weights.",
}


def show_head(described: Description, mode: Mode) -> None:
    """The head before and after, and what is left to learn."""
    assert described.head is not None
    assert described.original is not None
    st.subheader("The head", anchor=False)
    before, after = st.columns(2, gap="medium")
    with before:
        _head_card("Original", described.original.head, described.original.parameters)
    with after:
        _head_card("With the new head", described.head, described.parameters)
    st.subheader("What learns", anchor=False)
    share = described.learning / described.parameters
    said = f"**{described.learning:,} of {described.parameters:,} parameters** are trainable ({_percent(share)})."
    st.progress(share, text=f"{said} {_WHY[mode]}")


def _head_card(title: str, head: Head, total: int) -> None:
    with st.container(border=True):
        st.markdown(f"**{title}**")
        st.code(f"{head.name}: {head.text}", language=None, wrap_lines=True)
        st.caption(f"{head.parameters:,} parameters in the head, {total:,} in all.")


def show_way_on(network: str, settings: tuple[str, int, str, int]) -> None:
    """One click carries the choice on."""
    _, _, mode, image_size = settings
    query = {"architecture": network, "mode": mode}
    if image_size != DEFAULTS["image_size"]:  # it was chosen
        query["image_size"] = str(image_size)
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button("Fine-tune this network", type="primary", icon=":material/model_training:"):
            st.switch_page(FINE_TUNE.script, query_params=query)
        if ARCHITECTURES[network].has_pretrained:
            st.page_link(
                PREDICT.script,
                label="Predict with it",
                icon=":material/image_search:",
                query_params={"network": network},
            )
    st.caption("On the page Fine-tune, the photos decide how many classes the new head has: the sample has ten.")


def _percent(share: float) -> str:
    """ "0.0020%", "0.05%", "12.3%", "100%": little is never nothing, and nearly all is never all."""
    if share < 0.1:
        return f"{share:.2%}" if share >= 1e-4 else f"{share:.4%}"
    return f"{min(share, 0.999):.1%}" if share < 1 else "100%"
