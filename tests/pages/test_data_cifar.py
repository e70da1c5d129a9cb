"""CIFAR on the page Data: fetched by a click and no earlier, and then looked through like any other archive."""

import io
import tarfile
from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from core import downloads
from core.data.published import PUBLISHED
from pages.places import DATA
from tests.conftest import wait_until
from tests.folders import jpeg
from tests.hub import Hub
from tests.pages.apps import button, open_page, texts
from tests.samples import as_read

Publish = Callable[[bytes], None]


def archive_of_folders() -> bytes:
    """Not CIFAR, whose files hold 10,000 photos each, but an archive that is divided as well."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w:gz") as tar:
        for index, folder in enumerate(("train/cat", "train/dog", "test/cat", "test/dog")):
            photo = jpeg(index)
            entry = tarfile.TarInfo(f"{folder}/{index}.jpg")
            entry.size = len(photo)
            tar.addfile(entry, io.BytesIO(photo))
    return written.getvalue()


def opened() -> AppTest:
    """The page with CIFAR chosen."""
    page = open_page(DATA)
    return page.button_group(key="data_from").set_value("published").run()


def labels(page: AppTest) -> list[str]:
    return [each.label for each in page.button]


def seen(state: str) -> None:
    """Wait until that is how it stands with CIFAR-10."""
    wait_until(lambda: downloads.look(PUBLISHED["cifar10"].archive()).state == state)


def test_nothing_is_asked_for_before_a_click(mirrored: Hub) -> None:
    page = opened()
    said = as_read(texts(page))
    assert "60,000 photos of 32 × 32 pixels in 10 classes of animals and vehicles" in said
    assert "Alex Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009." in said
    assert "CIFAR-10 is not on this computer yet." in said
    assert "choose “This computer” and type the path of its archive or folder" in said
    assert "Download (170 MB)" in labels(page)
    page.button_group(key="data_published").set_value("cifar100").run()
    assert "in 100 classes" in as_read(texts(page))
    assert "Download (169 MB)" in labels(page)
    assert mirrored.asked == []


def test_download_is_stopped_gone_on_with_and_looked_through(mirrored: Hub, publish_cifar_10: Publish) -> None:
    contents = archive_of_folders()
    publish_cifar_10(contents)
    mirrored.does = "wait"
    page = opened()
    button(page, "Download (170 MB)").click()
    page.run()
    wait_until(lambda: downloads.look(PUBLISHED["cifar10"].archive()).num_bytes > 0)
    assert "Downloading the archive: " in texts(page.run())
    button(page, "Stop").click()
    page.run()
    assert "of 170 MB of the archive are here." in texts(page)
    mirrored.does = "serve"
    mirrored.go_on.set()
    button(page, "Go on with the download").click()
    page.run()
    seen("here")
    page.run()
    wait_until(lambda: page.session_state["data_look"][1].done())
    said = as_read(texts(page.run()))
    assert "“test” is kept as the test set" in said
    assert "4 photos: cat 2, dog 2." in said
    assert next(field for field in page.text_input if field.label == "Name").value == "CIFAR-10"
    assert not button(page, "Make the data set").disabled
    assert mirrored.asked[-1].startswith("bytes=")


@pytest.mark.parametrize("does", ["answer 503", "send other bytes"])
def test_failed_download_says_why_and_what_to_do(mirrored: Hub, publish_cifar_10: Publish, does: str) -> None:
    publish_cifar_10(b"an archive")
    mirrored.does = does
    page = opened()
    button(page, "Download (170 MB)").click()
    page.run()
    wait_until(lambda: downloads.look(PUBLISHED["cifar10"].archive()).problem)
    (problem,) = page.run().error
    assert "The archive of CIFAR-10 could not be downloaded" in as_read(problem.value)
    assert "type the path of the file under “This computer”" in as_read(problem.value)
    assert "Download (170 MB)" in labels(page)


def test_damaged_archive_is_named_and_not_looked_through(mirrored: Hub) -> None:
    archive = PUBLISHED["cifar10"].archive()
    archive.path.parent.mkdir(parents=True)
    archive.path.write_bytes(b"damaged")
    page = opened()
    assert f"The archive of CIFAR-10 at {archive.path} is damaged" in as_read(page.error[0].value)
    assert "Download again (170 MB)" in labels(page)
    assert "Make the data set" not in labels(page)
    assert "data_look" not in page.session_state


def test_fine_archive_that_is_no_data_set_says_so(publish_cifar_10: Publish) -> None:
    """As where the published file itself were not what this version knows."""
    contents = b"no archive at all"
    publish_cifar_10(contents)
    archive = PUBLISHED["cifar10"].archive()
    archive.path.parent.mkdir(parents=True)
    archive.path.write_bytes(contents)
    page = opened()
    wait_until(lambda: page.session_state["data_look"][1].done())
    assert archive.path.name in as_read(page.run().error[0].value)
    assert "Make the data set" not in labels(page)
