"""Where photos come from: dropped files, or bundled ones, whose classes are known.

They are there again after a look at another page: Streamlit's uploader forgets its files then.
"""

from collections.abc import Iterable

import streamlit as st
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.uploaded_file_manager import UploadedFile

from core.data.decoding.limits import MAX_PIXELS
from core.predict.examples import ExampleSet, examples_for
from core.predict.kept import MAX_PHOTO_BYTES, MAX_PHOTOS, MAX_TOTAL_BYTES, KeptPhotos, Photo, make_photo
from pages.ui.format import plain

# A drop zone that one cannot miss, and that says what a photo may have instead of what an upload may.
_ROOMY = f"""<style>
.st-key-predict_drop [data-testid=stFileUploaderDropzone] {{
  align-items: center;
  display: flex;
  flex-wrap: wrap;
  justify-content: center;
  min-height: 9rem;
}}
.st-key-predict_drop [data-testid=stFileUploaderDropzoneInstructions] {{
  align-self: center;
  flex: none;
  font-size: 0;
}}
.st-key-predict_drop [data-testid=stFileUploaderDropzoneInstructions] * {{
  display: none;
}}
.st-key-predict_drop [data-testid=stFileUploaderDropzoneInstructions]::after {{
  content: "or drop them here, up to {MAX_PHOTO_BYTES // 2**20} MB each";
  font-size: 0.875rem;
  opacity: 0.7;
}}
</style>"""
# More than a photo may have: what is larger is said in our words, and stays when the uploader is emptied.
_MAX_UPLOAD_MB = 200
_KEPT, _UPLOADER, _NOTES = "predict_kept", "predict_uploader", "predict_notes"
_WITH_EXAMPLES, _EXAMPLES_REMOVED = "predict_with_examples", "predict_examples_removed"


def choose_photos(classes: tuple[str, ...] | None) -> list[Photo]:
    """Draw the drop zone. Returns the photos there are, in order: bundled ones only where `classes` has theirs."""
    kept = _kept()
    st.html(_ROOMY)
    with st.container(key="predict_drop"):
        _drop_zone(kept)
    if notes := st.session_state.get(_NOTES):
        st.warning("  \n".join(map(plain, notes)), icon=":material/filter_none:")
    examples = None if classes is None else examples_for(classes)
    _offer(examples, is_known=classes is not None)
    return [*kept, *(photo for photo in _examples_shown(examples) if photo.id not in kept)]


def remove_photo(photo_id: str) -> None:
    """Let one photo go, dropped or bundled."""
    st.session_state.pop(_NOTES, None)
    _kept().remove(photo_id)
    st.session_state[_EXAMPLES_REMOVED] = {*st.session_state.get(_EXAMPLES_REMOVED, ()), photo_id}


def remove_all_photos() -> None:
    """Let all photos go, and with them the bundled ones."""
    _kept().clear()
    for name in (_NOTES, _WITH_EXAMPLES, _EXAMPLES_REMOVED):
        st.session_state.pop(name, None)


def _kept() -> KeptPhotos:
    """This session's photos. They go when it ends."""
    kept: KeptPhotos = st.session_state.setdefault(_KEPT, KeptPhotos())
    return kept


def _drop_zone(kept: KeptPhotos) -> None:
    """Take over what is dropped. The uploader is then a new, empty one: the photos below are the only list."""
    number = st.session_state.setdefault(_UPLOADER, 0)
    uploaded = st.file_uploader(
        "Drop photos here",
        accept_multiple_files=True,
        key=f"predict_photos_{number}",
        max_upload_size=_MAX_UPLOAD_MB,
        help="JPEG, PNG, WebP, AVIF, HEIC, BMP, TIFF, JPEG 2000, or a GIF's first frame: by what is in the file, not "
        f"by its name. At most {MAX_PIXELS / 1e6:.0f} megapixels each, and {MAX_PHOTOS} photos with "
        f"{MAX_TOTAL_BYTES // 2**20} MB together.",
    )
    if uploaded:
        st.session_state[_NOTES] = kept.add((file.name, file.getvalue()) for file in uploaded)
        _release(uploaded)
        st.session_state[_UPLOADER] = number + 1
        st.rerun()


def _release(uploaded: Iterable[UploadedFile]) -> None:
    """Have Streamlit forget its own copies: it would keep them until the session ends, whatever becomes of ours."""
    context = get_script_run_ctx()
    if context is not None and isinstance(context.uploaded_file_mgr, MemoryUploadedFileManager):
        for file in uploaded:
            context.uploaded_file_mgr.remove_file(context.session_id, file.file_id)


def _offer(examples: ExampleSet | None, *, is_known: bool) -> None:
    """The way to photos for whoever has none at hand, or why there are none."""
    if examples is None:
        if is_known:
            st.caption("The bundled photos show classes that this network does not know.")
        return
    with_examples = st.session_state.get(_WITH_EXAMPLES, False)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Remove the bundled photos" if with_examples else "Try the bundled photos",
            icon=":material/photo_library:",
            key="predict_try",
            on_click=_show_examples,
            args=(not with_examples,),
        )
        if not with_examples:
            st.caption(examples.description)


def _show_examples(is_wanted: bool) -> None:
    st.session_state[_WITH_EXAMPLES] = is_wanted
    st.session_state.pop(_EXAMPLES_REMOVED, None)


def _examples_shown(examples: ExampleSet | None) -> list[Photo]:
    if examples is None or not st.session_state.get(_WITH_EXAMPLES, False):
        return []
    photos = [make_photo(example.name, example.contents, example.class_name) for example in examples.examples]
    removed = st.session_state.get(_EXAMPLES_REMOVED, ())
    return [photo for photo in photos if photo.id not in removed]
