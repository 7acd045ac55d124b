"""The reference of the catalog: current, complete, and each of its examples is valid."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

import ptm
from ptm.catalog import About
from ptm.registry import kind_named
from ptm.schema import schema
from tests.support import option_examples as examples
from tests.support import reference

TABLE = '[houses]\nkind = "table"\npath = "houses.csv"\n'
OF = {"of": "threshold"}  # by option of every entry, a kind that has it


def every_example() -> list[tuple[str, str, str]]:
    """Kind, option, example, of the options that there are."""
    found = [(OF.get(option, "table"), option, text) for option, text in examples.EVERY.items()]
    for kind, shown in examples.OF_KINDS.items():
        found += [(kind, option, text) for option, text in shown.items()]
    return [one for one in found if is_there(*one[:2])]


def is_there(kind: str, option: str) -> bool:
    """Whether a kind has an option; of those in tables the first is looked at."""
    first = option.replace("[]", "").partition(".")[0]
    return first in kind_named(kind).options.model_fields


def entry_of(kind: str, text: str) -> str:
    """A catalog with an entry of a kind that says what the example says."""
    says = {line.partition(" = ")[0] for line in text.splitlines()}
    lines = [f'kind = "{kind}"'] if "kind" not in says else []
    lines += [] if says & {*examples.SAYS_ITSELF} else [examples.ENTRIES[kind]]
    return "\n".join([TABLE, "[entry]", *lines, text])


def test_it_is_current() -> None:
    """docs/catalog.md is what `make docs` makes."""
    assert reference.PAGE.read_text("utf-8") == reference.page(), "make docs"


@pytest.mark.parametrize(("kind", "option", "text"), every_example())
def test_examples(kind: str, option: str, text: str, tmp_path: Path) -> None:
    """Each is valid in an entry of its kind, and begins with the option."""
    catalog = entry_of(kind, text)
    (tmp_path / "catalog.toml").write_text(catalog, encoding="utf-8")
    entry = ptm.load_catalog(tmp_path / "catalog.toml")["entry"]
    first = option.replace("[]", "").split(".")[0]
    assert first in entry.model_fields_set and text.startswith((f"{first} ", f"{first}."))
    assert option.rpartition(".")[2].rstrip("[]") in text.partition("\n")[0]
    assert list(Draft202012Validator(schema()).iter_errors(tomllib.loads(catalog))) == []


def test_examples_of_the_catalog_itself() -> None:
    """Those of the table [catalog] are valid."""
    for option, text in examples.ABOUT.items():
        if option in About.model_fields:
            assert option in About.model_validate(tomllib.loads(text)).model_fields_set


def test_every_example_is_shown() -> None:
    """Each is in the page, and is of an option that there is, or that is on its way."""
    text = reference.PAGE.read_text("utf-8")
    for kind, shown in (*examples.OF_KINDS.items(), ("table", examples.EVERY)):
        for option in shown:
            assert is_there(OF.get(option, kind), option), option
    for kind, _, shown in every_example():
        assert f"\n## {kind}\n" in text
        assert f"`{shown.partition(chr(10))[0]}`" in text.replace("\\|", "|")


def test_what_is_lacking_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """An option without a line in a docstring, or without an example, is named."""
    from ptm.kinds.images import Options

    monkeypatch.delitem(examples.OF_KINDS["images"], "labels")
    monkeypatch.delitem(examples.EVERY, "drift.columns.NAME.limit")
    doc = (Options.__doc__ or "").replace("        on_damage: ", "        on-damage: ")
    monkeypatch.setattr(Options, "__doc__", doc)
    with pytest.raises(SystemExit) as error:
        reference.page()
    assert str(error.value).splitlines()[1:] == [
        "  Every entry: no example of 'drift.columns.NAME.limit' in option_examples.py",
        "  images: no example of 'labels' in option_examples.py",
        "  images: no line of 'on_damage' below `Attributes:` in a docstring",
    ]
