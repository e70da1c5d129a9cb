"""What the packing has found: each kind with its photos, which can be left out or relabelled at a click."""

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from core.data import library
from core.data.dataset import SIDES, Manifest
from core.data.findings import Findings, Rows
from core.data.stored import StoredSet
from core.words import shown
from pages.data.editing import edit_selected, leave_out, mark_of
from pages.ui.format import counted, plain, plain_name
from pages.ui.pager import page_of
from pages.ui.photo_sheet import Tile, photo_sheet
from pages.ui.problems import problems_shown

_GROUPS_PER_PAGE, _FILES_PER_PAGE = 16, 50
_MOST_OF_A_GROUP = 12  # that are shown: a frame of a film is like thousands


@dataclass(frozen=True, kw_only=True)
class _Kind:
    """A kind of finding that shows photos."""

    name: str  # of the list in `Findings`
    title: str
    advice: str


_KINDS = (
    _Kind(
        name="across",
        title="The same photo on several sides",
        advice="A network that has learned a photo by heart knows it in the test, too: the accuracy looks better than "
        "it is. Sides that were given, or that are known from earlier versions, are never changed. Leave the training "
        "photo of each group out.",
    ),
    _Kind(
        name="two_labels",
        title="The same photo under two classes",
        advice="One of the two is wrong, or the photo shows both. Relabel one, or leave both out.",
    ),
    _Kind(
        name="near",
        title="Nearly the same photo, several times",
        advice="They are kept on one side, so they do no harm. Where there are many, the photos tell less than their "
        "number says.",
    ),
    _Kind(
        name="copies",
        title="The very same file, several times",
        advice="They are kept on one side, so they do no harm.",
    ),
)


def findings_tab(kept: StoredSet, key: str) -> None:
    """Draw the findings."""
    st.fragment(_findings)(kept, key)


@problems_shown()
def _findings(kept: StoredSet, key: str) -> None:
    found, manifest = library.findings_of(key), library.load(key).manifest
    if not found.count:
        st.success("Nothing was found: every file is a photo, none is there twice.", icon=":material/check:")
        return
    titles = _titles(found)
    chosen = st.selectbox("Finding", list(titles), format_func=lambda name: titles[name], key="data_finding")
    if kind := next((kind for kind in _KINDS if kind.name == chosen), None):
        _show_groups(kept, key, manifest, kind, getattr(found, kind.name))
    elif chosen in ("unreadable", "no_photos"):
        _show_files(getattr(found, chosen))
    elif chosen == "noted":
        _show_noted(kept, key, manifest, found.noted)
    elif chosen == "left_out":
        st.markdown("Photos that nearly equal others on several sides: whichever side they took, it would know them.")
        _show_rows(kept, key, manifest, found.left_out, where="left_out")
    else:
        _show_small(manifest, found.small)


def _titles(found: Findings) -> dict[str, str]:
    """The kinds that there are, by their names in `Findings`, as people read them; what matters most first."""
    titles = {kind.name: kind.title for kind in _KINDS[:2]}
    titles |= {
        "unreadable": "Photos that cannot be read",
        "left_out": "Left out: the same as photos of several sides",
        "small": "Classes with few photos, or none on a side",
        "noted": "Read in an unusual way",
    }
    titles |= {kind.name: kind.title for kind in _KINDS[2:]} | {"no_photos": "Files that are no photos"}
    return {name: f"{title} ({len(getattr(found, name)):,})" for name, title in titles.items() if getattr(found, name)}


def _show_groups(kept: StoredSet, key: str, manifest: Manifest, kind: _Kind, groups: Sequence[Rows]) -> None:
    st.markdown(f"{kind.advice} The number below a photo is that of its group.")
    if kind.name == "across":
        _offer_to_leave_out(kept, manifest, groups)
    pages = page_of(len(groups), per_page=_GROUPS_PER_PAGE, key=f"data_page_{kind.name}")
    shown_groups = {index: groups[index][:_MOST_OF_A_GROUP] for index in pages}
    rows = [row for group in shown_groups.values() for row in group]
    numbers = {row: index + 1 for index, group in shown_groups.items() for row in group}
    for index in pages:
        if (more := len(groups[index]) - _MOST_OF_A_GROUP) > 0:
            st.caption(f"Group {index + 1:,} has {more:,} more.")
    _sheet(kept, key, manifest, rows, where=kind.name, numbers=numbers)


def _offer_to_leave_out(kept: StoredSet, manifest: Manifest, groups: Sequence[Rows]) -> None:
    """One button for all: of each group, the photos of the side that matters most stay."""
    rows = [row for group in groups for row in group if 0 <= manifest.sides[row] < max(manifest.sides[list(group)])]
    label = f"Leave out all that are tested elsewhere ({counted(len(rows), 'photo')})"
    if st.button(label, icon=":material/block:", key="data_out_all_across"):
        leave_out(kept, [manifest.keys[row] for row in rows])
        st.rerun()


def _show_rows(kept: StoredSet, key: str, manifest: Manifest, rows: Sequence[int], *, where: str) -> None:
    pages = page_of(len(rows), per_page=3 * _GROUPS_PER_PAGE, key=f"data_page_{where}")
    _sheet(kept, key, manifest, [rows[index] for index in pages], where=where)


def _show_noted(kept: StoredSet, key: str, manifest: Manifest, noted: Sequence[tuple[int, str]]) -> None:
    pages = page_of(len(noted), per_page=_GROUPS_PER_PAGE, key="data_page_noted")
    for index in pages:
        row, note = noted[index]
        st.caption(f"{plain_name(manifest.names[row])}: {plain(note)}")
    _sheet(kept, key, manifest, list(dict.fromkeys(noted[index][0] for index in pages)), where="noted")


def _sheet(
    kept: StoredSet,
    key: str,
    manifest: Manifest,
    rows: Sequence[int],
    *,
    where: str,
    numbers: dict[int, int] | None = None,
) -> None:
    tiles = [
        Tile(row=row, caption=_caption(manifest, row, (numbers or {}).get(row)), mark=mark_of(key, row)) for row in rows
    ]
    sheet = f"data_sheet_{where}"
    tools = st.container()  # above the photos, where they are seen with the first selection
    selected = photo_sheet(key, manifest.content, tiles, key=sheet)
    with tools:
        edit_selected(kept, key, selected, sheet=sheet, where=where)


def _caption(manifest: Manifest, row: int, number: int | None) -> str:
    """What stands below a photo: its group, side, class and file; not Markdown. Where it is cut, its tip tells all."""
    side = SIDES[manifest.sides[row]] if manifest.sides[row] >= 0 else "left out"
    first = "" if number is None else f"{number:,} · "
    name = shown(manifest.classes[manifest.labels[row]], most=30)
    return f"{first}{side} · {name} · {shown(manifest.names[row])}"


def _show_files(files: Sequence[tuple[str, str]]) -> None:
    pages = page_of(len(files), per_page=_FILES_PER_PAGE, key="data_page_files")
    for index in pages:
        name, reason = files[index]
        st.markdown(f":small[**{plain_name(name)}**  \n{plain(reason)}]")


def _show_small(manifest: Manifest, small: Sequence[int]) -> None:
    st.markdown("A class that is missing from training is never recognised; from validation or test, never asked for.")
    for index in small[:200]:
        own = manifest.sides[manifest.labels == index]
        sides = ", ".join(f"{int((own == number).sum()):,} {side}" for number, side in enumerate(SIDES))
        st.markdown(f"- {plain_name(manifest.classes[index])}: {sides}")
