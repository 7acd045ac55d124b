"""A table that is encoded by what another one learned: it has that one's columns, in its order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ptm.errors import BadInput, Faults
from ptm.kinds.table.options import Options
from ptm.kinds.table.reading import names_of
from ptm.model import File
from ptm.readers.delimited.faults import shown, some


def like(options: Options, manifest: Mapping[str, Any], files: tuple[File, ...]) -> Options:
    """The options of a table that has the columns of another one; it may lack the target.

    Args:
        options: of the table that learns.
        manifest: of the other: `facts["measures"]` names its columns but for those left out.
        files: of the table that learns.

    Raises:
        BadInput: its columns are not those of the other; all that lack, and all that are more.
    """
    other = [*manifest["facts"]["measures"]]
    has = names_of(options, files[0]) if files else [*options.columns]
    target = options.target if options.target in has else None
    if options.target and target is None:
        options = options.model_copy(update=_without(options, options.target))
        other = [name for name in other if name != manifest["facts"]["target"]]
    exclude = tuple(name for name in options.exclude if name in has)
    options = options.model_copy(update={"columns": tuple(other), "exclude": exclude})
    faults, file = Faults(), files[0].url if files else ""
    teacher = f"'{options.learn_from}'"
    lacking = [name for name in other if name not in has]
    more = [name for name in has if name not in other and name not in options.asides]
    if lacking:
        expected = f"the columns of {teacher}, {some(lacking)} among them"
        faults.add(BadInput("header", expected, some(has), file))
    if more:
        listed = ", ".join(f'"{shown(name)}"' for name in more)
        expected = f"the columns of {teacher} and no others (or exclude = [{listed}])"
        faults.add(BadInput("header", expected, f"{some(more)} too", file))
    faults.check()
    return options


def _without(options: Options, target: str) -> dict[str, Any]:
    """What the options are where there is no target: no word on it is left."""
    found: dict[str, Any] = {"target": None, "classes": None}
    for name, value in options:
        if isinstance(value, Mapping) and target in value:
            found[name] = {column: one for column, one in value.items() if column != target}
    return found
