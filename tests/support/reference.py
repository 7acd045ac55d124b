"""Makes docs/catalog.md, the reference of the catalog, and docs/catalog.schema.json.

    python -m tests.support.reference

What an option means, its docstring says (`Attributes:` of the Options, or of the table in them);
an example of each stands in `option_examples.py` beside this file. What lacks one is named.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ptm.catalog import ABOUT, EVERY
from ptm.registry import KINDS
from ptm.schema import schema, schema_text
from tests.support import option_examples as examples

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE, SCHEMA = DOCS / "catalog.md", DOCS / "catalog.schema.json"
NAMED = ".NAME"  # in place of what a user calls something
HEAD = "| option | may be | without it | meaning | example |\n|---|---|---|---|---|"
PLURALS = {"a text": "texts", "a number": "numbers", "a whole number": "whole numbers"}
PLURALS |= {"a table": "tables"}
TYPES = {"string": "a text", "number": "a number", "integer": "a whole number"}
TYPES |= {"boolean": "true or false"}
INTRO = """\
# The catalog

<!-- Made by `make docs` from the options of the kinds; edit their docstrings, not this page. -->

A catalog is a TOML file. Each of its tables is an entry: its name, the `kind` that reads it, and
options. This page has every option, with one example of each. The table `[catalog]` is about the
catalog itself.

[catalog.schema.json](catalog.schema.json), which `ptm schema` prints, tells editors the same. Those
that know TOML by taplo (as Even Better TOML) complete, explain and check a catalog whose first line
is `#:schema ./.catalog.schema.json`, with that file beside it. `ptm init` writes both.
"""
OF_EVERY = "What a kind does not know, its section says. Kinds of one's own know all of them."

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Option:
    """A row of the reference.

    Attributes:
        name: with dots, where it is in the table of another.
        may_be: its type, in words of a catalog.
        usual: what it is where it is left out, as TOML; "" for nothing.
        means: what its docstring says.
        example: a line of TOML, and perhaps lines that it needs beside it.
    """

    name: str
    may_be: str
    usual: str
    means: str
    example: str

    def row(self) -> str:
        """As a row of a table in Markdown."""
        line, *beside = self.example.split("\n")
        shown = f"`{line}`" + (f" with {' and '.join(f'`{one}`' for one in beside)}" * bool(beside))
        cells = f"`{self.name}`", self.may_be, f"`{self.usual}`" if self.usual else "–"
        return (
            "| " + " | ".join(one.replace("|", "\\|") for one in (*cells, self.means, shown)) + " |"
        )


def page() -> str:
    """The reference.

    Raises:
        SystemExit: an option has no line in a docstring, or no example; all of them are named.
    """
    sections = [*_sections(schema())]
    lacking = [told for section in sections for told in section.lacks()]
    if lacking:
        sys.exit("The reference of the catalog lacks:\n  " + "\n  ".join(lacking))
    kinds = ", ".join(f"[{kind}](#{kind})" for kind in KINDS)
    return "\n".join([INTRO, f"Kinds: {kinds}.\n", *(section.text() for section in sections)])


@dataclass(frozen=True)
class Section:
    """A table of the catalog: what it is, and its options."""

    title: str
    intro: str
    options: tuple[Option, ...]

    def text(self) -> str:
        """As Markdown."""
        rows = [HEAD, *(option.row() for option in self.options)] if self.options else []
        return "\n".join((f"## {self.title}\n", f"{self.intro}\n", *rows, ""))

    def lacks(self) -> Iterator[str]:
        """What is not explained, or has no example."""
        file = Path(examples.__file__).name
        for option in self.options:
            if not option.means:
                yield f"{self.title}: no line of '{option.name}' below `Attributes:` in a docstring"
            if not option.example:
                yield f"{self.title}: no example of '{option.name}' in {file}"


def _sections(whole: Json) -> Iterator[Section]:
    every, about = whole["$defs"]["every"]["properties"], whole["properties"][ABOUT]
    options = _options(about["properties"], whole, examples.ABOUT)
    yield Section(f"[{ABOUT}]", about["description"], (*options,))
    yield Section("Every entry", OF_EVERY, (*_options(every, whole, examples.EVERY),))
    for kind in KINDS:
        found = whole["$defs"][kind]
        own = {
            name: one
            for name, one in found["properties"].items()
            if name not in every or _differs(name, one)
        }
        options = _options(own, whole, examples.OF_KINDS.get(kind, {}))
        yield Section(kind, _intro_of(found), (*options,))


def _differs(name: str, one: Json) -> bool:
    """Whether an option of every entry is another one for a kind."""
    return name not in ("kind", "on_bad") and "$ref" not in one and "minLength" not in one


def _intro_of(found: Json) -> str:
    """What a kind reads, and which options of every entry it does not know."""
    unknown = [n for n in ("of", "path", *EVERY) if n not in found["properties"]]
    if found["properties"]["on_bad"].get("const"):
        unknown.append("on_bad")
    needed = [name for name in found["required"] if name != "kind"]
    told = [found["description"]]
    told += [f"It needs {_or([f'`{one}`' for one in needed], 'and')}."] if needed else []
    told += [f"It does not know {_or([f'`{one}`' for one in unknown], 'and')}."] if unknown else []
    return " ".join(told)


def _options(
    found: Json, whole: Json, shown: Mapping[str, str], before: str = ""
) -> Iterator[Option]:
    """The options of a table, and those of the tables in it."""
    for name, one in found.items():
        one = _resolved(one, whole)
        place = f"{before}{name}"
        means = _sentence(one.get("description", ""))
        usual = toml(one["default"]) if "default" in one else ""
        usual = "" if usual.startswith("[{") else usual  # tables: the docstring tells them
        yield Option(place, words(one, whole), usual, means, shown.get(place, ""))
        for mark, inside in _tables(one, whole):
            yield from _options(inside["properties"], whole, shown, f"{place}{mark}.")


def _resolved(one: Json, whole: Json) -> dict[str, Any]:
    """What an option is, where it only refers to that."""
    *_, last = place = one.get("$ref", "").split("/")
    if not last:
        return dict(one)
    found: Any = whole
    for name in place[1:]:
        found = found[name]
    return {**found, **{name: value for name, value in one.items() if name != "$ref"}}


def _tables(one: Json, whole: Json) -> Iterator[tuple[str, Json]]:
    """The tables with options of their own that an option may be, and how they are reached."""
    for choice in one.get("anyOf", [one]):
        marks = (
            ("", choice),
            (NAMED, choice.get("additionalProperties")),
            ("[]", choice.get("items")),
        )
        for mark, inside in marks:
            for each in inside.get("anyOf", [inside]) if isinstance(inside, dict) else ():
                found = _resolved(each, whole)
                if _is_model(found):
                    yield mark, found


def _is_model(one: Json) -> bool:
    """Whether it is a table whose options are explained."""
    return any("description" in each for each in one.get("properties", {}).values())


def words(one: Json, whole: Json) -> str:
    """What an option may be, in words of a catalog."""
    one = _resolved(one, whole)
    if "anyOf" in one:
        return _or([words(each, whole) for each in one["anyOf"]])
    if "const" in one or "enum" in one:
        return _or([f"`{toml(each)}`" for each in one.get("enum", [one.get("const")])])
    if one["type"] == "array":
        return _list(one, whole)
    if one["type"] == "object":
        return _table(one, whole)
    return f"{TYPES[one['type']]}{_bounds(one)}"


def _list(one: Json, whole: Json) -> str:
    inside = words(one["items"], whole)
    several = PLURALS.get(inside)
    if one.get("minItems") and one["minItems"] == one.get("maxItems"):
        return f"a list of {one['minItems']} {several}"
    return f"a list of {several}" if several else f"a list, each {inside}"


def _table(one: Json, whole: Json) -> str:
    if _is_model(one):
        return "a table"
    if "properties" in one:
        told = (f"{name} = {words(each, whole)}" for name, each in one["properties"].items())
        return "{ " + ", ".join(told).replace("`", "") + " }"
    inside = one["additionalProperties"]
    several = PLURALS.get(told := words(inside, whole))
    return f"a table of {several}" if several else f"a table, each value {told}"


def _bounds(one: Json) -> str:
    low, above = one.get("minimum"), one.get("exclusiveMinimum")
    high, below = one.get("maximum"), one.get("exclusiveMaximum")
    if low is not None and high is not None:
        return f" ({toml(low)} to {toml(high)})"
    told = [f"{toml(low)} or more"] if low is not None else []
    told += [f"above {toml(above)}"] if above is not None else []
    told += [f"up to {toml(high)}"] if high is not None else []
    told += [f"below {toml(below)}"] if below is not None else []
    return f" ({', '.join(told)})" if told else ""


def _or(several: list[str], word: str = "or") -> str:
    return f" {word} ".join([", ".join(several[:-1]), several[-1]] if several[1:] else several)


def _sentence(text: str) -> str:
    """A text that begins with a capital, unless it begins with code or a quoted word."""
    return f"{text[:1].upper()}{text[1:]}" if re.match("[a-z]", text) else text


def toml(value: object) -> str:
    """A value as TOML has it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"' if '"' not in value and "\\" not in value else f"'{value}'"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{name} = {toml(one)}" for name, one in value.items()) + " }"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(toml, value)) + "]"
    return f"{value:g}" if isinstance(value, float) else str(value)


def main() -> None:
    """Writes both files."""
    PAGE.write_text(page(), encoding="utf-8")
    SCHEMA.write_text(schema_text(), encoding="utf-8")


if __name__ == "__main__":
    main()
