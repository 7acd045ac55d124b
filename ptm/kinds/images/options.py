"""The options of images."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from glob import escape
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from ptm.kinds.images.pairing import pattern_of, problem_of
from ptm.source import GIB, Pattern, Source

FOLDER = "folder"
TABLES = (".csv", ".tsv", ".txt", ".jsonl", ".ndjson")  # suffixes of tables of labels
MOST_SIDE = 1 << 15  # pixels


def _labels(labels: str) -> str:
    if labels == FOLDER or labels.lower().endswith(TABLES):
        return labels
    try:
        count = re.compile(labels).groups
    except re.error:
        count = 0
    if count != 1:
        raise ValueError(
            f"'{FOLDER}', a table as 'labels.csv', or a regular expression for the path of a file "
            f"with the class in parentheses, as '^(cat|dog)', got '{labels}'"
        )
    return labels


def _template(template: str) -> str:
    if problem := problem_of(template):
        raise ValueError(f"{problem}, got '{template}'")
    return template


def _columns(names: object) -> object:
    return tuple(names) if isinstance(names, list) else names


Labels = Annotated[str, AfterValidator(_labels)]
Template = Annotated[str, AfterValidator(_template)]
Side = Annotated[int, Field(ge=1, le=MOST_SIDE)]


class Options(Source):
    """Photos of one size, or brought to one: a file, or a folder of them in the order of names.

    Attributes:
        pattern: of the files in the folder; upper and lower case are the same. Where `labels`,
            `masks` or `pairs` are given, those in all folders below it are the default.
        standardize: whether each channel is scaled to mean 0, standard deviation 1.
        labels: "folder" makes the folder of each file its class: the first one below the source,
            or, with a split by folders, below that of its split. "labels.csv" is a table below the
            source (.csv, .tsv, .jsonl) with a row for each file; where folders have one each, it is
            of the files in them. Anything else is a regular
            expression with the class in parentheses, looked for in the path below the source:
            '^(cat|dog)'.
        file_column: of the table, the column that names the files, with or without folders and
            suffix; found by itself where only one does.
        label_column: of the table, the column of the labels; found by itself where only one is
            left, or one is called "label". Several are columns of 0 and 1, one for each class.
        label_separator: what stands between labels where a file may have several: "|".
        regression: whether labels are numbers and no classes.
        masks: the mask of each image, as a path below the source: "masks/{stem}.png", where {stem}
            is the name of the image without suffix, and {folder} the folder it is in. "masks"
            alone is a folder of files with the same names, whatever their suffix.
        pairs: a second picture for each image, as `masks` says its mask: "clean/{stem}.png".
        color: "rgb", "gray" or "rgba": what all pictures are converted to, palettes, CMYK and
            1 bit too. Without it they stay as they are, but for alpha, which is dropped.
        resize: height and width that all images are brought to: [224, 224].
        fit: how, where the sides have another ratio: "crop" covers the size and cuts what is over
            at both ends; "pad" stays inside, between zeros; "stretch" changes the ratio.
        frames: whether each frame or page of a file is an image; else files with several are
            refused. Those of one file stay in one split with `group = "file"`.
        on_damage: what becomes of a picture whose decoder had to invent a part of it: "fail" it,
            or "note" it as a warning.
        max_bytes: of one decoded picture, of all its frames.
    """

    limits: ClassVar[frozenset[str]] = frozenset({"max_bytes"})
    learns: ClassVar[frozenset[str]] = frozenset({"standardize", "color", "resize", "fit"})
    pattern: Pattern = "*"
    standardize: bool = False
    labels: Labels | None = None
    file_column: str | None = None
    label_column: Annotated[str | tuple[str, ...] | None, BeforeValidator(_columns)] = None
    label_separator: str | None = Field(default=None, min_length=1)
    regression: bool = False
    masks: Template | None = None
    pairs: Template | None = None
    color: Literal["rgb", "gray", "rgba"] | None = None
    resize: tuple[Side, Side] | None = None
    fit: Literal["crop", "pad", "stretch"] = "crop"
    frames: bool = False
    on_damage: Literal["fail", "note"] = "fail"
    max_bytes: int = Field(default=GIB // 2, ge=1)

    @model_validator(mode="after")
    def _fits_together(self) -> Options:
        if problems := [*self._problems()]:
            raise ValueError("; ".join(problems))
        return self

    def _problems(self) -> Iterator[str]:
        yield from self._problems_of_labels()
        if "fit" in self.model_fields_set and self.resize is None:
            yield "'resize' where there is 'fit'"
        if self.learn_from and self.labels and not self.regression:
            yield "no 'labels' of classes where there is 'learn_from': a split has those of train"
        if self.frames and (self.masks or self.pairs):
            yield "no 'frames' where there are 'masks' or 'pairs'"

    def _problems_of_labels(self) -> Iterator[str]:
        for name in ("file_column", "label_column"):
            if getattr(self, name) is not None and self.table is None:
                yield f"'labels' as a table, as 'labels.csv', where there is '{name}'"
        ways = [name for name in ("label_separator", "regression") if getattr(self, name)]
        if ways and self.labels is None:
            yield f"'labels' where there is '{ways[0]}'"
        if isinstance(self.label_column, tuple):
            if not self.label_column or len(set(self.label_column)) < len(self.label_column):
                yield "each class once in 'label_column'"
            ways.append("label_column")
        if len(ways) > 1:
            yield f"either {' or '.join(map(repr, ways))}, not both"

    @property
    def way_out(self) -> Mapping[str, str]:
        """See `ptm.Source`: what is brought to one size may have other channels still."""
        if self.resize:
            return {} if self.color else {"sizes": "color = 'rgb' where channels differ"}
        more = "" if self.color else ", and color = 'rgb' where channels differ"
        return {"sizes": f"resize = [height, width]{more}"}

    @property
    def table(self) -> str | None:
        """The table of the labels; None where there is none."""
        is_table = self.labels is not None and self.labels.lower().endswith(TABLES)
        return self.labels if is_table else None

    @property
    def beside(self) -> tuple[str, ...]:
        """Patterns of the table of labels, of masks and of pairs."""
        templates = [pattern_of(one) for one in (self.masks, self.pairs) if one]
        anywhere = "**/" if self.table and "/" not in self.table else ""
        return (*([f"{anywhere}{escape(self.table)}"] if self.table else []), *templates)

    @property
    def separator(self) -> str:
        """What stands between the labels of a file."""
        return self.label_separator or "|"
