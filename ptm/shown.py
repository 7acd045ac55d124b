"""What an artifact is, in a few words: as a text, and as HTML for a notebook."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from ptm.tables import ROWS

SHOWN, SHOWN_COLUMNS = 6, 12  # tensors; columns, and facts
LONG = 120  # characters of a fact


def few_tensors(tensors: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Name, shape and dtype of the first tensors; how many more there are."""
    return _first(map(" ".join, _described(tensors)), SHOWN)


def as_text(manifest: Mapping[str, Any]) -> str:
    """What an artifact is, by its manifest."""
    return "\n  ".join([f"<Artifact {_title(manifest)}", *few_tensors(manifest["tensors"])]) + ">"


def as_html(manifest: Mapping[str, Any], views: Iterable[Any]) -> str:
    """The same as a table, and views that can be shown as HTML."""
    tensors = [
        (*described, ", ".join(entry["axes"]))
        for described, entry in zip(
            _described(manifest["tensors"]), manifest["tensors"].values(), strict=True
        )
    ]
    facts = [f"{name}: {_short(value)}" for name, value in manifest["facts"].items()]
    for name, table in manifest["tables"].items():
        columns = ", ".join(_first(map(_with_unit, table["columns"]), SHOWN_COLUMNS))
        facts.append(f"table {name}: {table['rows']} rows; {columns}")
    lines = "".join(f"<div>{escape(fact)}</div>" for fact in _first(facts, SHOWN_COLUMNS))
    body = "".join(_html_row("td", row) for row in tensors)
    head = _html_row("th", ("tensor", "shape", "dtype", "axes"))
    title = f"<div><b>{escape(_title(manifest))}</b></div>"
    drawn = "".join(view._repr_html_() for view in views)
    return f"<div>{title}<table>{head}{body}</table>{lines}{drawn}</div>"


def _title(manifest: Mapping[str, Any]) -> str:
    rows = manifest["tables"].get(ROWS, {}).get("rows")
    counted = "" if rows is None else f", {rows} rows"
    return f"{manifest['name']} ({manifest['kind']}){counted}, {readable_size(_bytes(manifest))}"


def _bytes(manifest: Mapping[str, Any]) -> int:
    """Of all its files, those that parts share once."""
    sizes = {file["file"]: file["bytes"] for file in manifest.get("files", ())}
    for part in manifest["parts"]:
        sizes |= {file: size for file, _, size in part["files"].values()}
    return sum(sizes.values())


def _described(tensors: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, str, str]]:
    """Name, shape and dtype of each tensor."""
    return [
        (name, " x ".join(map(str, entry["shape"])) or "scalar", str(entry["dtype"]))
        for name, entry in tensors.items()
    ]


def _first(texts: Iterable[str], most: int) -> list[str]:
    """The first of many; how many more there are."""
    known = list(texts)
    return known[:most] + ([f"… and {len(known) - most} more"] if len(known) > most else [])


def readable_size(count: int) -> str:
    """Bytes for people: kB, MB or GB, of 1000 and its powers."""
    if count >= 1e9:
        return f"{count / 1e9:.2f} GB"
    return f"{count / 1e6:.1f} MB" if count >= 1e5 else f"{count / 1e3:.1f} kB"


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= LONG else f"{text[:LONG]} …"


def _with_unit(column: Mapping[str, str]) -> str:
    return f"{column['name']} ({column['unit']})" if "unit" in column else column["name"]


def _html_row(tag: str, cells: Iterable[str]) -> str:
    return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"
