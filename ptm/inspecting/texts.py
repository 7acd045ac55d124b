"""Texts of a folder as entries of a catalog."""

from __future__ import annotations

from collections.abc import Iterator

from ptm.errors import BadInput
from ptm.inspecting import words
from ptm.inspecting.folder import Folder, Seen
from ptm.inspecting.guess import Entry, Guess, Line, counted
from ptm.inspecting.tables import head_of
from ptm.readers.sniffing.begin import read_begin
from ptm.readers.sniffing.encodings import of_all
from ptm.readers.sniffing.family import TEXT, UNKNOWN
from ptm.shown import readable_size

KIND = "text"
MOST = 10  # texts of a folder: an entry is one file
WHOLE = 1 << 26  # bytes that are looked at
NOTES = words.word_set("readme description license licence notes info about codebook legend")


def inspect(folder: Folder) -> Guess | None:
    """The texts of a folder, each an entry; of very many none, as one entry cannot have them."""
    files = folder.of(TEXT, UNKNOWN)
    if not files:
        return None
    left_out: dict[str, str] = {}
    notes = {file.name for file in files if words.has_one_of(file.stem, NOTES)}
    left_out.update(dict.fromkeys(notes, "a note beside the data"))
    texts = [file for file in files if file.name not in notes]
    if len(texts) > MOST:
        why = f"one of {len(texts):,} texts: an entry of the kind text is one file"
        return Guess((), left_out | {file.name: why for file in texts})
    entries = [entry for file in texts for entry in _entry(folder, file, left_out)]
    return Guess.of(entries, left_out)


def _entry(folder: Folder, file: Seen, left_out: dict[str, str]) -> Iterator[Entry]:
    path = folder.path(file.name)
    try:
        head = head_of(path, file)
        if head is None:
            left_out[file.name] = "bytes that are no text"
            return
        encoding, text, _ = head
        if not text.strip("\ufeff \t\r\n"):
            left_out[file.name] = "white space only"
            return
        if read_begin(path, 4).packing:
            left_out[file.name] = "a packed text: unpack it"
            return
        encoding = of_all(path, encoding, WHOLE)
    except (BadInput, OSError) as error:
        left_out[file.name] = f"cannot be read: {error}"
        return
    lines = [Line("encoding", encoding.name, encoding.doubt)] if encoding.name != "utf-8" else []
    count = counted(text.count("\n") + (not text.endswith("\n")), "line")
    about = "at least " if file.bytes > len(text) * 2 else ""
    seen = f"text, {readable_size(file.bytes)}, {about}{count}"
    yield Entry(file.stem, KIND, file.name, tuple(lines), seen, frozenset([file.name]))
