"""The label of each image: by its folder, its path, or a table; classes, several, or a number."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from math import isfinite
from typing import TYPE_CHECKING, Any, NamedTuple

from ptm.errors import BadInput
from ptm.kinds.images.options import FOLDER, Options
from ptm.limits import check_size
from ptm.model import CLASS, SAMPLE, Block, File
from ptm.split import FOLDERS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NO_FOLDER = ("a folder that is its class", "none")  # expected of the path of a file, and got
FLAGS = {"0": False, "1": True, "0.0": False, "1.0": True, "false": False, "true": True}
TWICE, SHOWN = "twice", 60
FLOAT32_MOST = 3.4028234663852886e38


class Labels(NamedTuple):
    """The labels of the files of a part, by their places; and what is wrong with others.

    Attributes:
        texts: as they stand in the rows; of several labels they are joined by the separator.
        bad: files without one, or with one that is not as it should be.
        several: whether a file may have several.
    """

    texts: dict[int, str]
    bad: dict[int, BadInput]
    several: bool = False


def labels_of(options: Options, files: Sequence[File], said: str) -> Labels:
    """The labels of files; none where they have none.

    Args:
        options: of the entry.
        files: of a part.
        said: what a table says of them, as JSON.
    """
    labels = Labels({}, {}, _are_several(options))
    if options.table:
        known = json.loads(said) if said else {"labels": [None] * len(files)}
        labels = labels._replace(several=labels.several or bool(known.get("several")))
        found: Iterable[Any] = known["labels"]
    elif options.labels == FOLDER:
        found = (_folder(options, file) for file in files)
    elif options.labels:
        found = _by_pattern(options.labels, files)
    else:
        return labels
    for place, (file, label) in enumerate(zip(files, found, strict=True)):
        try:
            labels.texts[place] = _checked(options, labels.several, label)
        except ValueError as error:
            where, expected, got = error.args
            labels.bad[place] = BadInput(where, expected, got, file.url)
    return labels


def _are_several(options: Options) -> bool:
    return isinstance(options.label_column, tuple) or options.label_separator is not None


def _folder(options: Options, file: File) -> str | None:
    """The class of a file by its folder; None where none says it."""
    folders = file.name.split("/")[:-1]
    if options.split.get("folder"):
        split, folders = folders[:1], folders[1:]
        if not split or split[0].lower() not in FOLDERS:
            folders = [""]  # it is in no split, which is what is told of it
    return folders[0] if folders else None


def _by_pattern(labels: str, files: Sequence[File]) -> Iterable[str | None]:
    pattern = re.compile(labels)
    for file in files:
        found = pattern.search(file.name)
        yield found[1] if found else None


def _checked(options: Options, several: bool, label: Any) -> str:
    """A label as text.

    Args:
        options: of the entry.
        several: whether there may be several of them.
        label: what was found, a text, of a table as `rows_of` gives it.

    Raises:
        ValueError: where, expected, got.
    """
    if options.labels == FOLDER and label is None:
        raise ValueError("", *NO_FOLDER)
    if options.table:
        _check_row(options, label)
        if isinstance(options.label_column, tuple):
            return _by_flags(options, options.label_column, label)
        [label] = label
    if options.regression:
        return _number(label or "")
    if several:
        return _several(options, label or "")
    if not label and options.labels != FOLDER:  # what is in no split has no folder here
        by = "a label" if options.table else f"a class by '{options.labels}' in its path"
        raise ValueError("label", by, "a blank one" if options.table else "none")
    return str(label)


def _check_row(options: Options, label: Any) -> None:
    """Looks whether a file has one row in the table.

    Raises:
        ValueError: where, expected, got.
    """
    if label is None:
        raise ValueError("", f"a row in {options.table}", "none")
    if isinstance(label, Mapping):
        rows = " and ".join(map(str, label[TWICE]))
        raise ValueError("", f"one row in {options.table}", f"rows {rows}")


def _by_flags(options: Options, names: Sequence[str], values: Sequence[Any]) -> str:
    """The classes whose columns are 1."""
    found = []
    for name, value in zip(names, values, strict=True):
        flag = FLAGS.get(str(value).lower())
        if flag is None:
            raise ValueError(f"label, column '{name}'", "0 or 1", _shown(value))
        found += [name] * flag
    return options.separator.join(found)


def _several(options: Options, label: str | list[str]) -> str:
    """The classes that a text names, or a list, each once and sorted."""
    found = label if isinstance(label, list) else label.split(options.separator)
    names = {name.strip() for name in found} - {""}
    if wrong := [name for name in names if options.separator in name]:
        expected = f"labels without '{options.separator}' (or another label_separator)"
        raise ValueError("label", expected, _shown(min(wrong)))
    return options.separator.join(sorted(names))


def _number(label: str | list[str]) -> str:
    if isinstance(label, list):
        raise ValueError("label", "a number", f"a list of {len(label)}")
    try:
        number = float(label)
    except ValueError:
        number = float("nan")
    if not (isfinite(number) and abs(number) <= FLOAT32_MOST) or "_" in label:
        raise ValueError("label", "a number", _shown(label) if label else "a blank")
    return label


def _shown(value: object) -> str:
    text = str(value)
    return f"'{text[:SHOWN]}…'" if len(text) > SHOWN else f"'{text}'"


def column_of(options: Options, texts: Sequence[str]) -> Any:
    """The labels as a column of the rows: texts, or numbers."""
    return _numbers(texts) if options.regression else list(texts)


def numbers_of(options: Options, texts: Sequence[str]) -> dict[str, Any]:
    """The target of a part, float32 [sample], where it is numbers."""
    return {"target": _numbers(texts).astype("float32")} if options.regression else {}


def _numbers(texts: Sequence[str]) -> NDArray[np.float64]:
    import numpy as np

    return np.array([float(text) for text in texts], dtype=np.float64)


def runs(labels: Sequence[str]) -> list[list[Any]]:
    """Each label with how many come one after the other."""
    return [[name, len([*one])] for name, one in groupby(labels)]


def classes_of(options: Options, carried: Sequence[Mapping[str, Any]]) -> Block:
    """The classes of all images, and which each has.

    Raises:
        BadInput: there are so many that `max_bytes` holds no 0 and 1 for each of each image.
    """
    import numpy as np

    found = [run for one in carried for run in one["labels"]]
    counts = [count for _, count in found]
    if not any(one["several_labels"] for one in carried):
        classes = sorted({name for name, _ in found})
        places = {name: place for place, name in enumerate(classes)}
        codes = np.array([places[name] for name, _ in found], dtype=np.int64)
        facts = {"target": "label", "classes": classes}
        return Block({"target": np.repeat(codes, counts)}, {"target": (SAMPLE,)}, facts=facts)
    sets = [[name for name in text.split(options.separator) if name] for text, _ in found]
    classes = sorted({name for names in sets for name in names})
    if isinstance(options.label_column, tuple):
        classes = list(options.label_column)
    check_size(options, sum(counts), len(classes), "labels")
    places = {name: place for place, name in enumerate(classes)}
    flags = np.zeros((len(sets), len(classes)), dtype=np.float32)
    for row, names in zip(flags, sets, strict=True):
        row[[places[name] for name in names]] = 1.0
    without = sum(count for names, count in zip(sets, counts, strict=True) if not names)
    notes = (f"{without:,} of {sum(counts):,} images have no label: all 0",) if without else ()
    return Block(
        {"target": np.repeat(flags, counts, axis=0)},
        {"target": (SAMPLE, CLASS)},
        facts={"target": "label", "classes": classes},
        notes=notes,
    )
