"""A table that is encoded by what another one learned: it has that one's columns, in its order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ptm.errors import BadInput, Faults
from ptm.kinds.table.options import Options
from ptm.learned import Learned
from ptm.model import File
from ptm.readers.delimited.faults import shown, some
from ptm.readers.tabular.opening import names_of
from ptm.source import file_name


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
    has = names_of(options.place(files[0]), options.dialect) if files else [*options.columns]
    if absent := [name for name in options.targets if name not in has]:
        options = options.model_copy(update=_without(options, absent))
        other = [name for name in other if name not in absent]
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


def _without(options: Options, absent: list[str]) -> dict[str, Any]:
    """What the options are without some of the targets: no word on them is left."""
    left = [name for name in options.targets if name not in absent]
    found: dict[str, Any] = {"target": (left[0] if len(left) == 1 else tuple(left)) or None}
    if options.classes and not left:
        found["classes"] = None
    for name, value in options:
        if isinstance(value, Mapping) and not value.keys().isdisjoint(absent):
            found[name] = {column: one for column, one in value.items() if column not in absent}
    return found


def check_taught(
    options: Options, learned: Learned, carried: Sequence[Mapping[str, Any]], faults: Faults
) -> None:
    """Looks whether the classes of the rows are among those that were learned.

    Args:
        options: of the table that learns.
        learned: by the other one.
        carried: of each part, the classes in it.
        faults: classes are added that were not learned.
    """
    found: dict[str, set[str]] = {}
    for one in carried:
        for name, classes in one.get("classes", {}).items():
            found.setdefault(name, set()).update(classes)
    for name, classes in found.items():
        known = learned.classes.get(name, ())
        if new := sorted(classes - {*known}):
            expected = f"one of the classes of '{options.learn_from}': {some(known)}"
            file = file_name(options)
            faults.add(BadInput(f"column '{shown(name)}'", expected, some(new), file))
