"""Who is on which side: counts of each class, the list to take away, and what a training will see first."""

import csv
import io

import numpy as np
import pandas as pd
import streamlit as st

from core.cells import harmless
from core.data import library
from core.data.dataset import SIDES, Manifest
from core.words import shown

_LABELS = {"train": "Training", "validation": "Validation", "test": "Test"}


def split_tab(key: str) -> None:
    """Draw the counts, and offer the list."""
    manifest = library.load(key).manifest
    st.markdown(
        "Training photos are learned from. Validation photos measure the accuracy after every epoch, and choose the "
        "best one. Test photos are used once, at the end: they never choose anything."
    )
    st.dataframe(counts(manifest), hide_index=True, width="stretch")
    st.caption(
        "A side that the source gives stays as it is. Any other was drawn once, from what the photo's file holds. "
        "Photos that come later move none of the others."
    )
    st.download_button(
        "Download the list (CSV)",
        data=lambda: listed(manifest),
        file_name=f"{key.replace('@', '-version-')}-sides.csv",
        mime="text/csv",
        icon=":material/download:",
    )


def counts(manifest: Manifest) -> pd.DataFrame:
    """So many photos of each class are on each side. Pure."""
    table = np.zeros((len(manifest.classes), len(SIDES) + 1), np.int64)
    np.add.at(table, (manifest.labels, np.where(manifest.sides < 0, len(SIDES), manifest.sides)), 1)
    columns = {_LABELS[side]: table[:, index] for index, side in enumerate(SIDES)} | {"Left out": table[:, -1]}
    return pd.DataFrame({"Class": [shown(name) for name in manifest.classes], **columns})


def listed(manifest: Manifest) -> bytes:
    """Each photo with its class and its side, as CSV. Pure."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["file", "class", "side", "sha256"])
    for name, label, side, identity in zip(manifest.names, manifest.labels, manifest.sides, manifest.ids, strict=True):
        side_name = SIDES[side] if side >= 0 else "left out"
        writer.writerow([*map(harmless, (name, manifest.classes[label])), side_name, identity])
    return text.getvalue().encode("utf-8-sig")
