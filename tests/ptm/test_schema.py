"""The JSON Schema of catalogs: it accepts what load_catalog accepts, and refuses slips of the pen.

The catalogs are those of the tests: every text in them that is TOML with an entry, right or wrong.
"""

from __future__ import annotations

import ast
import json
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic_core import to_json

import ptm
from ptm.errors import CatalogError
from ptm.registry import KINDS
from ptm.schema import FILE, schema, schema_file, schema_line, schema_text
from tests.support.commands import call_ptm
from tests.support.machine import ROOT

COMMITTED = ROOT / "docs" / "catalog.schema.json"
LEAST = 100  # catalogs that the tests have
# what load_catalog says of slips that the schema refuses, too
SLIPS = re.compile(
    r"unknown option|expected (one of|at least \d|at most \d|more than \d|less than \d|a name of"
    r"|this option)|expected (a text|true or false|a list|a whole number|a number|a table), got"
)


@cache
def validator() -> Draft202012Validator:
    Draft202012Validator.check_schema(schema())
    return Draft202012Validator(schema())


def faults(text: str) -> list[str]:
    """What the schema says of a catalog; times are texts, as they are for load_catalog."""
    catalog = json.loads(to_json(tomllib.loads(text)))
    return [f"{error.json_path}: {error.message}" for error in validator().iter_errors(catalog)]


def texts() -> Iterator[str]:
    """All texts of tests and pages that might be catalogs."""
    for folder in ("docs", "data", "ptm"):
        yield from (file.read_text("utf-8") for file in (ROOT / folder).rglob("catalog.toml"))
    for page in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md")):
        yield from re.findall(r"```toml\n(.*?)```", page.read_text("utf-8"), flags=re.DOTALL)
    for module in (ROOT / "tests").rglob("*.py"):
        for node in ast.walk(ast.parse(module.read_bytes())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def catalogs() -> list[str]:
    """Those of them that are TOML with an entry, each once; an entry alone gets a name."""
    found = dict[str, None]()
    for text in texts():
        for one in (text, f"[entry]\n{text}"):
            if "kind" in one and "=" in one and any(has_kind(one)):
                found[one] = None
    return [*found]


def has_kind(text: str) -> Iterator[bool]:
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    yield from (isinstance(one, dict) and "kind" in one for one in tables.values())


def refusal(text: str, folder: Path) -> str:
    """Why load_catalog refuses a catalog; "" where it accepts it."""
    (folder / "catalog.toml").write_text(text, encoding="utf-8")
    try:
        ptm.load_catalog(folder / "catalog.toml")
    except CatalogError as error:
        return str(error)
    return ""


def test_it_is_as_load_catalog(tmp_path: Path) -> None:
    """Of every catalog that the tests have: accepted by both, and slips refused by both."""
    found = catalogs()
    refused, wrong = 0, dict[str, Any]()
    for text in found:
        reason = refusal(text, tmp_path)
        if not reason and (told := faults(text)):
            wrong[text] = told
        if SLIPS.search(reason) and "\nkinds = " not in text:
            refused += 1
            if not faults(text):
                wrong[text] = reason
    assert not wrong
    assert len(found) > LEAST and refused > LEAST / 4, "they were looked at"


SLIP = {
    "an unknown option": ("standardise = true", "'standardise' was unexpected"),
    "another type": ("standardize = 1", "1 is not of type 'boolean'"),
    "an unknown kind": ('[w]\nkind = "imags"', "'imags' is not one of"),
    "no kind": ('[w]\npath = "w"', "'kind' is a required property"),
    "no path": ('[w]\nkind = "text"', "'path' is a required property"),
    "a word of others": ('on_damage = "ignore"', "'ignore' is not one of ['fail', 'note']"),
    "an option of others": ('target = "w"', "'target' was unexpected"),
    "of, for files": ('of = "w"', "'of' was unexpected"),
    "a path, for artifacts": ('[w]\nkind = "fits"\nof = "p"\npath = "w"', "'path' was unexpected"),
    "splits of a volume": (
        '[w]\nkind = "volume"\npath = "w"\nsplit = { train = 1.0 }',
        "'split' was unexpected",
    ),
    "a share of 80": ("split = { train = 80, test = 20 }", "is not valid under any of"),
    "a limit as a text": ('on_bad = "quarantine"\nmax_bad = "1 %"', "is not valid under any of"),
    "a word inside": ("drift = { limits = 1 }", "is not valid under any of"),
    "deep inside": ("expect.columns.w = { maximum = 1 }", "'maximum' was unexpected"),
    "a name": ("[Cats]", "'Cats' does not match"),
}


@pytest.mark.parametrize("slip", SLIP)
def test_slips(slip: str) -> None:
    """Each is refused, with what is wrong; without it the entry is accepted."""
    text, says = SLIP[slip]
    entry = '[photos]\nkind = "images"\npath = "photos"\n'
    assert faults(entry) == []
    assert says in " ".join(faults(entry + text))


def test_kinds_of_ones_own() -> None:
    """A catalog that names kinds of its own may have any; options of every entry are looked at."""
    own = '[catalog]\nkinds = { pets = "pets.py" }\n[dogs]\nkind = "pets"\npath = "dogs"\n'
    assert faults(f"{own}factor = 2.5\ntimeout = '10m'") == []
    assert "'soon' is not one of" in " ".join(faults(f"{own}store = 'soon'"))
    assert faults(own.partition("\n[dogs]")[2].join(("[dogs]", ""))) != []


def test_installed_kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kinds of packages that are installed need no word in the catalog."""
    monkeypatch.setattr("ptm.schema.installed_kinds", lambda: {"pets": "pets_package"})
    catalog = {"dogs": {"kind": "pets", "path": "dogs", "factor": 2.5}}
    assert Draft202012Validator(schema()).is_valid(catalog)


@pytest.mark.parametrize("kind", KINDS)
def test_everything_is_explained(kind: str) -> None:
    """Every option of a kind has a description, and says what it may be."""
    whole = schema()
    for name, one in whole["$defs"][kind]["properties"].items():
        found = whole["$defs"]["every"]["properties"][name] if "$ref" in one else one
        assert name == "on_bad" or found["description"], name
        assert {"type", "anyOf", "const", "enum", "$ref"} & found.keys(), name


def test_the_command(tmp_path: Path) -> None:
    """`ptm schema` prints what docs/catalog.schema.json has, or writes it."""
    assert COMMITTED.read_text("utf-8") == schema_text(), "make docs"
    assert call_ptm("schema").out == schema_text()
    assert call_ptm("schema", "--output", tmp_path / "s.json").code == 0
    assert (tmp_path / "s.json").read_text("utf-8") == schema_text()


def test_the_line_names_the_file_beside(tmp_path: Path) -> None:
    """Editors look beside the catalog, whose folder takes the file for no input: it is hidden."""
    assert schema_line(tmp_path / "mine.toml") == f"#:schema ./{FILE}"
    assert schema_file(tmp_path / "mine.toml") == tmp_path / FILE
    assert FILE.startswith(".")
