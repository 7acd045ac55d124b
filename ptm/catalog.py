"""The catalog: a TOML file that names sources, read into frozen, validated values.

One table of the file is one source: `kind` picks the spec class, every other entry is an option.
"""

from __future__ import annotations

import difflib
import math
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from ptm.analyses import ANALYSES
from ptm.errors import CatalogError
from ptm.hints import catalogs, listed
from ptm.names import NAME
from ptm.spans import seconds_of

Measure = Literal["continuous", "ordinal", "categorical"]
MOST_CLASSES = 100_000  # one-hot rows longer than that are a slip of the pen
ABOUT = "catalog"  # the table that is no source
SHOWN = 12  # sources in a repr
GIB = 1 << 30
MOST_EXACT = 1 << 53  # up to here every integer is a float64
LARGEST = 1 << 1023
MOST_COLUMNS = 10_000
LIMITS = frozenset({"max_bytes", "max_columns", "timeout"})  # they decide whether, not what is made
LETTERS = 80  # of a value in a message


def _single_ascii(delimiter: str) -> str:
    if len(delimiter) != 1 or not delimiter.isascii() or delimiter in '\r\n"\0':
        raise ValueError(f"one ASCII character that is no quote or line end, got '{delimiter}'")
    return delimiter


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


def _exact(value: object) -> object:
    """An integer becomes float64 without a word only where that holds it."""
    if (
        isinstance(value, int)
        and abs(value) > MOST_EXACT
        and (abs(value) > LARGEST or int(float(value)) != value)
    ):
        raise ValueError(f"a number that float64 can hold, got {_short(value)}")
    return value


Number = Annotated[float, BeforeValidator(_exact), Field(allow_inf_nan=False)]
Span = Annotated[float, BeforeValidator(seconds_of)]
Delimiter = Annotated[str, AfterValidator(_single_ascii)]
InsidePath = Annotated[str, AfterValidator(_inside)]
Pattern = Annotated[str, AfterValidator(_pattern)]


class Source(BaseModel):
    """One entry of the catalog: a name, a kind, a place below the data root, options.

    Attributes:
        name: of the source, and of its artifact.
        root: the data root that `path` is relative to. Not an option: it decides no content.
        kind: which room of `ptm/kinds/` reads it.
        path: file or folder below the data root, with forward slashes.
        timeout: seconds that a run may take to make it, or "90s", "10m", "2h"; then it is ended.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    room: ClassVar[str]

    name: str = Field(pattern=NAME)
    root: Path
    kind: str
    path: InsidePath = Field(min_length=1)
    timeout: Span | None = None

    def options(self) -> dict[str, Any]:
        """The JSON values that decide the content: not kind, name, root and path, nor limits."""
        return self.model_dump(mode="json", exclude={"kind", "name", "root", "path", *LIMITS})


class ImagesSource(Source):
    """Photos of one size: a file, or a folder of them in the order of their names.

    Attributes:
        pattern: of the files in the folder; upper and lower case are the same.
        standardize: whether each channel is scaled to mean 0, standard deviation 1.
        on_damage: what becomes of a picture whose decoder had to invent a part of it: "fail" it,
            or "note" it as a warning.
        max_bytes: of one decoded picture.
    """

    room = "ptm.kinds.images"
    kind: Literal["images"]
    pattern: Pattern = "*"
    standardize: bool = False
    on_damage: Literal["fail", "note"] = "fail"
    max_bytes: int = Field(default=GIB // 2, ge=1)


class VolumeSource(Source):
    """A folder of DICOM slices of one series.

    Attributes:
        pattern: of the files in the folder; upper and lower case are the same.
        series: the SeriesInstanceUID to take where there are several.
        padding: the value, in the unit of the volume, of pixels that are padding and no image;
            as they are in the file without it.
        max_bytes: of one decoded slice.
    """

    room = "ptm.kinds.volumes"
    kind: Literal["volume"]
    pattern: Pattern = "*.dcm"
    series: str | None = None
    padding: Number | None = None
    max_bytes: int = Field(default=GIB // 2, ge=1)


class TableSource(Source):
    """A delimited file with a header, or rows that stand in the catalog itself.

    Attributes:
        columns: the columns to use, in this order; all of the file's where empty.
        rows: the rows themselves, instead of a path.
        target: the column to predict, kept out of the features.
        classes: number of classes of the target; it becomes int64 and one-hot. Without it, float32.
        standardize: whether continuous features are scaled to mean 0, standard deviation 1.
        measures: a word on each column that is not continuous. Ordinal columns are kept as they
            are, categorical ones become one 0/1 feature for each category.
        units: the unit of each column that has one.
        header: whether the first line names the columns. Without a word it does, and one of
            numbers only is refused; where it is false, the columns are c0, c1, …
        precision: "float32" rounds the numbers before they are scaled, as the book does; without
            it they are scaled as the file has them, and rounded once.
        max_columns, max_bytes: of one encoding: of a categorical column, of the target.
    """

    room = "ptm.kinds.tables"
    kind: Literal["table"]
    path: InsidePath = ""
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[Number, ...], ...] = ()
    delimiter: Delimiter = ","
    encoding: str = "utf-8"
    target: str | None = None
    classes: int | None = Field(default=None, ge=2, le=MOST_CLASSES)
    standardize: bool = True
    measures: dict[str, Measure] = Field(default_factory=dict)
    units: dict[str, str] = Field(default_factory=dict)
    header: bool | None = None
    precision: Literal["float32"] | None = None
    max_columns: int = Field(default=MOST_COLUMNS, ge=1)
    max_bytes: int = Field(default=GIB, ge=1)

    @model_validator(mode="after")
    def _has_rows(self) -> TableSource:
        if bool(self.path) == bool(self.rows):
            raise ValueError("either 'path' or 'rows', not both and not neither")
        if self.rows and self.header is not None:
            raise ValueError("'header' with a 'path', not with 'rows'")
        if self.rows and not self.columns:
            raise ValueError("'columns' to name the values in 'rows'")
        if len(set(self.columns)) < len(self.columns):
            raise ValueError("each column once in 'columns'")
        for number, row in enumerate(self.rows, start=1):
            if len(row) != len(self.columns):
                raise ValueError(f"row {number} to have {len(self.columns)} values, got {len(row)}")
        if self.classes and not self.target:
            raise ValueError("a 'target' where there are 'classes'")
        if self.columns:
            named = {*self.measures, *self.units, *([self.target] if self.target else [])}
            for name in sorted(named - set(self.columns)):
                raise ValueError(f"'{name}' to be one of the columns {', '.join(self.columns)}")
        return self


class TimeSeriesSource(Source):
    """Hourly rows of a delimited file, made into whole days of 24 hours.

    Attributes:
        date, hour: the columns with the ISO date and the hour from 0 to 23.
        onehot: for each column of codes 1..k, the number k; k channels are added to `daily`.
        scale: for each column to rescale in `daily`: "standard" (mean 0, standard deviation 1),
            "minmax" (0 to 1), or the values [low, high] that become 0 and 1.
        zero: columns that are 0 in an hour that is missing; the others are carried over.
        units: the unit of each column that has one.
        gaps: "join" leaves out whole days that are missing, and joins the hours before and after;
            without it such a gap is refused.
        header: whether the first line names the columns, see a table.
        max_columns, max_bytes: of one encoding.
    """

    room = "ptm.kinds.timeseries"
    kind: Literal["timeseries"]
    delimiter: Delimiter = ","
    encoding: str = "utf-8"
    date: str = "date"
    hour: str = "hour"
    onehot: dict[str, Annotated[int, Field(ge=2, le=MOST_CLASSES)]] = Field(default_factory=dict)
    scale: dict[str, Literal["standard", "minmax"] | tuple[Number, Number]] = Field(
        default_factory=dict
    )
    zero: tuple[str, ...] = ()
    units: dict[str, str] = Field(default_factory=dict)
    gaps: Literal["join"] | None = None
    header: bool | None = None
    max_columns: int = Field(default=MOST_COLUMNS, ge=1)
    max_bytes: int = Field(default=GIB, ge=1)

    @model_validator(mode="after")
    def _date_is_not_hour(self) -> TimeSeriesSource:
        if self.date == self.hour:
            raise ValueError(f"'date' and 'hour' to be two columns, got '{self.date}' for both")
        return self

    @field_validator("scale")
    @classmethod
    def _ranges_are_not_empty(cls, scale: dict[str, Any]) -> dict[str, Any]:
        for column, how in scale.items():
            if not isinstance(how, str) and not (
                math.isfinite(how[1] - how[0]) and how[0] < how[1]
            ):
                raise ValueError(f"[low, high] with low < high for '{column}', got {list(how)}")
        return scale


class TextSource(Source):
    """A text file: characters and words as numbers.

    Attributes:
        encoding: of the file, as Python names it.
        line: the one, from 0, that is also one-hot encoded.
        punctuation: what is stripped from both ends of a word.
        normalize: the Unicode form to bring the text into, so that a letter with an accent is the
            same however it is written; as it is in the file without it.
        max_bytes: of the one-hot encoding of the line.
    """

    room = "ptm.kinds.text"
    kind: Literal["text"]
    encoding: str = "utf-8"
    line: int | None = Field(default=None, ge=0)
    punctuation: str = '.,;:"!?”“_-'
    normalize: Literal["NFC", "NFD", "NFKC", "NFKD"] | None = None
    max_bytes: int = Field(default=GIB, ge=1)


SPECS: tuple[type[Source], ...] = (
    ImagesSource,
    VolumeSource,
    TableSource,
    TimeSeriesSource,
    TextSource,
)
KINDS = {spec.model_fields["kind"].annotation.__args__[0]: spec for spec in SPECS}  # type: ignore[union-attr]


class _About(BaseModel):
    """What a catalog says of itself, in its table `[catalog]`."""

    model_config = ConfigDict(extra="forbid", strict=True)
    name: str | None = Field(default=None, pattern=NAME)


class Catalog(Mapping[str, Source]):
    """The sources of one catalog by name, in the order of the file.

    Attributes:
        name: of the whole, for the names of runs: what its table `[catalog]` says, else the file's.
    """

    def __init__(self, sources: Mapping[str, Source], name: str = "catalog") -> None:
        self._sources = dict(sources)
        self.name = name

    def __getitem__(self, name: str) -> Source:
        if name not in self._sources:
            known = listed(name, list(self._sources))
            raise CatalogError(
                f"no source '{name}' in the catalog{_hint(name, self._sources)}: {known}"
            )
        return self._sources[name]

    def get(self, name: str, default: Any = None) -> Any:
        """The source of that name, or `default`."""
        return self._sources.get(name, default)

    def __contains__(self, name: object) -> bool:
        return name in self._sources

    def __iter__(self) -> Iterator[str]:
        return iter(self._sources)

    def __len__(self) -> int:
        return len(self._sources)

    def __repr__(self) -> str:
        names, more = list(self._sources), len(self._sources) - SHOWN
        shown = names[:SHOWN] + ([f"… and {more} more"] if more > 0 else [])
        return f"<Catalog {self.name}: {', '.join(shown)}>"


def load_catalog(catalog: str | Path, data: str | Path = "data") -> Catalog:
    """Reads a catalog; no data file is opened.

    Args:
        catalog: the TOML file.
        data: the data root that the paths in it are relative to.

    Raises:
        CatalogError: the file is missing or not TOML, or an entry is not a valid source. All that
            is wrong is listed, each with the entry and the option it stands in.
    """
    catalog = Path(catalog)
    try:
        entries = tomllib.loads(catalog.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        there = catalogs(catalog) if isinstance(error, OSError) else ""
        raise CatalogError(f"{catalog}: expected a catalog, got: {reason}{there}") from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        got = "lists in lists, too deep" if isinstance(error, RecursionError) else error
        raise CatalogError(f"{catalog}: expected TOML, got: {got}") from error
    sources, problems = {}, []
    try:
        title = _About.model_validate(entries.pop(ABOUT, {})).name or catalog.stem
    except ValidationError:
        title = ""
        problems.append(f"[{ABOUT}]: expected a table with a 'name' of a-z, 0-9, '_' and '-'")
    for name, entry in entries.items():
        try:
            sources[name] = _source(name, entry, Path(data))
        except CatalogError as error:
            problems.append(str(error))
    if not entries:
        problems.append("expected at least one source, got an empty file")
    if problems:
        raise CatalogError(f"{catalog}:\n  " + "\n  ".join(problems))
    return Catalog(sources, title)


def _source(name: str, entry: object, root: Path) -> Source:
    if not isinstance(entry, dict):
        raise CatalogError(f"[{name}]: expected a table with 'kind' and 'path', got {entry!r}")
    kind = entry.get("kind")
    if "kind" not in entry:
        slip = difflib.get_close_matches("kind", list(entry), n=1)
        got = f"'{slip[0]}' (did you mean 'kind'?)" if slip else None
        raise CatalogError(f"[{name}] kind: expected one of {', '.join(KINDS)}, got {got}")
    if not isinstance(kind, str) or kind not in KINDS:
        raise CatalogError(
            f"[{name}] kind: expected one of {', '.join(KINDS)}, got {kind!r}"
            f"{_hint(str(kind), KINDS)}"
        )
    if name in ANALYSES:
        raise CatalogError(f"[{name}]: expected another name, got that of an analysis")
    for reserved in {"name", "root"} & entry.keys():
        raise CatalogError(f"[{name}] {reserved}: unknown option")
    try:
        return KINDS[kind](name=name, root=root, **_tuples(entry))
    except ValidationError as error:
        spec = KINDS[kind]
        raise CatalogError("\n  ".join(_explain(name, spec, e) for e in error.errors())) from error


def _tuples(value: Any) -> Any:
    """TOML arrays as tuples: the specs are frozen."""
    if isinstance(value, dict):
        return {key: _tuples(entry) for key, entry in value.items()}
    return tuple(_tuples(entry) for entry in value) if isinstance(value, list) else value


def _explain(name: str, spec: type[Source], problem: Any) -> str:
    option = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        last = ["timeout"]  # of every kind
        known = [field for field in spec.model_fields if field not in ("name", "root", *last)]
        known += last
        return f"[{name}] {option}: unknown option{_hint(option, known)}; known: {', '.join(known)}"
    if problem["type"] == "missing":
        return f"[{name}] {option}: expected this option, got nothing"
    if problem["type"] == "value_error":
        return f"[{name}] {option + ': ' if option else ''}expected {problem['ctx']['error']}"
    if option == "name":
        return f"[{name}]: expected a name of a-z, 0-9, '_' and '-', 100 at most, got {name!r}"
    message = problem["msg"].removeprefix("Input should be ")
    return f"[{name}] {option}: expected {message}, got {_short(problem['input'])}"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= LETTERS else f"{text[:LETTERS]} …"


def _hint(word: str, known: Any) -> str:
    close = difflib.get_close_matches(word, list(known), n=1)
    return f" (did you mean '{close[0]}'?)" if close else ""
