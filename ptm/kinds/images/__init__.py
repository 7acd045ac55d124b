"""Images: photos of one size, or brought to one, into one batch with channels first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ptm import arrow
from ptm.errors import BadInput, Faults
from ptm.kinds.images.cutting import parts as parts
from ptm.kinds.images.gathering import SIZES, Gathered, Place, gather
from ptm.kinds.images.labels import classes_of, column_of, labels_of, numbers_of, runs
from ptm.kinds.images.options import Options as Options
from ptm.kinds.images.resizing import FILTER, NEAREST
from ptm.kinds.images.samples import IMAGES, MASKS, PAIRS, PARTNERS, partners_of
from ptm.kinds.images.tables import lost_rows, table_in
from ptm.kinds.images.views import pictures
from ptm.model import CHANNEL, HEIGHT, SAMPLE, WIDTH, Artifact, Bad, Block, File, Part, View
from ptm.readers.pictures.colors import NAMES, white_of
from ptm.scaling import Scaler, Scaling

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from ptm.inspecting.folder import Folder
    from ptm.inspecting.guess import Guess
    from ptm.learned import Learned
    from ptm.stats import Stats

NOTED = 20  # damaged pictures that are named
AXES = {
    IMAGES: (SAMPLE, CHANNEL, HEIGHT, WIDTH),
    PAIRS: (SAMPLE, CHANNEL, HEIGHT, WIDTH),
    MASKS: (SAMPLE, HEIGHT, WIDTH),
    "target": (SAMPLE,),
}


def read(options: Options, part: Part) -> Block:
    """A batch of images in the order of their names; alpha is dropped, EXIF rotation is applied.

    Returns:
        `images` uint8 [sample, channel, height, width], from 0 to 255; uint16 of 16 bits, float32
        of floats. Standardised they become float32: divided by 255, or 65535, then each channel to
        mean 0 and standard deviation 1 (n - 1) over all images. `masks` uint8 [sample, height,
        width] and `pairs`, as `images`, where the entry has them. The table has one row for each
        image, with its brightness (the mean of all its values, from 0 to 1) and its label where it
        has one: then `target` int64 [sample] is the place of that among the classes, sorted, in the
        facts; float32 [sample, class] of 0 and 1 where there may be several labels; float32
        [sample] of numbers.

    Raises:
        BadInput: a file without a label, or a row of a table of labels without a file; an image
            without its mask, or a mask of another size; one that is no image, is cut short
            or damaged, has colours or a depth that cannot be read, is larger than `max_bytes`, or
            differs from most in size or channels. All that is wrong is told, with the files; or
            they are set aside, where the entry says so.
    """
    labels = labels_of(options, part.files, part.said)
    table = table_in(options, part.beside)
    others = [file for file in part.beside if file is not table]
    partners, bad, lost = partners_of(options, part.files, others)
    bad |= labels.bad
    if table:
        lost += lost_rows(table, part.said)
    usual = dict(part.usual).get(SIZES, "") if options.on_bad == "quarantine" else ""
    found = _gathered(options, part.files, partners, bad, usual, lost)
    aside = [*_aside(part.files, found.bad), *(_of_none(part, one) for one in lost)]
    if not found.samples:
        return Block(bad=tuple(aside))
    texts = [labels.texts[place.file] for place in found.samples] if options.labels else []
    tensors = {name: one[:, 0] if name == MASKS else one for name, one in found.tensors.items()}
    tensors |= numbers_of(options, texts)
    return Block(
        tensors,
        {name: AXES[name] for name in tensors},
        _rows(options, part.files, partners, found, texts),
        bad=tuple(aside),
        facts=_facts(options, found.tensors),
        scaling=_scaling(options, tensors),
        uniform={SIZES: {found.size: len(found.samples)}},
        carried={
            "notes": [one.note for one in found.samples.values() if one.note],
            "labels": runs(texts),
            "several_labels": labels.several,
            "several_frames": any(place.frame for place in found.samples),
            "mask_values": _values(tensors.get(MASKS)),
        },
    )


def without_bad(options: Options, block: Block, left: NDArray[np.bool_]) -> Block:
    """A block of those of its images that are marked."""
    import numpy as np
    import pyarrow as pa

    rows, [size] = block.rows.filter(pa.array(left)), block.uniform[SIZES]
    names = tuple(f"({name})" for name in rows["file"].to_pylist())
    tensors = {name: np.asarray(one)[left] for name, one in block.tensors.items()}
    texts = rows["label"].to_pylist() if options.labels and not options.regression else []
    carried = {
        "notes": [note for note in block.carried["notes"] if note.endswith(names)],
        "labels": runs(texts),
        "mask_values": _values(tensors.get(MASKS)),
    }
    return replace(
        block,
        tensors=tensors,
        rows=rows,
        uniform={SIZES: {size: rows.num_rows}},
        carried={**block.carried, **carried},
    )


def whole(
    options: Options,
    learned: Learned,
    stats: Stats,
    carried: Sequence[Mapping[str, Any]],
) -> Block:
    """What is of all images: their classes, the values of their masks; the first that were damaged,
    flat channels.
    """
    notes = [note for one in carried for note in one["notes"]]
    more = [f"… and {len(notes) - NOTED} more"] if len(notes) > NOTED else []
    notes = [*notes[:NOTED], *more, *_flat(learned.scaler)]
    rule = options.rule
    if (
        options.frames
        and rule
        and rule.by == "content"
        and any(one["several_frames"] for one in carried)
    ):
        notes.append(
            "frames of one file may be in several splits (group = 'file' keeps them in one)"
        )
    found = Block(facts={"target": "label"}) if options.regression else Block()
    if options.labels and not options.regression:
        found = classes_of(options, carried)
    facts = dict(found.facts)
    if options.masks:
        facts["mask_values"] = sorted({value for one in carried for value in one["mask_values"]})
    return replace(found, facts=facts, notes=(*notes, *found.notes))


def views(artifact: Artifact) -> Iterator[View]:
    """The first images, each with its name; with their masks, where there are any."""
    return pictures(artifact)


def _gathered(
    options: Options,
    files: Sequence[File],
    partners: Sequence[dict[str, File]],
    bad: Mapping[int, BadInput],
    usual: str,
    lost: Sequence[BadInput],
) -> Gathered:
    """The images; where nothing is set aside, what belongs to none is told with all that is wrong.

    Raises:
        BadInput: as `read`.
    """
    if options.on_bad == "quarantine" or not lost:
        return gather(options, files, partners, bad, usual)
    faults, counted = Faults(), {}
    try:
        gather(options, files, partners, bad, usual)
    except BadInput as error:
        faults.add(error)
        counted = dict(error.counted)
    for one in lost:
        faults.add(one)
    faults.check(counted)
    raise AssertionError


def _aside(files: Sequence[File], bad: Mapping[Place, BadInput]) -> Iterator[Bad]:
    for place in sorted(bad):
        one = bad[place]
        yield Bad(files[place.file].name, one.where, one.expected, one.got)


def _of_none(part: Part, bad: BadInput) -> Bad:
    """A file, or a row of a table, that belongs to no image."""
    names = {file.url: file.name for file in part.beside}
    return Bad(names.get(bad.file, bad.file), bad.where, bad.expected, bad.got)


def _facts(options: Options, tensors: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    facts: dict[str, Any] = {"channels": list(NAMES[tensors[IMAGES].shape[1]])}
    if PAIRS in tensors:
        facts["pair_channels"] = list(NAMES[tensors[PAIRS].shape[1]])
    if options.resize:
        facts["resize"] = {"size": list(options.resize), "fit": options.fit, "filter": FILTER}
        if options.masks:
            facts["resize"]["masks"] = NEAREST
    return facts


def _scaling(options: Options, tensors: Mapping[str, NDArray[Any]]) -> dict[str, Scaling]:
    if not options.standardize:
        return {}
    return {
        name: Scaling(NAMES[one.shape[1]], divisor=white_of(one.dtype))
        for name, one in tensors.items()
        if name in (IMAGES, PAIRS)
    }


def _values(masks: NDArray[Any] | None) -> list[int]:
    """The values that masks have, sorted."""
    import numpy as np

    if masks is None:
        return []
    there = np.zeros(256, dtype=bool)
    for mask in np.asarray(masks):
        there[mask] = True
    return [*map(int, there.nonzero()[0])]


def _rows(
    options: Options,
    files: Sequence[File],
    partners: Sequence[dict[str, File]],
    found: Gathered,
    texts: Sequence[str],
) -> pa.Table:
    samples, places = [*found.samples.values()], [*found.samples]
    height, width = found.tensors[IMAGES].shape[2:]
    columns: dict[str, Any] = {"file": [files[place.file].name for place in places]}
    if options.frames:
        columns["frame"] = [place.frame for place in places]
    if options.labels:
        columns["label"] = column_of(options, texts)
    columns["mode"] = [one.mode for one in samples]
    for name, what in PARTNERS.items():
        if getattr(options, name):
            columns[what] = [partners[place.file][name].name for place in places]
    columns |= {"height": [height] * len(places), "width": [width] * len(places)}
    if options.resize:
        columns |= {
            "file_height": [one.size[0] for one in samples],
            "file_width": [one.size[1] for one in samples],
        }
    columns["brightness"] = [one.brightness for one in samples]
    pixels = ("height", "width", "file_height", "file_width")
    return arrow.table(columns, {name: "pixels" for name in pixels if name in columns})


def _flat(scaler: Scaler | None) -> tuple[str, ...]:
    if scaler is None:
        return ()
    flat = [name for name, scale in zip(scaler.names, scaler.scale, strict=True) if scale == 1.0]
    return tuple(f"channel '{name}' never varies: it is 0 throughout" for name in flat)


def inspect(folder: Folder) -> Guess | None:
    """The pictures of a folder, for `ptm init`."""
    from ptm.inspecting.pictures.entries import inspect as look

    return look(folder)
