"""ImageNet weights that must be downloaded: what is said of them beside the button that begins it."""

from core import downloads, hub
from core.models.catalog import ARCHITECTURES
from pages.ui.download import Words, amount, show_download
from pages.ui.format import plain


def show_weights(architecture: str, *, is_needed: bool, key: str = "weights") -> str:
    """How it stands with the ImageNet weights of a network: "here", or else what can be done about it is drawn.

    `is_needed` says that nothing goes on without them, so that the button to download them is the next click.
    `key` begins the keys of its buttons.
    """
    known = ARCHITECTURES[architecture]
    if known.weights_url is None:
        return "here"  # they came with a package
    when = "" if is_needed else " A training downloads them when it starts."
    words = Words(
        thing="weights",
        button="Download them",
        absent=f"The weights of {plain(known.label)} are not on this computer yet.{when}",
        num_bytes=known.weights_bytes,
        is_primary=is_needed,
        key=key,
    )
    return show_download(hub.file_of(known.label, known.weights_url), words)


def on_their_way(architecture: str) -> tuple[float, str] | None:
    """How much of a network's weights is here while somebody downloads them, as a fraction and in words."""
    known = ARCHITECTURES[architecture]
    if known.weights_url is None:
        return None
    num_bytes = downloads.arrived(hub.file_of(known.label, known.weights_url))
    if not num_bytes:
        return None
    done, in_words = amount(num_bytes, known.weights_bytes)
    return done, f"Downloading the weights: {in_words}"
