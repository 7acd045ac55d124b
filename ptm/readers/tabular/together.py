"""Several files that are one table: whether they have the same columns, and in which order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping

from ptm.errors import BadInput, Faults
from ptm.readers.delimited.dialect import Dialect
from ptm.readers.delimited.faults import shown, some
from ptm.readers.tabular.opening import Place, names_of

FILE = "file"  # the column of the names of several files


def other_orders(
    places: Mapping[str, Place], dialect: Dialect, wanted: Collection[str], has_file: bool
) -> dict[str, tuple[str, ...]]:
    """The order that the columns of some files are to have, as they have another one.

    Args:
        places: of the files, by their names.
        dialect: how they are written.
        wanted: the columns that are read; all where there are none.
        has_file: whether a column has the names of the files.

    Raises:
        BadInput: files have other columns than most; each is told, and what it lacks.
    """
    names, faults = dict[str, tuple[str, ...]](), Faults()
    for name, place in places.items():
        try:
            names[name] = tuple(names_of(place, dialect))
        except BadInput as error:
            faults.add(error)
    faults.check()
    of = {name: frozenset(one) & frozenset(wanted or one) for name, one in names.items()}
    [(usual, _)] = Counter(of.values()).most_common(1)
    first = next(name for name, one in of.items() if one == usual)
    for name, one in of.items():
        told = [f"no '{shown(column)}'" for column in names[first] if column in usual - one]
        more = [f"'{shown(column)}'" for column in names[name] if column in one - usual]
        told += [f"{some(more)} beside them"] if more else []
        if has_file and FILE in one:
            told.append(f"a column '{FILE}', which the names of the files are")
        if told:
            expected = f"the columns of {shown(first)} and the others: {some(names[first])}"
            faults.add(BadInput("header", expected, ", ".join(told), str(places[name])))
    faults.check()
    order = names[first]
    return {} if wanted else {name: order for name, one in names.items() if one != order}
