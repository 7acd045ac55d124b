"""How the numbers of a table are written: the decimal sign, and what parts thousands."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from ptm.readers.sniffing.cells import is_missing, is_number

MOSTLY = 0.9  # of a column, so that it is one of numbers
OF_THREE = {
    sign: re.compile(rf"[+-]?[1-9][0-9]{{0,2}}(?:{sign}[0-9]{{3}})+") for sign in (r"\.", ",")
}
OTHERS = {
    " ": re.compile("[+-]?[0-9]{1,3}(?:[ \u00a0\u202f\u2009][0-9]{3})+(?:[.,][0-9]*)?"),
    "'": re.compile("[+-]?[0-9]{1,3}(?:['’][0-9]{3})+(?:[.,][0-9]*)?"),
    "_": re.compile("[+-]?[0-9]{1,3}(?:_[0-9]{3})+(?:[.,][0-9]*)?"),
}


class Style(NamedTuple):
    """How numbers are written.

    Attributes:
        decimal: "." or ",".
        thousands: what stands between thousands, "" for nothing.
        doubt: what is not sure.
    """

    decimal: str = "."
    thousands: str = ""
    doubt: str = ""


def style_of(columns: Sequence[Sequence[str]], delimiter: str) -> Style:
    """How the numbers of a table are written, by the texts of its columns."""
    numbers = [found for column in columns if (found := _numbers(column))]
    comma, dot = _is_decimal(numbers, ","), _is_decimal(numbers, ".")
    thousands = next((sign for sign, look in OTHERS.items() if _any(look, numbers)), "")
    if comma and dot:
        sign = "," if comma > dot else "."
        return Style(sign, thousands, "some columns have the decimal sign '.', others ','")
    if comma or dot:
        sign, other = (",", ".") if comma else (".", ",")
        look = re.compile(OF_THREE[re.escape(other)].pattern + rf"(?:{re.escape(sign)}[0-9]*)?")
        grouped = _any(look, numbers)
        return Style(sign, thousands or (other if grouped else ""))
    for sign, other in ((".", ","), (",", ".")):
        parted = [column for column in numbers if _any(OF_THREE[re.escape(sign)], [column])]
        if parted:
            return _of_three(parted, sign, other, delimiter)
    return Style(".", thousands)


def _of_three(columns: list[list[str]], sign: str, other: str, delimiter: str) -> Style:
    """Where three digits stand behind every sign: thousands, or decimals."""
    look = OF_THREE[re.escape(sign)]
    for column in columns:
        parted = [text for text in column if look.fullmatch(text)]
        whole = [text for text in column if text.lstrip("+-").isdigit()]
        if any(text.count(sign) > 1 for text in parted):
            return Style(other, sign)
        round_ones = sum(text.endswith("00") for text in parted)
        mixed = whole and all(len(text.lstrip("+-")) <= 3 for text in whole)
        if len(parted) + len(whole) == len(column) and (
            mixed or (len(parted) > 3 and round_ones > len(parted) / 3)
        ):
            return Style(other, sign, f"'{parted[0]}' taken for thousands")
    if sign == "," and delimiter == ",":
        return Style(".", ",", "quoted numbers with a comma taken for thousands")
    text = next(text for text in columns[0] if look.fullmatch(text))
    return Style(sign, "", f"'{text}' taken for a fraction" if sign == "," else "")


def _numbers(column: Sequence[str]) -> list[str]:
    """The numbers of a column; none of one that has other texts."""
    there = [text.strip() for text in column if not is_missing(text)]
    found = [text for text in there if is_number(text)]
    return found if len(found) > MOSTLY * len(there) else []


def _is_decimal(columns: Sequence[Sequence[str]], sign: str) -> int:
    """How many columns have a sign where only a decimal sign can be."""
    look = re.compile(
        rf"[+-]?(?:[0-9]*{re.escape(sign)}(?:[0-9]{{1,2}}|[0-9]{{4,}})|0?{re.escape(sign)}[0-9]+"
        rf"|[0-9]{{4,}}{re.escape(sign)}[0-9]*|0[0-9]*{re.escape(sign)}[0-9]+"
        rf"|[0-9]{{1,3}}(?:[^0-9eE{re.escape(sign)}][0-9]{{3}})+{re.escape(sign)}[0-9]*"
        rf"|[0-9]*{re.escape(sign)}[0-9]+[eE][+-]?[0-9]+)"
    )
    return sum(any(map(look.fullmatch, column)) for column in columns)


def _any(look: re.Pattern[str], columns: Sequence[Sequence[str]]) -> bool:
    return any(look.fullmatch(text) for column in columns for text in column)
