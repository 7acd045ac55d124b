"""The JSON Schema of a catalog, made of the options of all kinds: for editors, and for reference.

    #:schema ./.catalog.schema.json

as the first line of a catalog has editors that know TOML (by taplo, as Even Better TOML) complete,
explain and check what stands in it.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import core_schema

from ptm.catalog import ABOUT, EVERY, About, options_of
from ptm.names import NAME
from ptm.registry import KINDS, Kind, installed_kinds, kind_named
from ptm.source import Source

DRAFT = "https://json-schema.org/draft/2020-12/schema"
FILE = ".catalog.schema.json"  # beside a catalog; hidden, so that no entry takes it for input

Json = dict[str, Any]


def schema_line(catalog: Path) -> str:
    """The first line of a catalog: where editors find its schema. They look beside the catalog.

    Args:
        catalog: the TOML file; the schema stands beside it, as `schema_file` names it.
    """
    return f"#:schema ./{schema_file(catalog).name}"


def schema_file(catalog: Path) -> Path:
    """The file of the schema beside a catalog."""
    return catalog.with_name(FILE)


def schema_text() -> str:
    """The schema as a file has it."""
    return json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"


def schema() -> Json:
    """The JSON Schema (draft 2020-12) of a catalog.

    What load_catalog accepts, it accepts. It refuses unknown options, values of another type and,
    where the catalog names no kinds of its own, kinds that are not known. What one option demands
    of another, and whether files are there, load_catalog alone tells.
    """
    kinds = {name: kind_named(name) for name in KINDS}
    own_kinds = {"required": [ABOUT], "properties": {ABOUT: {"required": ["kinds"]}}}
    known = {"properties": {"kind": {"enum": [*kinds, *installed_kinds()]}}}
    definitions: Json = {}
    about, every = (_of_model(model, definitions) for model in (About, Source))
    said = {name: every["properties"][name] for name in ("kind", "path", "of", *EVERY)}
    of_kinds = {name: _of_kind(kind, said, definitions) for name, kind in kinds.items()}
    return {
        "$schema": DRAFT,
        "title": "A catalog of ptm",
        "type": "object",
        "properties": {ABOUT: about},
        "propertyNames": {"pattern": NAME},
        "additionalProperties": _ref("entry"),
        "if": {"not": own_kinds},
        "then": {"properties": {ABOUT: True}, "additionalProperties": known},
        "$defs": {
            "entry": _entry([*kinds]),
            "every": {"properties": said},
            **of_kinds,
            **definitions,
        },
    }


def told(model: type[BaseModel]) -> dict[str, str]:
    """What each field of a model means, by its name: of the attributes that docstrings explain.

    What no docstring has is what the field itself says; what neither has is not there.
    """
    found = {
        name: field.description for name, field in model.model_fields.items() if field.description
    }
    for one in reversed(model.__mro__):
        found |= dict(_attributes(one.__dict__.get("__doc__") or ""))
    return {name: text for name, text in found.items() if name in model.model_fields}


def _attributes(doc: str) -> Iterator[tuple[str, str]]:
    """Names and texts below "Attributes:" in a docstring."""
    section = inspect.cleandoc(doc).partition("Attributes:\n")[2].partition("\n\n")[0]
    for item in re.split(r"\n(?= {4}\S)", f"\n{section}"):
        names, colon, text = item.strip().partition(": ")
        for name in names.split(", ") if colon else ():
            yield name, " ".join(text.split())


def _entry(kinds: Sequence[str]) -> Json:
    """An entry of any kind; `anyOf` refuses nothing: editors look in it for what there may be."""

    def where(kind: Json, then: Json) -> Json:
        return {"if": {"required": ["kind"], "properties": {"kind": kind}}, "then": then}

    return {
        "type": "object",
        "required": ["kind"],
        "anyOf": [*map(_ref, kinds), {}],
        "allOf": [
            *(where({"const": name}, _ref(name)) for name in kinds),
            where({"not": {"enum": kinds}}, _ref("every")),
        ],
    }


def _ref(*place: str) -> Json:
    return {"$ref": "/".join(("#/$defs", *place))}


def _of_kind(kind: Kind, said: Json, definitions: Json) -> Json:
    """The entries of a kind. What is as in every entry is only referred to."""
    found = _of_model(kind.options, definitions)
    properties: Json = {"kind": {"const": kind.name, "description": said["kind"]["description"]}}
    for name in options_of(kind)[1:]:  # behind the kind
        one = found["properties"][name]
        properties[name] = _ref("every", "properties", name) if one == said.get(name) else one
    if "on_bad" not in properties:
        properties["on_bad"] = {"const": kind.options.model_fields["on_bad"].default}
    needs_path = kind.options.needs_path and "sql" not in properties
    needed = "of" if kind.analyzes else "path" if needs_path else ""
    if needed == "path":
        properties[needed] = {**said[needed], "minLength": 1}
    also = [name for name in found.get("required", ()) if name in properties and name != "kind"]
    return {
        "type": "object",
        "description": found["description"],
        "properties": properties,
        "required": ["kind", *dict.fromkeys([*filter(None, [needed]), *also])],
        "additionalProperties": False,
    }


def _of_model(model: type[BaseModel], definitions: Json) -> Json:
    """The schema of a model; those of the models in it are added to the definitions."""
    found = model.model_json_schema(schema_generator=_Described)
    for name, one in found.pop("$defs", {}).items():
        if definitions.setdefault(name, one) != one:
            raise ValueError(f"expected models of different names, got two '{name}'")
    return found


class _Described(GenerateJsonSchema):
    """As pydantic's, with what docstrings say, and without what no TOML has."""

    def model_schema(self, schema: core_schema.ModelSchema) -> Json:
        found = super().model_schema(schema)
        model = schema["cls"]
        found["description"] = inspect.cleandoc(model.__doc__ or "").partition("\n\n")[0]
        for name, text in told(model).items():
            if name in found.get("properties", {}):
                found["properties"][name]["description"] = text
        return {name: value for name, value in found.items() if name != "title"}

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def nullable_schema(self, schema: core_schema.NullableSchema) -> Json:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> Json:
        found = super().default_schema(schema)
        if found.get("default") in (None, "", [], {}):  # what is left out says no more
            found.pop("default", None)
        return found

    def tuple_schema(self, schema: core_schema.TupleSchema) -> Json:
        found = super().tuple_schema(schema)
        items = found.pop("prefixItems", [])
        if items and all(one == items[0] for one in items):  # older drafts know this too
            return {**found, "items": items[0]}
        return {**found, "prefixItems": items} if items else found
