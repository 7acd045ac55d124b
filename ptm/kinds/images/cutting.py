"""How images are cut into parts, each with the masks of its images and their rows of a table."""

from __future__ import annotations

from collections.abc import Sequence

from ptm.kinds.images.options import Options
from ptm.kinds.images.pairing import Partners
from ptm.kinds.images.samples import PARTNERS
from ptm.kinds.images.tables import Rows, rows_of, table_in
from ptm.limits import FLOAT32
from ptm.model import File, Part
from ptm.parts import between_files, size_of_alike
from ptm.readers.pictures.decoding import read_form

USUAL = 256 * 256 * 3  # values of an image where no header can be read


def parts(
    options: Options,
    files: tuple[File, ...],
    target_bytes: int,
    beside: tuple[File, ...] = (),
) -> list[Part]:
    """Parts of about as many bytes as asked for, by the size of one of the images.

    The key of a part depends on its images, their masks and pairs, and their labels: of a table
    that stands beside them no other row counts. The last part has the masks, and rows, that are of
    no image.

    Raises:
        BadInput: there is a table of labels that cannot be read.
    """
    table = table_in(options, beside)
    rows = rows_of(options, files, table) if table else None
    others = tuple(file for file in beside if file is not table)
    found = between_files(files, _sizes(options, files), target_bytes)
    parts = _with_beside(options, found, others, rows)
    if table and rows and rows.lost:  # what is told of them names it
        parts[-1] = parts[-1]._replace(beside=(*parts[-1].beside, table))
    return parts


def _sizes(options: Options, files: Sequence[File]) -> list[int]:
    """Bytes of each image when it is decoded, with its mask and its pair."""
    if options.frames:
        return [_size(options, file, frames=True) for file in files]
    return [size_of_alike(files, lambda file: _size(options, file), USUAL)] * len(files)


def _size(options: Options, file: File, frames: bool = False) -> int:
    """The same of one of them, by its header.

    Raises:
        BadInput: it has none that can be read.
    """
    form = read_form(file.url, options.color)
    scaled = options.standardize and options.store == "scaled"
    height, width = options.resize or (form.height, form.width)
    values = height * width * form.channels * (2 if options.pairs else 1)
    size = values * (FLOAT32 if scaled else form.value_bytes)
    size += height * width if options.masks else 0
    return size * (form.frames if frames else 1)


def _with_beside(
    options: Options, found: Sequence[Part], others: Sequence[File], rows: Rows | None
) -> list[Part]:
    by_name = {file.name: file for file in others}
    partners = [
        Partners.of(template, by_name)
        for name in PARTNERS
        if (template := getattr(options, name)) is not None
    ]
    left, parts, start = dict(by_name), list[Part](), 0
    for number, part in enumerate(found):
        is_last, end = number == len(found) - 1, start + len(part.files)
        names = {n for file in part.files for each in partners for n in each.of_image(file.name)}
        for name in names:
            left.pop(name, None)
        mine = sorted({*names, *(left if is_last else ())})
        said = rows.said(start, end, is_last) if rows else ""
        parts.append(part._replace(beside=tuple(by_name[name] for name in mine), said=said))
        start = end
    return parts
