"""Volumes: a folder of DICOM slices (CT, MR, PET) into one volume in the unit that they say.

Slices are ordered by position along the scan axis, not by file name: names say nothing of place.
Only what the volume needs is read from a header, so nothing that identifies a patient gets out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from ptm import arrow
from ptm.budget import THREADS
from ptm.errors import BadInput, Faults
from ptm.kinds.volume.geometry import TILT, Place, affine, place
from ptm.kinds.volume.series import choose, compare
from ptm.model import CHANNEL, DEPTH, HEIGHT, WIDTH, Artifact, Block, File, Part, View
from ptm.readers.dicom.demands import PADDING, check
from ptm.readers.dicom.pixels import Range, rescale, stored
from ptm.readers.dicom.slices import Slice, read_header
from ptm.source import GIB, Number, Pattern, Source

if TYPE_CHECKING:
    import pyarrow as pa

    from ptm.inspecting.folder import Folder
    from ptm.inspecting.guess import Guess

LARGEST = 3.4028234e38  # of float32

TOGETHER = True  # slices of a series make one volume


class Options(Source):
    """A folder of DICOM slices of one series.

    Attributes:
        pattern: which files of the folder; upper and lower case are the same.
        series: the SeriesInstanceUID to take where there are several.
        padding: the value, in the unit of the volume, of pixels that are padding and no image;
            as they are in the file without it.
        max_bytes: the most that one decoded slice may have.
    """

    samples: ClassVar[bool] = False

    limits: ClassVar[frozenset[str]] = frozenset({"max_bytes"})
    sets_aside: ClassVar[bool] = False

    pattern: Pattern = "*.dcm"
    series: str | None = None
    padding: Number | None = None
    max_bytes: int = Field(default=GIB // 2, ge=1)


def read(options: Options, part: Part) -> Block:
    """One volume from the slices of one series.

    Returns:
        `volume` float32 [channel = 1, depth, height, width], stored values times slope plus
        intercept where the slices have those, depth from the lowest to the highest position along
        the scan axis. The facts hold `unit` ("Hounsfield units", "BQML", …; None where the files
        do not say), `spacing_mm` (depth, height, width) and `affine`, 4 x 4, from voxel (depth,
        height, width) to millimetres in the patient's coordinates (DICOM: left, posterior,
        superior); `padding`, where the files name a value that is no image. The table has one row
        for each slice, in the order of the volume.

    Raises:
        BadInput: files that are no DICOM slices with pixels or lack what is needed, several
            series where none is picked, slices that differ in size, orientation, pixel spacing,
            unit or frame of reference, two at one position, or a gap; each with its file.
        OSError: a file cannot be read.
    """
    import numpy as np
    import torch

    padding = options.padding
    if padding is not None and abs(padding) > LARGEST:
        expected, got = "a value that float32 holds", f"{padding:g}"
        raise BadInput(where="padding", expected=expected, got=got)
    faults = Faults()
    slices, notes = _slices(options, part.files, faults)
    first = compare(slices, faults) if slices else None
    where = place(slices, faults) if first and not faults.count else None
    if first is None or where is None or faults.count:
        _each(slices, stored, faults)  # what is wrong with the pixels is told in the same run
        faults.check()
        raise AssertionError("no slices, and no fault")
    volume = np.empty((1, len(slices), *first.shape), dtype=np.float32)
    places = {id(entry): number for number, entry in enumerate(where.slices)}
    ranges = _each(
        where.slices, lambda entry: rescale(entry, volume[0, places[id(entry)]], padding), faults
    )
    faults.check()
    matrix = affine(where)
    facts: dict[str, Any] = {
        "unit": first.unit,
        "spacing_mm": [where.spacing, *where.slices[0].spacing_mm],
    }
    if matrix is not None:
        facts["affine"] = matrix.tolist()
    padded = _padding(options, where.slices, ranges)
    if padded:
        facts["padding"] = padded
    return Block(
        {"volume": torch.from_numpy(volume)},
        {"volume": (CHANNEL, DEPTH, HEIGHT, WIDTH)},
        _table(where, ranges, first.unit),
        facts=facts,
        notes=(*notes, *_told(options, where, ranges, padded)),
    )


def _slices(
    options: Options, named: Sequence[File], faults: Faults
) -> tuple[list[Slice], tuple[str, ...]]:
    """The slices of the series whose headers are right, and a note on what was left out."""
    files = []
    # in one thread: walking headers is Python, and threads would only wait for each other
    for file in named:
        try:
            files.append(read_header(file.path, file.name, options.max_bytes))
        except BadInput as error:
            faults.add(error)
    try:
        chosen, notes = choose(files, options.series, options.path, faults.count)
    except BadInput as error:
        faults.add(error)
        return [], ()
    slices = []
    for entry in chosen:
        problems = list(check(entry))
        for problem in problems:
            faults.add(problem)
        if not problems:
            slices.append(entry)
    return slices, notes


def _each(slices: list[Slice], work: Callable[[Slice], Any], faults: Faults) -> list[Any]:
    """What the work gives for each slice, several at a time; what it refuses goes to faults."""

    def attempt(entry: Slice) -> Any:
        try:
            return work(entry)
        except BadInput as error:
            return error

    with ThreadPoolExecutor(THREADS) as pool:
        results = list(pool.map(attempt, slices))
    for result in results:
        if isinstance(result, BadInput):
            faults.add(result)
    return results


def _padding(options: Options, slices: list[Slice], ranges: list[Range]) -> dict[str, Any] | None:
    """What the files say of padding: how many pixels, which stored values, what they became."""
    values = sorted({s.header[PADDING[0]] for s in slices if PADDING[0] in s.header})
    if not values:
        return None
    count = sum(entry.padded for entry in ranges)
    limits = sorted({s.header[PADDING[1]] for s in slices if PADDING[1] in s.header})
    limit = {"limits": limits} if limits else {}
    return {"pixels": count, "stored": values, **limit, "replaced_by": options.padding}


def _told(
    options: Options, where: Place, ranges: list[Range], padded: dict[str, Any] | None
) -> list[str]:
    """Sentences for people on what the numbers alone do not say."""
    first, told = where.slices[0], _of_unit(where.slices)
    if first.header["PhotometricInterpretation"] == "MONOCHROME1":
        told.append("MONOCHROME1: high values are dark; they are as they are in the files")
    if padded and padded["pixels"]:
        value = ", ".join(map(str, padded["stored"] + padded.get("limits", [])))
        height, width = first.shape
        became = (
            "rescaled as if they were image (padding = VALUE replaces them)"
            if options.padding is None
            else f"set to {options.padding:g}"
        )
        told.append(
            f"{padded['pixels']} of {len(where.slices) * height * width} pixels are padding, no "
            f"image (PixelPaddingValue {value}): {became}"
        )
    elif options.padding is not None and not padded:
        told.append("padding: the files name no value that is padding, nothing was replaced")
    tilt = max((s.header.get("GantryDetectorTilt", 0) for s in where.slices), key=abs)
    if where.tilt:
        told.append(
            f"tilted gantry: each slice is shifted against the next, by {where.tilt:.1f} degrees "
            f"from the scan axis (GantryDetectorTilt {tilt:g}); the affine has it, the tensor not"
        )
    elif abs(tilt) >= TILT:
        told.append(
            f"tilted gantry: GantryDetectorTilt is {tilt:g} degrees, and the positions have no tilt"
        )
    if where.spacing is None:
        told.append("one slice without SliceThickness: its depth is not known, so no affine")
    merged = sum(entry.merged for entry in ranges)
    if merged:
        told.append(f"float32 merges {merged} distinct stored values of the slices with others")
    return told


def _of_unit(slices: list[Slice]) -> list[str]:
    """Why no unit is told, where one might look for it."""
    first = slices[0]
    if first.modality is None:
        return ["no Modality in the files: the unit of the values is not known"]
    if not first.is_rescaled:
        return [f"{first.modality} without a rescale: values as they are stored, without a unit"]
    if first.modality == "PT" and first.unit is None:
        return ["PT without Units: the unit of the values is not known"]
    if first.unit is None and first.header.get("RescaleType"):
        kind, made = first.header["RescaleType"], first.modality
        return [f"RescaleType {kind} in a file of {made}: no unit is told, since that is one of CT"]
    return []


def _table(where: Place, ranges: list[Range], unit: str | None) -> pa.Table:
    import numpy as np

    columns = {
        "file": [s.name for s in where.slices],
        "position": np.array(where.positions, dtype=np.float64),
        "min": np.array([entry.low for entry in ranges], dtype=np.float32),
        "max": np.array([entry.high for entry in ranges], dtype=np.float32),
    }
    return arrow.table(columns, {"position": "mm", **({"min": unit, "max": unit} if unit else {})})


def views(artifact: Artifact) -> Iterator[View]:
    """The middle slice along each axis."""
    from ptm import draw

    volume, facts = artifact.tensors["volume"].numpy(), artifact.manifest["facts"]
    depth, *inside = facts["spacing_mm"]  # a lone slice may have no depth
    unit = facts["unit"]
    low, high = draw.shades(volume, unit)
    of_ct = " CT" if unit == draw.HOUNSFIELD else ""
    named = unit or "(in no unit that the files name)"
    yield View(
        "slices",
        f"The middle of the{of_ct} volume along each axis, with the number of the slice; lengths "
        f"in mm, black is {low:.4g} {named} and less, white {high:.4g} and more.",
        picture=draw.orthogonal_slices(volume, (depth or inside[0], *inside), unit),
        title=f"{artifact.name}: three orthogonal slices",
    )


def inspect(folder: Folder) -> Guess | None:
    """The DICOM series of a folder, for `ptm init`."""
    from ptm.kinds.volume.inspecting import look

    return look(folder)
