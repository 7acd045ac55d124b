"""Which files of a folder are the slices of one series, and whether they belong together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ptm.errors import BadInput, Faults

if TYPE_CHECKING:
    from ptm.readers.dicom.slices import Slice

ROUNDING = 1e-4  # of direction cosines and pixel spacings in headers
OF_MODALITY = ("unit", "rescale")  # these differ where the modality does
LONGEST = 64  # letters of a UID
MOST_SERIES = 3  # that a message lists
# what lies beside the slices of a scan, by Modality and by the beginning of the SOP class
ASIDE = {
    "SR": "structured report",
    "KO": "key object selection",
    "SEG": "segmentation",
    "PR": "presentation state",
    "REG": "registration",
    "FID": "set of fiducials",
    "RWV": "real world value map",
    "RTSTRUCT": "structure set",
    "RTPLAN": "treatment plan",
    "RTDOSE": "dose grid",
    "RTRECORD": "treatment record",
    "DOC": "document",
    "AU": "recording",
    "ECG": "recording",
}
STORAGE = "1.2.840.10008.5.1.4.1.1."
ASIDE_CLASSES = {
    "1.2.840.10008.1.3.10": "directory of files",
    f"{STORAGE}88.": "structured report",
    f"{STORAGE}66.4": "segmentation",
    f"{STORAGE}66.5": "segmentation",
    f"{STORAGE}66": "set of raw data",
    f"{STORAGE}67": "real world value map",
    f"{STORAGE}11.": "presentation state",
    f"{STORAGE}104.": "document",
    f"{STORAGE}9.": "recording",
    f"{STORAGE}481.2": "dose grid",
    f"{STORAGE}481.3": "structure set",
    f"{STORAGE}481.5": "treatment plan",
}
SECONDARY_CAPTURE = f"{STORAGE}7"


def choose(
    files: list[Slice], series: str | None, folder: str, unreadable: int = 0
) -> tuple[list[Slice], tuple[str, ...]]:
    """The files that are slices of the series, and a note on what was left out beside them.

    Args:
        files: in the order of their names; nothing has been demanded of them yet.
        series: the SeriesInstanceUID that is picked before anything else is looked at.
        unreadable: how many more there are, of which nothing is known.

    Raises:
        BadInput: files of several series and none is picked, or none of the one that is.
    """
    if series is not None:
        files = _picked(files, series, folder, unreadable)
    what = {id(file): kind for file in files if (kind := _aside(file))}
    slices = [file for file in files if id(file) not in what]
    if not slices:  # what is there to plan a scan on may be the volume that is wanted
        slices = [file for file in files if what[id(file)] == "localizer"]
        what = {name: kind for name, kind in what.items() if kind != "localizer"}
    if not slices and files:
        expected, got = "DICOM slices", f"nothing but {_counted(what.values())}"
        raise BadInput(expected=expected, got=got, file=folder)
    aside = [file for file in files if id(file) in what]
    _one_series(slices)
    if not aside:
        return slices, ()
    first = aside[0].name
    counted = f"{len(aside)} file{'s' if len(aside) > 1 else ''}"
    return slices, (
        f"{counted} left out beside the slices: {_counted(what.values())} ({first}"
        f"{', …' if len(aside) > 1 else ''})",
    )


def _picked(files: list[Slice], series: str, folder: str, unreadable: int) -> list[Slice]:
    picked = [file for file in files if file.series in (series, None)]
    if unreadable or any(file.series == series for file in files):
        # a file without a series may be a damaged slice; what is no slice at all is not asked for
        return [file for file in picked if file.series is not None or not _aside(file)]
    raise BadInput(
        where="series",
        expected=f"slices of {series}",
        got=_listed(files) or "none",
        file=folder,
    )


def _aside(file: Slice) -> str:
    """What a file is, if that is no slice; "" for one that may be."""
    if file.path.name.upper() == "DICOMDIR":  # so it has to be called, PS3.10, 8.6
        return "directory of files"
    kind = file.header.get("SOPClassUID")
    if isinstance(kind, str):
        for beginning, name in ASIDE_CLASSES.items():
            if kind.startswith(beginning):
                return name
        if kind.startswith(SECONDARY_CAPTURE) and "ImagePositionPatient" not in file.header:
            return "secondary capture"
    modality = file.modality
    name = ASIDE.get(modality, "") if isinstance(modality, str) else ""
    return name or ("localizer" if file.is_localizer else "")


def _counted(kinds: Iterable[str]) -> str:
    return ", ".join(f"{count} x {kind}" for kind, count in Counter(kinds).most_common())


def _one_series(slices: list[Slice]) -> None:
    found = Counter(file.series for file in slices if file.series is not None)
    if len(found) < 2:
        return
    common = found.most_common(1)[0][0]
    stray = next(file for file in slices if file.series not in (common, None))
    raise BadInput(
        where="series",
        expected="one series in the folder (or the option 'series' to pick one)",
        got=_listed(slices),
        file=str(stray.path),
    )


def _listed(files: list[Slice]) -> str:
    """The series that are there, with how many files each has, and of what where that differs."""
    found = Counter(file.series for file in files if file.series is not None)
    kinds = {uid: {f.modality or "?" for f in files if f.series == uid} for uid in found}
    differ = len({frozenset(names) for names in kinds.values()}) > 1
    told = [
        f"{str(uid)[:LONGEST]} ({count} slice{'s' if count != 1 else ''}"
        f"{' of ' + '/'.join(sorted(map(str, kinds[uid])))[:16] if differ else ''})"
        for uid, count in found.most_common(MOST_SERIES)
    ]
    more = len(found) - len(told)
    return ", ".join(told) + (f" and {more} more" if more else "")


def compare(slices: list[Slice], faults: Faults) -> Slice:
    """Adds each way in which a slice differs from most; the first slice of those that agree."""
    looks = [(entry, _looks(entry)) for entry in slices]
    usual = {
        name: Counter(look[name] for _, look in looks).most_common(1)[0][0] for name in looks[0][1]
    }
    for name, common in usual.items():
        first = next(entry for entry, look in looks if look[name] == common)
        for other, look in looks:
            foreign = name in OF_MODALITY and look["modality"] != usual["modality"]
            if not foreign and not _same(common, look[name]):
                expected = f"{_told(common)} as in {first.name}"
                faults.add(
                    BadInput(
                        where=name,
                        expected=expected,
                        got=_told(look[name]),
                        file=str(other.path),
                    )
                )
    return next((entry for entry, look in looks if look == usual), slices[0])


def _looks(file: Slice) -> dict[str, Any]:
    """What all slices of a volume must have in common."""
    return {
        "size": file.shape,
        "pixel spacing": file.spacing_mm,
        "orientation": file.orientation,
        "modality": file.modality,
        "unit": file.unit,
        "rescale": "a slope" if file.is_rescaled else "none",
        "frame of reference": file.header.get("FrameOfReferenceUID"),
        "photometric interpretation": file.header["PhotometricInterpretation"],
    }


def _same(common: Any, other: Any) -> bool:
    if isinstance(common, tuple):
        return all(abs(a - b) <= ROUNDING for a, b in zip(common, other, strict=True))
    return bool(common == other)


def _told(known: Any) -> str:
    return "none" if known is None else str(known)
