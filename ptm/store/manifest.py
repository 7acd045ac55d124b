"""The manifest of an artifact: what its folder holds, checked before anything believes it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ptm.store.pointers import DIGEST

FORMAT = 1
MANIFEST = "manifest.json"
DIGESTS = re.compile(f"(?:{DIGEST.pattern})*")
ENTRIES: dict[str, tuple[type, ...]] = {
    "kind": (str,),
    "inputs": (list, dict),
    "options": (dict,),
    "code": (dict,),
    "packages": (dict,),
    "parts": (list,),
    "tensors": (dict,),
    "tables": (dict,),
    "scaler": (dict, type(None)),
    "facts": (dict,),
    "warnings": (list,),
}
# the other entries say of what it was made, and by what
CONTENT = ("kind", "tensors", "tables", "scaler", "facts", "warnings")
FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}")  # none leaves the folder or hides in it


def problem(manifest: Any, name: str) -> str:
    """What is wrong with a manifest of that name ("…, got …"); "" where nothing is."""
    try:
        return next(_problems(manifest, name), "")
    except KeyError as error:
        return f"a manifest with all its entries, got one without {error}"
    except (TypeError, AttributeError) as error:
        return f"entries of the right types, got others: {error}"


def content(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """What a manifest says of the content, and nothing of what, how and when it was made."""
    return {entry: manifest[entry] for entry in ("name", "parts", *CONTENT)}


def digests(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Digests of all that an analysis gets of an artifact: its files, and what is said of them."""
    said = json.dumps({entry: manifest[entry] for entry in CONTENT}, sort_keys=True)
    files = {part["file"]: part["sha256"] for part in manifest["parts"]}
    return files | {MANIFEST: hashlib.sha256(said.encode()).hexdigest()}


def parse(text: bytes) -> Any:
    """The JSON of a manifest; None where it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _problems(manifest: Any, name: str) -> Iterator[str]:
    if not isinstance(manifest, dict):
        yield "a manifest, got something else"
    if manifest["format"] != FORMAT:
        yield f"format {FORMAT}, got {manifest['format']!r}: it is of another version of ptm"
    if manifest["name"] != name:
        yield f"the manifest of {name}, got that of {manifest['name']!r}"
    if not DIGEST.fullmatch(manifest["key"]):
        yield f"a key, got {manifest['key']!r}"
    for entry, kinds in ENTRIES.items():
        if not isinstance(manifest[entry], kinds):
            yield f"'{entry}' in the manifest, got {manifest[entry]!r}"
    yield from _part_problems(manifest["parts"])
    yield from _tensor_problems(manifest)
    yield from _input_problems(manifest["inputs"])
    yield from _scaler_problems(manifest["scaler"])
    texts = *manifest["warnings"], *manifest["code"].values(), *manifest["packages"].values()
    if not all(isinstance(text, str) for text in texts):
        yield "text in 'warnings', 'code' and 'packages', got something else"


def _part_problems(parts: list[Any]) -> Iterator[str]:
    files = [part["file"] for part in parts]
    for part in parts:
        file = part["file"]
        if not FILE.fullmatch(file) or file == MANIFEST or files.count(file) > 1:
            yield f"names of files in the folder, each once, got {file!r}"
        if not DIGEST.fullmatch(part["sha256"]) or not isinstance(part["bytes"], int):
            yield f"digest and size of {file}, got something else"


def _tensor_problems(manifest: dict[str, Any]) -> Iterator[str]:
    files = [part["file"] for part in manifest["parts"]]
    for entry in (*manifest["tensors"].values(), *manifest["tables"].values()):
        if entry["file"] not in files:
            yield f"only files that are listed, got {entry['file']!r}"
    for tensor in manifest["tensors"].values():
        axes = [type(axis) for axis in tensor["axes"]]
        if axes != [str for n in tensor["shape"] if n >= 0] or not isinstance(tensor["dtype"], str):
            yield "shape, axes and dtype of each tensor, got something else"


def _input_problems(inputs: Any) -> Iterator[str]:
    if isinstance(inputs, dict):
        named = [entry for parts in inputs.values() for entry in parts.items()]
    else:
        named = [(entry["path"], entry["sha256"]) for entry in inputs]
    # joined: 100,000 matches take as long as reading the manifest
    "".join([name for name, _ in named])  # a TypeError where one is no text
    if not DIGESTS.fullmatch("".join([digest for _, digest in named])):
        yield "name and digest of each input, got something else"


def _scaler_problems(scaler: Any) -> Iterator[str]:
    if scaler is not None:
        names, divisor = scaler["names"], scaler.get("divisor", 1.0)
        numbers = [*scaler["shift"], *scaler["scale"], divisor]
        whole = len(scaler["shift"]) == len(scaler["scale"]) == len(names)
        texts = all(isinstance(text, str) for text in (scaler["method"], *names))
        texts = texts and scaler.get("precision", "float64") in ("float32", "float64")
        if not whole or not texts or not all(type(n) in (int, float) for n in numbers):
            yield "shift and scale of each channel, got something else"
