"""The catalog: a TOML file that names entries, read into frozen, validated values.

One table of the file is one entry: `kind` says which module reads it, or analyses what it is `of`;
all else is an option. So the catalog is a graph, and is iterated in its order: what an entry is of
comes before it.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import to_json

from ptm.command import DATA
from ptm.demands import short
from ptm.errors import CatalogError
from ptm.hints import catalogs, listed
from ptm.names import NAME, is_name
from ptm.registry import KINDS, Kind, kind_named, kind_of
from ptm.source import (
    BAD,
    CHECKS,
    SPLIT,
    STORED,
    Source,
    below_folders,
    inheriting,
    without_wildcards,
)

ABOUT = "catalog"  # the table that is no entry
SHOWN = 12  # entries in a repr
EVERY = (
    "timeout",
    *STORED,
    *SPLIT,
    *BAD,
    *CHECKS,
    "learn_from",
)  # options of every entry, but for its path
SAMPLES = frozenset(SPLIT) - {"seed", "statistics"}  # of entries whose rows are samples
TYPES = {"str", "bool", "int", "float"}
TABLES = ("dict_type", "model_type")
PLAIN = {  # what pydantic says, in words of a catalog
    **dict.fromkeys(TABLES, "a table"),
    **dict.fromkeys(("list_type", "tuple_type", "set_type", "frozen_set_type"), "a list"),
    **{"string_type": "a text", "bool_type": "true or false", "float_type": "a number"},
    **dict.fromkeys(("int_type", "int_from_float"), "a whole number"),
    "finite_number": "a finite number",
    **{"less_than_equal": "at most {le}", "greater_than_equal": "at least {ge}"},
    **{"less_than": "less than {lt}", "greater_than": "more than {gt}"},
}


class About(BaseModel):
    """What a catalog says of itself, in its table `[catalog]`.

    Attributes:
        name: of the catalog, in the names of runs; without it that of the file.
        data: the data root where none is given; relative to the file.
        kinds: Python files with kinds of one's own, by name; their paths are relative to the file.
    """

    model_config = ConfigDict(extra="forbid", strict=True)
    name: str | None = Field(default=None, pattern=NAME)
    data: str | None = Field(default=None, min_length=1)
    kinds: dict[str, str] = Field(default_factory=dict)


class Catalog(Mapping[str, Source]):
    """The entries of one catalog by name: in the order of the file, but what one is of before it.

    Attributes:
        name: of the whole, for the names of runs: what its table `[catalog]` says, else the file's.
        data: the data root, which the paths in it are relative to.
    """

    def __init__(
        self, sources: Mapping[str, Source], name: str = "catalog", data: Path = DATA
    ) -> None:
        self._sources = {name: sources[name] for name in _in_order(sources)}
        self.name, self.data = name, data

    def needed(self, names: Iterable[str]) -> list[Source]:
        """Entries and all that they are of, whatever its depth, each once, in order.

        Raises:
            CatalogError: one of the names is not in the catalog.
        """
        waiting, wanted = list(names), set[str]()
        while waiting:
            name = waiting.pop()
            if name not in wanted:
                wanted.add(name)
                waiting += self[name].upstream
        return [source for source in self.values() if source.name in wanted]

    def __getitem__(self, name: str) -> Source:
        if name not in self._sources:
            known = listed(name, list(self._sources))
            raise CatalogError(
                f"no source '{name}' in the catalog{_hint(name, self._sources)}: {known}"
            )
        return self._sources[name]

    def get(self, name: str, default: Any = None) -> Any:
        """The entry of that name, or `default`."""
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


def load_catalog(
    catalog: str | Path,
    data: str | Path | None = None,
    databases: Mapping[str, str] | None = None,
) -> Catalog:
    """Reads a catalog; no data file is opened.

    Args:
        catalog: the TOML file.
        data: the data root that the paths in it are relative to; where it is left out, what the
            catalog says in `[catalog]`, relative to its file, else "data".
        databases: the addresses of the databases that entries name, as SQLAlchemy writes them:
            `os.environ`, or a mapping of one's own. They stand in no manifest and no log.

    Raises:
        CatalogError: the file is missing or not TOML, or an entry is not a valid source. All that
            is wrong is listed, each with the entry and the option it stands in.
    """
    catalog = Path(catalog)
    entries = _tables(catalog)
    problems: list[str] = []
    about = _about(entries.pop(ABOUT, {}), problems)
    root = _root(about, catalog, data)
    files = {name: catalog.parent / path for name, path in about.kinds.items()}
    problems += _wrong_files(files, entries)
    known = set(entries)
    sources, kinds = {}, dict[str, Kind]()
    for name, entry in entries.items():
        try:
            kind = _kind(name, entry, files, kinds)
            sources[name] = source = _source(name, inheriting(entry, entries), root, kind)
            source._address = (databases or {}).get(getattr(source, "database", ""), "")
        except CatalogError as error:
            problems.append(str(error))
    problems += _wrong_edges(sources, known)
    problems += _not_as_taught(sources, entries)
    if not entries:
        problems.append("expected at least one source, got an empty file")
    if problems:
        raise CatalogError(f"{catalog}:\n  " + "\n  ".join(problems))
    return Catalog(sources, about.name or catalog.stem, root)


def catalog_name(catalog: Path) -> str:
    """The name of a catalog, whatever its entries are; of one that cannot be read of its file."""
    try:
        return _about(_tables(catalog).get(ABOUT, {}), []).name or catalog.stem
    except CatalogError:
        return catalog.stem if is_name(catalog.stem) else "catalog"


def data_root(catalog: Path, data: Path | None = None) -> Path:
    """The data root of a catalog, see `load_catalog`; of one that cannot be read "data"."""
    if data is not None:
        return data
    try:
        return _root(_about(_tables(catalog).get(ABOUT, {}), []), catalog)
    except CatalogError:
        return DATA


def entry_names(catalog: Path) -> list[str]:
    """The names of the entries of a catalog, as they stand in it; none is looked at, nor run.

    Raises:
        CatalogError: the file is missing or not TOML.
    """
    return [name for name in _tables(catalog) if name != ABOUT]


def with_options(source: Source, options: Mapping[str, Any]) -> Source:
    """The same entry with other options.

    Args:
        source: an entry of a catalog.
        options: those that are to be others, as a catalog has them.

    Raises:
        CatalogError: one of them is not valid; all that is wrong is told.
    """
    entry = source.model_dump(exclude={"name", "root"}, exclude_unset=True)
    found = _source(source.name, {**entry, **options}, source.root, kind_of(source))
    found._address = source._address
    return found


def _tables(catalog: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(catalog.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        there = catalogs(catalog) if isinstance(error, OSError) else ""
        raise CatalogError(f"{catalog}: expected a catalog, got: {reason}{there}") from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        got = "lists in lists, too deep" if isinstance(error, RecursionError) else error
        raise CatalogError(f"{catalog}: expected TOML, got: {got}") from error


def _root(about: About, catalog: Path, data: str | Path | None = None) -> Path:
    if data is not None:
        return Path(data)
    return DATA if about.data is None else catalog.parent / about.data


def _about(table: object, problems: list[str]) -> About:
    try:
        return About.model_validate(table)
    except ValidationError:
        problems.append(
            f"[{ABOUT}]: expected a table with a 'name' of a-z, 0-9, '_' and '-', and perhaps "
            "'data', the data root, and 'kinds', Python files by the names of the kinds in them"
        )
        return About()


def _wrong_files(files: Mapping[str, Path], entries: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with the files of kinds of one's own; of one that is used its entries tell."""
    used = [entry.get("kind") for entry in entries.values() if isinstance(entry, dict)]
    for name, file in files.items():
        if name in KINDS:
            yield f"[{ABOUT}] kinds.{name}: expected another name, got that of a kind of ptm"
        elif name not in used and not file.is_file():
            yield f"[{ABOUT}] kinds.{name}: expected a Python file, got none ({file})"


def _in_order(sources: Mapping[str, Source]) -> list[str]:
    """The names in their order, but each behind those that it is of.

    Raises:
        CatalogError: some wait for each other.
    """
    done: dict[str, None] = {}
    for name in sources:
        above = [name]  # no recursion: entries may stand deeper than Python's stack
        while above:
            of = sources[above[-1]].upstream
            waits = (one for one in of if one in sources and one not in done)
            if (other := next(waits, None)) is None:
                done[above.pop()] = None
            elif other in above:
                raise CatalogError(" -> ".join((*above[above.index(other) :], other)))
            else:
                above.append(other)
    return list(done)


def _wrong_edges(sources: Mapping[str, Source], known: Collection[str]) -> Iterator[str]:
    """What is wrong with what entries are of, or learn from."""
    for source in sources.values():
        yield from _wrong_teacher(source, sources, known)
        for name in dict.fromkeys(source.of):
            if name not in known:
                yield (
                    f"[{source.name}] of: expected an entry of this catalog, got '{name}'"
                    f"{_hint(name, known)}"
                )
            if source.of.count(name) > 1:
                yield f"[{source.name}] of: expected each name once, got '{name}' more often"
    try:
        _in_order(sources)
    except CatalogError as error:
        first = str(error).partition(" ")[0]
        option = "of" if sources[first].of else "learn_from"
        yield f"[{first}] {option}: expected entries that do not wait for each other, got {error}"


def _wrong_teacher(
    source: Source, sources: Mapping[str, Source], known: Collection[str]
) -> Iterator[str]:
    """What is wrong with the entry that one learns from."""
    name = source.learn_from
    if name is None:
        return
    told = f"[{source.name}] learn_from: expected "
    if name not in known:
        yield f"{told}an entry of this catalog, got '{name}'{_hint(name, known)}"
    elif name in sources and sources[name].kind != source.kind:
        yield f"{told}an entry of the kind '{source.kind}', got the {sources[name].kind} '{name}'"
    elif name in sources and sources[name].learn_from and name != source.name:
        yield f"{told}one that learns of its own samples, got '{name}', which does not"


def _not_as_taught(sources: Mapping[str, Source], entries: Mapping[str, Any]) -> Iterator[str]:
    """Where an entry says other than the one that it learns from, of what is learned."""
    for source in sources.values():
        other = entries.get(source.learn_from or "")
        if not isinstance(other, dict) or other is entries[source.name]:
            continue
        for option, value in entries[source.name].items():
            if option in source.learns and value != other.get(option):
                said = short(other[option]) if option in other else "nothing"
                yield (
                    f"[{source.name}] {option}: expected what [{source.learn_from}] says, which it "
                    f"learns from ({said}), got {short(value)}"
                )


def _kind(name: str, entry: object, files: Mapping[str, Path], known: dict[str, Kind]) -> Kind:
    if not isinstance(entry, dict):
        raise CatalogError(f"[{name}]: expected a table with a 'kind', got {entry!r}")
    kind = entry.get("kind")
    slip = difflib.get_close_matches("kind", list(entry), n=1) if "kind" not in entry else []
    try:
        if slip or not isinstance(kind, str):
            got = f"'{slip[0]}' (did you mean 'kind'?)" if slip else kind
            raise CatalogError(f"expected one of {', '.join([*KINDS, *files])}, got {got}")
        if kind not in known:
            known[kind] = kind_named(kind, files)
        known[kind].options  # noqa: B018 - what is wrong with its code is told here
    except CatalogError as error:
        raise CatalogError(f"[{name}] kind: {error}") from error
    return known[kind]


def _source(name: str, entry: dict[str, Any], root: Path, kind: Kind) -> Source:
    spec = kind.options
    told = [_unknown(name, option, kind) for option in sorted(hidden(kind) & entry.keys())]
    needs_path = spec.needs_path and not entry.get("sql")
    needed = "of" if kind.analyzes else "path" if needs_path else ""
    if needed and not entry.get(needed):
        what = "the entries whose artifacts it reads" if needed == "of" else "a file or folder"
        got = short(entry[needed]) if needed in entry else "nothing"
        told.append(f"[{name}] {needed}: expected this option ({what}), got {got}")
    given = {option: value for option, value in entry.items() if option not in hidden(kind)}
    try:
        given |= without_wildcards(given, spec)
    except ValueError as error:
        told.append(f"[{name}] path: expected {error}")
    try:
        # as JSON, where an array is what the option says: a tuple, a list, a set
        values = to_json({**below_folders(given, spec), **given, "name": name, "root": ""})
        source = spec.model_validate_json(values).model_copy(update={"root": root})
    except ValidationError as error:
        told += [_explain(name, kind, problem) for problem in _each_once(error.errors())]
    if told:
        raise CatalogError("\n  ".join(told))
    source._kind = kind
    return source


def hidden(kind: Kind) -> set[str]:
    """What is a field of the options of a kind, and no option that its entries may say."""
    learns = kind.options.learns
    left_out = ("path", *STORED) if kind.analyzes else ("of",)
    return {"name", "root", *left_out, *(() if learns else ("learn_from",))}


def options_of(kind: Kind) -> list[str]:
    """The options that entries of a kind may say: its own, then those of every entry."""
    left_out = hidden(kind)
    if kind.analyzes or not kind.options.sets_aside:
        left_out |= {*BAD}
    if not kind.options.samples:
        left_out |= {*SAMPLES}
    last = [option for option in EVERY if option not in left_out]
    return [name for name in kind.options.model_fields if name not in {*left_out, *last}] + last


def _unknown(name: str, option: str, kind: Kind) -> str:
    return _unknown_among(name, option, option, options_of(kind))


def _unknown_among(name: str, option: str, word: str, known: list[str]) -> str:
    return f"[{name}] {option}: unknown option{_hint(word, known)}; known: {', '.join(known)}"


def _each_once(problems: Sequence[Any]) -> list[Any]:
    """What is wrong, each option once: of one that may be of several types each type is wrong."""
    found: dict[Any, list[Any]] = {}
    for problem in problems:
        *place, last = problem["loc"] or ("",)
        is_type = problem["type"] in PLAIN and last in TYPES
        found.setdefault((*place, *([] if is_type else [last])), []).append(problem)
    return [
        one if not others else {**one, "loc": place, "type": "", "msg": _either([one, *others])}
        for place, (one, *others) in found.items()
    ]


def _either(problems: Sequence[Any]) -> str:
    """What is expected where one of several types is."""
    words = list(dict.fromkeys(_plain(problem) for problem in problems))
    return f"{', '.join(words[:-1])} or {words[-1]}" if words[1:] else words[0]


def _plain(problem: Any) -> str:
    """What an option should be, in words of a catalog."""
    message: str = problem["msg"].removeprefix("Input should be ")
    return PLAIN.get(problem["type"], "{}").format(message, **problem.get("ctx", {}))


def _model_at(model: type[BaseModel], place: Sequence[str | int]) -> type[BaseModel] | None:
    """The model of the table at a place in the options, or of the tables in it; None of others."""
    names = iter(place)
    for name in names:
        if name not in model.model_fields:
            return None
        kinds = [model.model_fields[str(name)].annotation]
        while kinds and not _is_model(kinds[-1]):
            kind = kinds.pop()
            if get_origin(kind) is dict and next(names, None) is None:  # a table of any names
                return None
            kinds += get_args(kind)
        if not kinds:
            return None
        model = kinds[-1]  # type: ignore[assignment]
    return model


def _is_model(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _explain(name: str, kind: Kind, problem: Any) -> str:
    place = problem["loc"]
    option = ".".join(str(part) for part in place)
    if problem["type"] == "extra_forbidden":
        inside = _model_at(kind.options, place[:-1]) if place[1:] else None
        if inside is None:
            return _unknown(name, option, kind)
        return _unknown_among(name, option, str(place[-1]), list(inside.model_fields))
    if problem["type"] == "missing":
        return f"[{name}] {option}: expected this option, got nothing"
    if problem["type"] == "value_error":
        return f"[{name}] {option + ': ' if option else ''}expected {problem['ctx']['error']}"
    if option == "name":
        return f"[{name}]: expected a name of a-z, 0-9, '_' and '-', 100 at most, got {name!r}"
    expected, model = _plain(problem), _model_at(kind.options, place)
    if model and problem["type"] in TABLES:
        expected = f"a table with any of {', '.join(model.model_fields)}"
    return f"[{name}] {option}: expected {expected}, got {short(problem['input'])}"


def _hint(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(known), n=1)
    return f" (did you mean '{close[0]}'?)" if close else ""
