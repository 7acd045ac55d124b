"""What is a number in a delimited file, and which integers float64 does not hold."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from ptm import arrow
from ptm.readers.delimited.dialect import Dialect

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

# In ASCII digits: so Arrow reads numbers. Python's float takes more: 1_000, the digits of others.
_NUMBER = r"[ \t]*[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[ \t]*"
_INTEGER = r"[ \t]*[+-]?[0-9]{1,400}[ \t]*"  # float64 has integers of 309 digits at most
NUMBER = re.compile(_NUMBER + r"\Z")
BLANKS = " \u00a0\u2009\u202f"  # what stands between groups of digits where a blank does
_NOT_FINITE = r"[ \t]*[+-]?(?i:nan|inf|infinity)[ \t]*"
NOT_FINITE = re.compile(_NOT_FINITE + r"\Z")
MOST_EXACT = 2.0**53  # up to here every integer is a float64
INT64 = range(-(1 << 63), 1 << 63)


def plain_numbers(texts: pa.Array, dialect: Dialect) -> pa.Array:
    """The numbers that texts spell in a dialect, spelled with a point and without groups of digits.

    Groups have three digits, but for the first: "1.234.567,5", not "12.34". What is no number in
    the dialect is none in what is returned: "1.5" of a decimal comma becomes "?1.5".
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if dialect.decimal == "." and not dialect.thousands:
        return texts
    signs = BLANKS if dialect.thousands == " " else dialect.thousands
    digits, point = "[0-9]+", re.escape(dialect.decimal)
    if signs:
        digits = f"(?:[0-9]{{1,3}}(?:[{re.escape(signs)}][0-9]{{3}})+|{digits})"
    pattern = rf"[ \t]*[+-]?(?:{digits}(?:{point}[0-9]*)?|{point}[0-9]+)(?:[eE][+-]?[0-9]+)?[ \t]*"
    spelled = pa.array(_match(texts, pattern))
    trimmed = pc.ascii_trim(texts, characters=" \t")
    for sign in signs:
        trimmed = pc.replace_substring(trimmed, sign, "")
    plain = pc.replace_substring(trimmed, dialect.decimal, ".")
    other = pc.binary_join_element_wise("?", texts, "")
    is_other = pa.array(_match(texts, _NUMBER))
    return pc.if_else(spelled, plain, pc.if_else(is_other, other, texts))


def as_numbers(texts: pa.Array, nulls: Sequence[str]) -> pa.Array:
    """The numbers that texts spell, float64; null where a text is one of `nulls`.

    Raises:
        pa.ArrowInvalid: another is no number.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    trimmed = pc.ascii_trim(texts, characters=" \t")
    absent = pc.is_in(trimmed, arrow.texts([text.strip() for text in nulls]))
    return pc.if_else(absent, pa.scalar(None, pa.string()), trimmed).cast(pa.float64())


def parse_numbers(texts: pa.Array) -> NDArray[np.float64]:
    """The numbers that the texts spell, float64 [row]; NaN or infinite where a text spells none."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    with suppress(pa.ArrowInvalid):
        return _cast(texts)
    spelled = _match(texts, _NUMBER)
    values = np.full(len(texts), np.nan)
    values[spelled] = _cast(pc.filter(texts, spelled))
    return values


def _cast(texts: pa.Array) -> NDArray[np.float64]:
    """The same as where Arrow reads columns of numbers.

    Raises:
        pa.ArrowInvalid: one is none.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    trimmed = pc.ascii_trim(texts, characters=" \t")
    numbers: NDArray[np.float64] = arrow.numbers(trimmed.cast(pa.float64()))
    return numbers


def beyond(texts: pa.Array, values: NDArray[np.float64]) -> list[int]:
    """The rows, from 0, of the integers that neither float64 nor int64 can hold.

    Args:
        texts, values: as of `exact_integers`.
    """
    import numpy as np

    found = []
    for row in np.flatnonzero(_match(texts, _INTEGER)).tolist():
        integer = int(texts[row].as_py())
        if integer not in INT64 and integer != int(values[row]):
            found.append(row)
    return found


def exact_integers(
    texts: pa.Array, values: NDArray[np.float64]
) -> tuple[NDArray[np.int64] | None, list[int]]:
    """What is to be done about integers that float64 rounds.

    Args:
        texts: of a column, as the file spells it.
        values: the same as float64 [row], all finite.

    Returns:
        The column as int64 [row] where float64 rounds some of it and int64 holds it all, else None;
        and the rows, from 0, of the integers that neither can hold.
    """
    import numpy as np

    integers = _match(texts, _INTEGER)
    large = np.flatnonzero(integers & (np.abs(values) >= MOST_EXACT))
    spelled = {int(row): int(texts[row].as_py()) for row in large}
    rounded = [row for row, integer in spelled.items() if integer != int(values[row])]
    others = values[~integers]  # 1.0 and 1e3 are integers too
    if not rounded or (others != np.rint(others)).any() or (np.abs(others) >= 2.0**63).any():
        return None, rounded
    beyond = [row for row, integer in spelled.items() if integer not in INT64]
    if beyond:
        return None, beyond
    values = values.copy()
    values[large] = 0  # one of them may be beyond int64 as a float64: 2^63 - 1 is rounded up
    kept = values.astype(np.int64)
    kept[large] = list(spelled.values())
    return kept, []


def exact_of_some(
    texts: pa.Array, values: NDArray[np.float64], there: NDArray[np.bool_] | None
) -> tuple[pa.Array | None, list[int]]:
    """The same of a column some of whose values are missing.

    Args:
        texts, values: see `exact_integers`; those of missing ones are no matter.
        there: which are not, bool [row]; None where all are there.

    Returns:
        The column as int64, null where a value is missing, or None; and the rows.
    """
    import numpy as np
    import pyarrow as pa

    if there is None:
        integers, bad = exact_integers(texts, values)
        return None if integers is None else arrow.column(integers), bad
    integers, bad = exact_integers(texts.filter(pa.array(there)), values[there])
    [rows] = np.nonzero(there)
    if integers is None:
        return None, rows[bad].tolist()
    whole = np.zeros(len(values), dtype=np.int64)
    whole[rows] = integers
    return arrow.masked(whole, there), []


def _match(texts: pa.Array, pattern: str) -> NDArray[np.bool_]:
    import pyarrow.compute as pc

    matched: NDArray[np.bool_] = pc.match_substring_regex(texts, rf"\A(?:{pattern})\z").to_numpy(
        zero_copy_only=False
    )
    return matched
