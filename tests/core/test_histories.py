"""Versions of one set, made from real files: what belonged together once does so for good, whatever comes and goes."""

from pathlib import Path

from core.data import library, stored
from core.data.dataset import SIDES
from core.data.near import near_pairs, signature
from core.data.sides import LEFT_OUT
from core.data.sources.looking import look
from core.data.stored import StoredSet
from core.packing import earlier
from tests.folders import class_folders, jpeg, pack, packed, photo, run_of, write


def sides(kept: StoredSet) -> dict[str, int]:
    manifest = library.load(stored.key_of(kept.id, kept.newest)).manifest
    return dict(zip(manifest.names, manifest.sides.tolist(), strict=True))


def test_group_is_on_the_side_of_those_of_it_that_have_gone(home: Path, tmp_path: Path) -> None:
    root = tmp_path / "patients"
    rows = [f"{number}.jpg,{'ab'[number % 2]},p{number // 4}" for number in range(40)]
    table = "path,label,patient\n"
    write(root, {f"{number}.jpg": jpeg(number) for number in range(60)})
    (root / "table.csv").write_text(table + "\n".join(rows))
    way = look(str(root)).ways[0].key
    made = packed(home, root, reading=way, size=32)
    before = sides(made)
    moved = next(number for number in range(0, 40, 4) if before[f"{number}.jpg"] == SIDES.index("test"))
    came = [f"{40 + number}.jpg,a,p{moved // 4}" for number in range(4)]
    others = [row for row in rows if not row.endswith(f",p{moved // 4}")]
    for listed in (others, [*others, *came], [*rows, *came]):
        (root / "table.csv").write_text(table + "\n".join(listed))
        pack(run_of(home, made, source=str(root), reading=way, size=32))
    after = sides(made)
    assert {name: after[name] for name in before} == before
    assert {after[row.partition(",")[0]] for row in came} == {SIDES.index("test")}
    (made.version(made.newest) / earlier._GROUPS).unlink()  # as of a version from before there was one
    pack(run_of(home, made, source=str(root), reading=way, size=32))
    assert sides(made) == after


def test_copies_of_what_is_left_out_are_left_out_and_stay_so(home: Path, tmp_path: Path) -> None:
    root = class_folders(tmp_path / "pets", each=4)
    left, middle, right = next(
        (left, middle, right)
        for seed in range(9_000, 9_400)
        for shift in (6, 10, 14)
        for scene in [photo(seed, (200, 200))]
        for left, middle, right in [
            [scene.crop((at, at, at + 200 - 2 * shift, at + 200 - 2 * shift)) for at in (0, shift, 2 * shift)]
        ]
        if [len(near(left, middle)), len(near(middle, right)), len(near(left, right))] == [1, 1, 0]
    )
    for name, image in (("left", left), ("right", right)):
        image.save(root / "cat" / f"{name}.png")
    made = next(made for seed in range(40) if apart(made := packed(home, root, size=200, seed=seed)))
    before = sides(made)
    for name, level in (("middle", 6), ("its copy", 6), ("saved anew", 1)):
        middle.save(root / "cat" / f"{name}.png", compress_level=level)
    settings = {"source": str(root), "reading": "classes", "size": 200, "seed": made.description().settings["seed"]}
    pack(run_of(home, made, **settings))
    write(root, {"dog/another.jpg": jpeg(77_777)})
    pack(run_of(home, made, **settings))
    after = sides(made)
    assert {name: after[name] for name in before} == before
    assert {after[f"cat/{name}.png"] for name in ("middle", "its copy", "saved anew")} == {LEFT_OUT}


def near(one: object, other: object) -> list[object]:
    import numpy as np

    signatures = np.stack([signature(image) for image in (one, other)])  # type: ignore[arg-type]
    return [pair for _, found in near_pairs(signatures) for pair in found.tolist()]


def apart(made: StoredSet) -> bool:
    return sides(made)["cat/left.png"] != sides(made)["cat/right.png"]
