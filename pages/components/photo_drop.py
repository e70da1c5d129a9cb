"""Where photos come from: dropped files, or some of the bundled ones, whose classes are known."""

import io
from dataclasses import dataclass

import streamlit as st
from PIL import Image

from core.data import preview
from core.data.sources import SOURCES

# A drop zone that one cannot miss.
_ROOMY = """<style>
.st-key-predict_photos [data-testid=stFileUploaderDropzone] {
  align-items: center;
  display: flex;
  flex-wrap: wrap;
  justify-content: center;
  min-height: 9rem;
}
</style>"""
_SAMPLE, _NUM_SAMPLE_PHOTOS = "cifar10_sample", 8


@dataclass(frozen=True)
class Photo:
    """A file to predict. `truth` is its class, where it is known."""

    id: str
    name: str
    contents: bytes
    truth: str | None = None


def choose_photos() -> list[Photo]:
    """Draw the drop zone. Returns what lies in it, in order."""
    st.html(_ROOMY)
    uploaded = st.file_uploader(
        "Drop photos here",
        accept_multiple_files=True,
        key="predict_photos",
        max_upload_size=64,
        help="JPEG, PNG, WebP, BMP, TIFF, or a GIF's first frame: by what is in the file, not by its name. At most "
        "50 megapixels each.",
    )
    photos = [Photo(file.file_id, file.name, file.getvalue()) for file in uploaded]
    has_sample = st.session_state.get("predict_sample", False)
    if st.button(
        "Put the bundled photos away" if has_sample else "Try the bundled photos",
        icon=":material/photo_library:",
        key="predict_try",
    ):
        st.session_state["predict_sample"] = not has_sample
        st.rerun()
    if not photos and not has_sample:
        st.caption(
            f"Or take {_NUM_SAMPLE_PHOTOS} test photos of the {SOURCES[_SAMPLE].label}, which no run has trained on."
        )
    return photos + (_sample_photos() if has_sample else [])


@st.cache_data
def _sample_photos() -> list[Photo]:
    """Some bundled test photos of different classes."""
    data_set = SOURCES[_SAMPLE].load()
    photos: list[Photo] = []
    for index in preview.pick_per_class(data_set.test.labels, _NUM_SAMPLE_PHOTOS):
        truth = data_set.classes[data_set.test.labels[index]]
        file = io.BytesIO()
        Image.fromarray(data_set.test.images[index]).save(file, "PNG")
        photos.append(Photo(f"sample-{index}", f"{truth} (test photo {index}).png", file.getvalue(), truth))
    return photos
