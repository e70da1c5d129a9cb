"""Tables beside photos: in whatever dialect one is written, it says the same; what it does not say is asked for."""

import contextlib
import csv
import io
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.data.sources import parquet, rows, tables
from core.data.sources.layouts import Reading
from core.data.sources.tables import TABLES, is_table, table_readings
from core.errors import DataSetError
from tests.names import NAMES

PHOTOS = ["images/a.jpg", "images/b.jpg", "images/c.JPG", "images/d.png"]
FILES = [*PHOTOS, "labels.csv"]


def read(text: str | bytes, files: Sequence[str] = FILES, name: str = "labels.csv") -> list[Reading]:
    return table_readings(name, text if isinstance(text, bytes) else text.encode(), files)


def first(text: str | bytes, files: Sequence[str] = FILES, name: str = "labels.csv") -> Reading:
    return read(text, files, name)[0]


def labels(reading: Reading) -> dict[str, str]:
    return {item.path: item.class_name for item in reading.items}


def refused(text: str | bytes, files: Sequence[str] = FILES, name: str = "labels.csv") -> str:
    with pytest.raises(DataSetError) as caught:
        read(text, files, name)
    return str(caught.value)


def in_parquet(**columns: object) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file)
    return file.getvalue()


def test_sentence_says_what_was_found_and_what_was_not() -> None:
    reading = first(
        "path,label\nimages/a.jpg,cat\nimages/b.jpg,dog\nimages/x.jpg,dog\nimages/y.jpg,cat\nimages/c.JPG,\n"
    )
    assert reading.key == "table labels.csv"
    assert reading.classes == ("cat", "dog")
    assert labels(reading) == {"images/a.jpg": "cat", "images/b.jpg": "dog"}
    assert reading.left_out == ("images/c.JPG", "images/d.png")
    assert reading.sentence == (
        "2 classes from the column “label” of labels.csv; 2 rows name files that are not there; 1 file has no label; "
        "1 file is in no row."
    )


def test_tables_and_what_systems_leave_are_not_left_out() -> None:
    files = [*FILES, ".DS_Store", "test.csv", "images/train.TSV", "x.parquet", "README.md"]
    assert first("path,label\nimages/a.jpg,cat\n", files).left_out == ("README.md", *PHOTOS[1:])
    assert all(map(is_table, (*TABLES, "a/B.CSV")))
    assert not is_table("csv")


@pytest.mark.parametrize(
    ("path", "label", "split", "group"),
    [
        ("path", "label", "split", "group"),
        ("Image ID", "Class", "Set", "group_id"),
        ("file_name", "category", "subset", "Patient"),
        ("FILENAME", "target", "SPLIT", "patient-id"),
        ("imagePath", "Species", "set", "subject"),
        ("id", "breed", "split", "lesion_id"),
        ("photo", "class_id", "split", "Donor"),
    ],
)
def test_columns_have_the_names_that_people_give(path: str, label: str, split: str, group: str) -> None:
    text = f"{group},{split},note,{label},{path}\np1,train,n,cat,a.jpg\np2,Testing,,dog,b.jpg\n,,n,dog,c.JPG\n"
    kept, anew = read(text)
    assert [(item.class_name, item.given, item.group) for item in kept.items] == [
        ("cat", "train", "p1"),
        ("dog", "test", "p2"),
        ("dog", None, ""),
    ]
    assert kept.sentence == (
        f"2 classes from the column “{label}” of labels.csv; “Testing” is kept as the test set; photos with the same "
        f"value in the column “{group}” stay on one side; 1 file is in no row."
    )
    assert kept.key == "table labels.csv, train is train, test is test"
    assert {item.given for item in anew.items} == {None}
    assert [item.group for item in anew.items] == ["p1", "p2", ""]


def test_lone_validation_set_is_the_test_set_unless_one_says_otherwise() -> None:
    as_test, as_validation, anew = read("path,label,split\na.jpg,cat,train\nb.jpg,dog,valid\n")
    assert [item.given for item in as_test.items] == ["train", "test"]
    assert [item.given for item in as_validation.items] == ["train", "validation"]
    assert as_validation.sentence.endswith(
        "“valid” is kept for validation, and there is no test set; 2 files are in no row."
    )
    assert [item.given for item in anew.items] == [None, None]
    assert len({reading.key for reading in (as_test, as_validation, anew)}) == 3


def test_fold_is_no_split_and_an_unknown_side_is_named() -> None:
    assert first("path,label,fold\na.jpg,cat,1\nb.jpg,dog,2\n").items[0].given is None
    assert refused("path,label,split\na.jpg,cat,train\n\nb.jpg,dog,holdout\n") == (
        "labels.csv has “holdout” in the column “split” in line 4. "
        "Write “train”, “val” or “test” there, or give that column another name."
    )
    data = in_parquet(path=["a.jpg", "b.jpg"], label=["cat", "dog"], split=["train", "holdout"])
    assert "in row 2." in refused(data, name="t.parquet")


@pytest.mark.parametrize(
    "text",
    [
        "x,y\nimages/a.jpg,cat\nimages/b.jpg,dog\n",
        "y,x\ncat,images/a.jpg\ndog,images/b.jpg\n",
        "x,note,y\nimages/a.jpg,1,cat\nimages/b.jpg,2,dog\nimages/gone.jpg,3,dog\n",
        "images/a.jpg,cat\nimages/b.jpg,dog\n",
        "images/gone.jpg,cat\nimages/a.jpg,cat\nimages/b.jpg,dog\n",
        "images/a.jpg,cat,train\nimages/b.jpg,dog,test\n",
        "x,constant,y\nimages/a.jpg,1,cat\nimages/b.jpg,1,dog\nimages/gone.jpg,1,dog\n",
        "mask,image,label\nx,a,cat\ny,b,dog\n",
        "id,file,label\n1,a.jpg,cat\n2,b.jpg,dog\n",
    ],
)
def test_columns_without_usual_names_are_found_by_what_is_in_them(text: str) -> None:
    assert labels(first(text)) == {"images/a.jpg": "cat", "images/b.jpg": "dog"}


@pytest.mark.parametrize("header", ["path,label,label", "path,path,label", "path,label,note,note"])
def test_columns_of_one_name_are_refused_in_text_as_in_parquet(header: str) -> None:
    names = header.split(",")
    row = ["images/a.jpg" if name == "path" else "cat" for name in names]
    (twice,) = {name for name in names if names.count(name) > 1}
    for made in (",".join(names) + "\n" + ",".join(row), _in_parquet_by(names, row)):
        assert refused(made) == f"labels.csv has 2 columns of the name “{twice}”. Rename all but one."
    assert labels(first("path,label,,\nimages/a.jpg,cat,x,y\nimages/b.jpg,dog,,\n")) == {
        "images/a.jpg": "cat",
        "images/b.jpg": "dog",
    }


def _in_parquet_by(names: Sequence[str], row: Sequence[str]) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.Table.from_arrays([pa.array([cell]) for cell in row], names=list(names)), file)
    return file.getvalue()


def test_columns_without_names_are_counted() -> None:
    reading = first("images/a.jpg,cat,train\nimages/b.jpg,dog,test\n")
    assert reading.sentence.startswith("2 classes from column 2 of labels.csv; “test” is kept as the test set;")


def test_row_that_is_data_is_no_header_though_its_file_has_the_name_of_one() -> None:
    assert labels(first("image.jpg,cat\nb.jpg,dog\n", ["image.jpg", "b.jpg"])) == {"image.jpg": "cat", "b.jpg": "dog"}
    assert labels(first("image,label\nb.jpg,dog\n", ["image.jpg", "b.jpg"])) == {"b.jpg": "dog"}


def test_what_cannot_be_decided_is_asked_for() -> None:
    assert refused("path,colour,size\na.jpg,red,S\nb.jpg,red,S\nc.JPG,blue,L\n") == (
        "labels.csv does not say in which column it tells what the photos show: its columns are “path”, “colour”, "
        "“size”. Name the column with each photo's class “label”."
    )
    assert refused("x,y,label\nq,r,cat\ns,t,dog\n") == (
        "labels.csv does not say in which column it tells where the photos lie: its columns are “x”, “y”, “label”. "
        "Name the column with each photo's path “path”."
    )
    assert "no names for them" in refused("a.jpg,1,x,y\nb.jpg,1,x,z\nc.JPG,2,z,y\n")
    wide = ",".join(f"c{number}" for number in range(30))
    assert "and 21 more" in refused(f"path,{wide}\na.jpg,{'1,' * 29}1\nb.jpg,{'1,' * 29}1\n")


@pytest.mark.parametrize(
    ("cell", "path"),
    [
        ("images/a.jpg", "data/images/a.jpg"),
        ("./images/a.jpg", "data/images/a.jpg"),
        ("data/images/a.jpg", "data/images/a.jpg"),
        ("data/./images//a.jpg", "data/images/a.jpg"),
        ("images\\a.jpg", "data/images/a.jpg"),
        ("C:\\Users\\me\\data\\images\\a.jpg", "data/images/a.jpg"),
        ("/home/me/images/a.jpg", "data/images/a.jpg"),
        ("/home/me/more/b.jpg", "more/b.jpg"),
        ("../more/b.jpg", "more/b.jpg"),
        ("../../../more/b.jpg", "more/b.jpg"),
        ("images/../images/a.jpg", "data/images/a.jpg"),
        ("a.jpg", "data/images/a.jpg"),
        ("a", "data/images/a.jpg"),
        ("images/a", "data/images/a.jpg"),
        ("IMAGES/A.JPG", "data/images/a.jpg"),
        ("A", "data/images/a.jpg"),
        ("c.d", "data/images/c.d.jpg"),
        ("twice.jpg", None),
        ("twice", None),
        ("data/images/twice.jpg", "data/images/twice.jpg"),
        ("other/a.jpg", None),
        ("Case.jpg", "more/Case.jpg"),
        ("CASE.jpg", None),
        ("beside", "more/beside.jpg"),
        ("../../etc/passwd", None),
        ("..", None),
        ("/", None),
        ("images%2Fa.jpg", None),
        ("x/" * 400 + "a.jpg", None),
        ("x" * 2_000, None),
    ],
)
def test_path_is_found_however_it_is_written(cell: str, path: str | None) -> None:
    files = [
        *("data/images/a.jpg", "data/images/c.d.jpg", "data/images/twice.jpg", "more/twice.jpg", "more/b.jpg"),
        *("more/case.jpg", "more/Case.jpg", "more/beside.jpg", "more/beside.json", "data/sure.jpg"),
    ]
    reading = first(f"path,label\nsure.jpg,sure\n{cell},cat\n", [*files, "data/labels.csv"], "data/labels.csv")
    assert labels(reading) == {"data/sure.jpg": "sure", **({path: "cat"} if path else {})}


def test_file_of_the_other_set_is_not_taken_for_one_that_is_missing() -> None:
    reading = first("path,label\ntrain/1.jpg,cat\ntrain/2.jpg,dog\n", ["train/1.jpg", "test/2.jpg"])
    assert labels(reading) == {"train/1.jpg": "cat"}


def test_file_in_two_rows_is_taken_once() -> None:
    reading = first(
        "path,label,split\na.jpg,cat,train\nimages/a.jpg,cat,train\nb.jpg,dog,train\nb,cat,train\nd,x,train\nd,x,test\n"
    )
    assert labels(reading) == {"images/a.jpg": "cat", "images/b.jpg": "dog", "images/d.png": "x"}
    assert "1 file has two labels, and its first one is taken" in reading.sentence
    assert "1 file is on two sides, and its first one is taken" in reading.sentence


def test_numbers_stay_as_written_unless_a_column_has_their_names() -> None:
    assert first("path,label\na,01\nb,1\nc,1.0\n").classes == ("01", "1", "1.0")
    named = first("path,label,label_name\na,0,cat\nb,1,dog\nc,0,cat\n")
    assert labels(named) == {"images/a.jpg": "cat", "images/b.jpg": "dog", "images/c.JPG": "cat"}
    assert "the column “label_name”" in named.sentence
    for not_names in ("cat,cat,dog", "7,8,7", "cat,,cat", "cat,cat,cat"):
        a, b, c = not_names.split(",")
        assert first(f"path,label,name\na,0,{a}\nb,1,{b}\nc,0,{c}\n").classes == ("0", "1"), not_names
    assert first("path,label,name\na,x,cat\nb,y,dog\n").classes == ("x", "y")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252", "latin-1"])
@pytest.mark.parametrize("delimiter", list(",;\t|"))
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_any_dialect_says_the_same(encoding: str, delimiter: str, line_end: str) -> None:
    lines = ["path,label,note", "a.jpg,Löwe,x", 'b.jpg,"Bär\n1","say ""hi"" , ; now"', "", "c.JPG,Löwe,", ""]
    text = line_end.join(line if line.startswith("b") else line.replace(",", delimiter) for line in lines)
    text = text.replace("b.jpg,", f"b.jpg{delimiter}").replace('",', f'"{delimiter}')
    found = labels(first(text.encode(encoding)))
    assert found == {"images/a.jpg": "Löwe", "images/b.jpg": "Bär\n1", "images/c.JPG": "Löwe"}


def test_labels_with_commas_do_not_hide_the_delimiter() -> None:
    assert first("path;label\na.jpg;cat, small\nb.jpg;dog, large\n").classes == ("cat, small", "dog, large")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "fewer than two columns"),
        ("a.jpg\nb.jpg\n", "fewer than two columns"),
        ("path,label\n", "labels.csv has no rows."),
        ("path,label\na.jpg,\n", "labels.csv has no labels: the column “label” is empty."),
        (
            "path,label\nq.jpg,cat\n",
            "None of the files is there that the column “path” of labels.csv names, such as “q.jpg”.",
        ),
        ("path,label\na.jpg,cat\nb.jpg,dog,x\n", "has 3 columns in line 3 instead of 2"),
        ("path,label\na.jpg,cat\n\nb.jpg\n", "has only 1 of 2 columns in line 4"),
        ('path,label\na.jpg,"cat\nb.jpg,dog\n', "from line 2 on: unexpected end of data"),
        ('path,label\na.jpg,"cat"x\n', "from line 2 on"),
        ("path,label\na.jpg,cat\n" + "\n" * 2_000_000, "more than 2,000,000 lines"),
        ("path,label\na.jpg," + "x" * 200_000, "from line 2 on: field larger than field limit"),
        ("path,label\n" + "," * 1_100_000, "an endless row at line 2"),
        ("path,label" + ",x" * 2_000 + "\na.jpg,cat" + ",y" * 2_000, "more than 1,000 columns"),
        (b"\0\1\2\3", "is no text"),
        ("path,label\na.jpg,cat\n".encode("utf-16-le"), "is no text"),
        (b"\xff\xfea", "is no text"),
        (b"PK\3\4\0\0" * 9, "is no text"),
    ],
)
def test_table_that_cannot_be_used_is_refused_in_words(text: str | bytes, words: str) -> None:
    message = refused(text)
    assert words in message
    assert "labels.csv" in message
    assert message.endswith(".")


def test_trailing_delimiters_and_short_rows_do_not_matter() -> None:
    assert len(first("path,label,note\na.jpg,cat,x,\nb.jpg,dog\nc.JPG,cat,x\n").items) == 3


def test_too_long_table_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MAX_BYTES", 1_000)
    assert refused("path,label\n" + "a,cat\n" * 200).startswith("labels.csv has 1.21 kB; at most 1 kB are read.")


def test_too_many_rows_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (rows, parquet):
        monkeypatch.setattr(module, "MAX_ROWS", 3)
    assert len(first("path,label\na,x\nb,x\nc,x\n").items) == 3
    assert "labels.csv has more than" in refused("path,label\na,x\nb,x\nc,x\nd,x\n")
    assert "t.parquet has more than" in refused(in_parquet(path=list("abcd"), label=list("xxxx")), name="t.parquet")


@pytest.mark.parametrize("name", [name.replace("\0", "") for name in NAMES])
def test_names_of_all_kinds_are_classes_and_tables(name: str) -> None:
    file = io.StringIO()
    csv.writer(file).writerows([["path", "label"], ["a.jpg", name], ["b.jpg", "sure"]])
    for reading in read(file.getvalue().encode(), FILES, f"{name}/x.csv"):
        assert reading.key.isascii()
        assert reading.key.isprintable()
        assert reading.sentence.count("\n") == 0
        assert set(reading.classes) == {"sure", *filter(None, [name.strip()])}


# Python's writer leaves a lone carriage return without quotes.
CELL = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=12).map(str.strip)


@given(
    st.lists(st.tuples(CELL.filter(bool), st.sampled_from(["", "train", "test"]), CELL), min_size=1, max_size=8),
    st.sampled_from([*",;\t|"]),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "parquet"]),
)
def test_what_is_written_is_read(
    cells: list[tuple[str, str, str]], delimiter: str, quoting: int, line_end: str, form: str
) -> None:
    files = [f"images/{number}.jpg" for number in range(len(cells))]
    names = ["path", "label", "split", "group"]
    table = [
        [path, *row] for path, row in zip(files, [(label, side, group) for label, side, group in cells], strict=True)
    ]
    if form == "parquet":
        data = in_parquet(**dict(zip(names, map(list, zip(*table, strict=True)), strict=True)))
    else:
        file = io.StringIO()
        csv.writer(file, delimiter=delimiter, quoting=quoting, lineterminator=line_end).writerows([names, *table])  # type: ignore[arg-type]
        data = file.getvalue().encode(form)
    reading = first(data, files)
    has_test = any(side == "test" for _, side, _ in cells)
    expected = [(path, label, (side or None) if has_test else None, group) for path, label, side, group in table]
    assert [(item.path, item.class_name, item.given, item.group) for item in reading.items] == expected


@given(st.binary(max_size=300) | st.text(max_size=200).map(str.encode), st.sampled_from(["labels.csv", "t.parquet"]))
def test_garbage_is_refused_in_words_or_read(data: bytes, name: str) -> None:
    with contextlib.suppress(DataSetError):
        assert read(data, FILES, name)
    with contextlib.suppress(DataSetError):
        assert read(b"PAR1" + data + b"PAR1", FILES, name)
    with contextlib.suppress(DataSetError):
        assert read(b"path,label\na.jpg,cat\n" + data, FILES, name)
