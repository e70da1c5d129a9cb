"""Opens an archive of photos, whatever its format: by what is in it, not by its name."""

from pathlib import Path

from core.data.sources.entries import Archive
from core.data.sources.tars import Tar
from core.data.sources.zips import END, FIRST, Zip
from core.durable import open_file
from core.words import shown


def open_archive(path: Path, name: str = "") -> Archive:
    """Look through an archive's directory. `name` is what messages call it, if not by its own name.

    Raises:
        DataSetError: it is none, is damaged, or holds what no archive of photos does; the message names it.
        OSError: the disk refuses.
    """
    name = name or shown(path.name)
    file = open_file(path)
    try:
        start = file.read(4)
        file.seek(0)
        return Zip(file, name) if start in (FIRST, END) else Tar(file, name)
    except BaseException:
        file.close()
        raise
