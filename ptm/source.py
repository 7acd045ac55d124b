"""Source: the options that every entry of a catalog has, and the types of options that kinds share.

The options of a kind are a subclass of it. Frozen, validated, and in JSON a part of the key.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from pydantic_core import to_jsonable_python

from ptm.demands import MOST_EXACT, Count, DriftOption, Expect, Share, exact, short
from ptm.names import NAME
from ptm.spans import seconds_of
from ptm.split import SPLIT_NAME, TRAIN, Rule, rule_of

Measure = Literal["continuous", "ordinal", "categorical", "boolean", "date"]
MOST_CLASSES = 100_000  # one-hot rows longer than that are a slip of the pen
MOST_COLUMNS = 10_000
WILDCARDS = "*?"
GIB = 1 << 30
PART_BYTES = 1 << 26
# options of every entry that decide what is stored
STORED = ("store", "part_bytes")
CHECKS = ("expect", "drift")  # decide whether it is published; no part depends on them
SPLIT = ("split", "seed", "group", "near", "time", "embargo", "statistics")
BAD = ("on_bad", "max_bad")
# options that an entry has for itself, whatever the one says that it learns from
OWN = (
    *("path", "pattern", "rows", "sql", "learn_from", "timeout", *SPLIT, *CHECKS),
    # of images, which may have none where the other has some
    *("labels", "file_column", "label_column", "label_separator", "regression", "masks", "pairs"),
)
_NAMES = {"pattern": f"^{SPLIT_NAME.pattern}$"}
_SHARE = {"type": "number", "exclusiveMinimum": 0, "maximum": 1}
_CUT = {"type": "string", "pattern": r"\.\."}
SPLITS = {  # what `split` may be, as a JSON Schema
    "anyOf": [
        {"type": "object", "propertyNames": _NAMES, "additionalProperties": _SHARE},
        {"type": "object", "propertyNames": _NAMES, "additionalProperties": _CUT},
        *(
            {"type": "object", "properties": {name: value}, "required": [name]}
            | {"additionalProperties": False}
            for name, value in (
                ("folder", {"const": True}),
                ("file", {"type": "string", "minLength": 1}),
            )
        ),
    ]
}


def _inside(path: str) -> str:
    parts = PurePosixPath(path)
    if parts.is_absolute() or ".." in parts.parts or "\\" in path or "\0" in path:
        raise ValueError(f"a path inside the data root, got '{path}'")
    return path


def _pattern(pattern: str) -> str:
    parts = PurePosixPath(_inside(pattern)).parts
    if not parts or any("**" in part and part != "**" for part in parts):
        raise ValueError(f"a pattern as '*.png' or '**/*.png', got '{pattern}'")
    return pattern


def _split(value: object) -> object:
    """A table of shares, of cuts, or of a word on folders or a list; see `ptm.split`."""
    if not isinstance(value, Mapping):
        expected = "a table as { train = 0.8, test = 0.2 }, of cuts of a 'time' as { train = "
        expected += "'..2012', test = '2013..' }, { folder = true } or { file = 'splits.csv' }"
        raise ValueError(f"{expected}, got {short(value)}")
    wrong = {name: one for name, one in value.items() if not _is_of_split(one)}
    if wrong:
        told = [f"for '{name}', got {short(one)}" for name, one in wrong.items()]
        raise ValueError(f"a share above 0 and up to 1, or a cut, {'; '.join(told)}")
    return value


def _is_of_split(value: object) -> bool:
    return isfinite(value) if isinstance(value, (int, float)) else isinstance(value, str)


def _limit(value: object) -> object:
    """A count, or a share."""
    is_count = type(value) is int and value >= 0
    if value is None or is_count or (type(value) is float and 0 <= value <= 1):
        return value
    raise ValueError(f"a count, or a share from 0.0 to 1.0, got {short(value)}")


def _in_order(value: object) -> object:
    """The same value with its sets as lists in an order that is the same in every process."""
    if isinstance(value, Mapping):
        return {name: _in_order(inside) for name, inside in value.items()}
    if isinstance(value, (set, frozenset)):
        return sorted(map(_in_order, value), key=repr)
    return [*map(_in_order, value)] if isinstance(value, (list, tuple)) else value


def _listed(names: object) -> object:
    return (
        (names,) if isinstance(names, str) else tuple(names) if isinstance(names, list) else names
    )


Number = Annotated[float, BeforeValidator(exact), Field(allow_inf_nan=False)]
Span = Annotated[
    float,
    BeforeValidator(seconds_of, json_schema_input_type=Annotated[float, Field(gt=0)] | str),
]
Limit = Annotated[
    int | float | None, BeforeValidator(_limit, json_schema_input_type=Count | Share | None)
]
InsidePath = Annotated[str, AfterValidator(_inside)]
Pattern = Annotated[str, AfterValidator(_pattern)]
Name = Annotated[str, Field(pattern=NAME)]


class Source(BaseModel):
    """One entry of the catalog: a name, a kind, where its input is, options.

    Attributes:
        name: of the entry, and of its artifact.
        root: the data root that `path` is relative to. Not an option: it decides no content.
        kind: what reads it, or analyses what it is of.
        path: file or folder below the data root, with forward slashes.
        of: the entry, or list of entries, whose artifacts are analysed; instead of a path.
        learn_from: the entry of the same kind whose scalers, categories and classes it is encoded
            by, as test data by those of train; that one's options count here too, but for path and
            split, where nothing else is said.
        timeout: seconds that a run may take to make it, or "90s", "10m", "2h"; then it is ended.
        store: "scaled", tensors as they go into training; "raw", as they were decoded, and scaled
            when they are read: smaller, and what did not change stays as it is.
        part_bytes: the most that a part of it has when it is decoded; what does not fit is cut, so
            that a run needs memory for some parts only.
        split: how samples come to splits: expected shares ({ train = 0.8, test = 0.2 }), which
            chance gives by the content of each sample, so that equal ones stay together; cuts of
            `time` ({ train = "..2012-06-30", val = "2012-07-01.." }), both ends in them;
            { folder = true } for folders train, val and test; { file = "splits.csv" } for a list
            with a column "split" and one that names the samples.
        seed: of the chance that gives shares; another seed gives other splits.
        group: a column whose equal values stay in one split; of files also "folder", or a regular
            expression with the group in parentheses, looked for in their paths.
        near: "group" keeps near-duplicates in one split.
        time: the column of the times of the samples, ISO 8601 (UTC where they name no zone) or
            numbers.
        embargo: the span next to another split that is left out, "1d" or a number.
        statistics: of which samples scalers and categories are learned: those of "train", or "all".
        on_bad: what becomes of samples that cannot be read: they "fail" the entry, or are left out
            and told in its table "quarantine". An error of the disk is never one of them.
        max_bad: how many of them there may be in quarantine, a count, or a share of all samples
            (0.01); any number where it is left out, but never all.
        expect: what is expected of the rows; else nothing is published, or it is told.
        drift: how far the samples may drift from those of the artifact before, or the pinned one;
            a number is the limit of the distance.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)
    seldom: ClassVar[frozenset[str]] = frozenset()  # options that are told where they are given
    limits: ClassVar[frozenset[str]] = (
        frozenset()
    )  # options that decide whether it is made, not what
    needs_path: ClassVar[bool] = True  # whether there is nothing to read without a path
    takes_folders: ClassVar[bool] = True  # else its path is one file
    samples: ClassVar[bool] = True  # whether a row is a sample, so that rows may come to splits
    sets_aside: ClassVar[bool] = True  # whether others can do without a sample that is bad
    # whether it may be encoded by what another entry learned; then the options that decide what
    # that is, which are those of the other entry
    learns: ClassVar[frozenset[str]] = frozenset()

    name: Name
    root: Path
    kind: str
    path: InsidePath = ""
    of: Annotated[
        tuple[Name, ...],
        BeforeValidator(_listed, json_schema_input_type=Name | tuple[Name, ...]),
    ] = ()
    learn_from: Name | None = None
    timeout: Span | None = None
    store: Literal["scaled", "raw"] = "scaled"
    part_bytes: int = Field(default=PART_BYTES, ge=1)
    split: Annotated[
        dict[str, float | bool | str], BeforeValidator(_split), WithJsonSchema(SPLITS)
    ] = Field(default_factory=dict)
    seed: int = Field(default=0, ge=0, le=MOST_EXACT)
    group: str | None = None
    near: Literal["group"] | None = None
    time: str | None = None
    embargo: float | str | None = None
    statistics: Literal["train", "all"] = "train"
    on_bad: Literal["fail", "quarantine"] = "fail"
    max_bad: Limit = None
    expect: Expect | None = None
    drift: DriftOption | None = None
    _kind: Any = PrivateAttr(None)  # of `ptm.registry`, where the entry comes from a catalog
    # of a database, where it is of one: it may have a password, and so is shown nowhere
    _address: str = PrivateAttr("")

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        if taken := Source.model_fields.keys() & vars(cls).get("__annotations__", {}).keys():
            raise TypeError(f"expected other names of options, got {min(taken)!r} of every entry")

    @model_validator(mode="after")
    def _splits(self) -> Source:
        rule = self.rule
        if rule and not self.samples:
            raise ValueError(
                f"no 'split' for a {self.kind}: its rows are no samples of its tensors"
            )
        needs_train = self.statistics == "train" and not self.learn_from
        if rule and rule.names and TRAIN not in rule.names and needs_train:
            raise ValueError(f"a split '{TRAIN}' (or statistics = 'all'), got {list(rule.names)}")
        return self

    @model_validator(mode="after")
    def _quarantine(self) -> Source:
        if self.max_bad is not None and self.on_bad != "quarantine":
            raise ValueError("'on_bad' as \"quarantine\" where there is 'max_bad'")
        return self

    @field_validator("on_bad")
    @classmethod
    def _can_set_aside(cls, on_bad: str, given: ValidationInfo) -> str:
        if on_bad == "quarantine" and (given.data.get("of") or not cls.sets_aside):
            kind = given.data.get("kind")
            raise ValueError(f"'fail', as no sample of the kind '{kind}' can be set aside")
        return on_bad

    @property
    def upstream(self) -> tuple[str, ...]:
        """The entries that are made before it: those that it is of, the one that it learns from."""
        return (*self.of, self.learn_from) if self.learn_from else self.of

    @property
    def rule(self) -> Rule | None:
        """How its samples come to splits; None where it has none."""
        return rule_of(self.split, self.seed, self.group, self.near, self.time, self.embargo)

    @property
    def way_out(self) -> Mapping[str, str]:
        """By what all samples must have the same: the option that helps where they have not."""
        return {}

    @property
    def beside(self) -> tuple[str, ...]:
        """Patterns of files below the source that are inputs and no samples; most kinds have none.

        Upper and lower case are the same. What matches one is not among the files of `pattern`.
        """
        return ()

    def options(self) -> dict[str, Any]:
        """The JSON values that decide the content: the options of the kind, but for its limits.

        With them the order of `of`, where it has one, how it is stored and cut, where that is not
        as usual, and what is expected of it; those of `seldom` likewise.
        """
        left_out = {*Source.model_fields, *self.limits}
        if len(self.of) > 1:
            left_out -= {"of"}
        of_all = dict.fromkeys((*STORED, *SPLIT, *BAD, *CHECKS), Source)
        own = dict.fromkeys(self.seldom, type(self))
        fields = {name: one.model_fields[name] for name, one in (of_all | own).items()}
        usual = {n: one.get_default(call_default_factory=True) for n, one in fields.items()}
        left_out |= usual.keys()
        left_out -= {name for name, value in usual.items() if getattr(self, name) != value}
        values: dict[str, Any] = to_jsonable_python(_in_order(self.model_dump(exclude=left_out)))
        return values

    def __reduce__(self) -> tuple[Any, ...]:
        if self._kind is None:
            return super().__reduce__()  # type: ignore[return-value]
        return _restored, (self._kind, dict(self), self._address)


def inheriting(entry: Any, entries: Mapping[str, Any]) -> Any:
    """The options of an entry of a catalog, with those of the one that it learns from.

    What that one says of its input, its split and its checks stays its own; the columns of its
    groups and times are left out here too.
    """
    other = entries.get(entry.get("learn_from", "")) if isinstance(entry, dict) else None
    if not isinstance(other, dict) or other is entry:
        return entry
    taken = {name: value for name, value in other.items() if name not in OWN}
    columns = [other[name] for name in ("group", "time") if isinstance(other.get(name), str)]
    listed = taken.get("exclude", [])
    if columns and isinstance(listed, list):
        taken["exclude"] = [*listed, *columns]
    return {**taken, **entry}


def below_folders(given: Mapping[str, Any], options: type[Source]) -> dict[str, str]:
    """The pattern of an entry without one: where folders say something, the files below them."""
    if "pattern" in given or "pattern" not in options.model_fields:
        return {}
    split = given.get("split")
    told = isinstance(split, Mapping) and bool(split.get("folder"))
    told |= given.get("group") == "folder" and options.takes_folders  # else it may be a column
    told |= any(given.get(name) is not None for name in ("labels", "masks", "pairs"))
    return {"pattern": "**/*"} if told else {}


def without_wildcards(given: Mapping[str, Any], options: type[Source]) -> dict[str, Any]:
    """The folder and the pattern of an entry whose path has wildcards, where it may have one.

    Raises:
        ValueError: it has a pattern as well.
    """
    path = given.get("path")
    if not isinstance(path, str) or "pattern" not in options.model_fields:
        return {}
    parts = PurePosixPath(path).parts
    first = next((n for n, part in enumerate(parts) if {*part} & {*WILDCARDS}), None)
    if first is None:
        return {}
    if "pattern" in given:
        raise ValueError(f"no wildcards in 'path' where there is a 'pattern', got '{path}'")
    return {"path": "/".join(parts[:first]) or ".", "pattern": "/".join(parts[first:])}


def file_name(source: Source) -> str:
    """The name of the file of a source, for messages: a part that was read before may know another
    name of it.
    """
    return source.path.rpartition("/")[2]


def _restored(kind: Any, values: dict[str, Any], address: str) -> Source:
    """An entry whose kind may be a file beside the catalog, which travels along."""
    source: Source = kind.options.model_construct(**values)
    source._kind, source._address = kind, address
    return source
