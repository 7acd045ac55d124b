"""How a delimited file is written: what stands between fields, around them, and in numbers."""

from __future__ import annotations

from dataclasses import dataclass

WHITESPACE = "whitespace"


@dataclass(frozen=True)
class Dialect:
    """A way to write rows as text.

    Attributes:
        delimiter: between two fields, one ASCII character; or "whitespace", runs of blanks and
            tabs.
        quote: around fields, one ASCII character; "" where there are no quotes.
        decimal: the sign before the fraction of a number, "." or ",".
        thousands: the sign between groups of three digits; "" where there is none.
        comment: what a line begins with that is left out; "" where none is.
        skip_rows: how many lines before the header are left out.
        encoding: of the file, as Python names it.
        header: whether the first line names the columns; None: it does, and has not numbers only.
        na_values: texts that stand for a missing value.
        sheet: of an Excel file, the one that is read; None of the only one.
    """

    delimiter: str = ","
    quote: str = '"'
    decimal: str = "."
    thousands: str = ""
    comment: str = ""
    skip_rows: int = 0
    encoding: str = "utf-8"
    header: bool | None = None
    na_values: tuple[str, ...] = ()
    sheet: str | None = None

    @property
    def separator(self) -> str:
        """The character between two fields, once runs of blanks are one tab."""
        return "\t" if self.delimiter == WHITESPACE else self.delimiter

    @property
    def number(self) -> str:
        """What a number is, in words."""
        if self.decimal == "." and not self.thousands:
            return "a number"
        return f"a number as 1{self.thousands}234{self.decimal}5"


PLAIN = Dialect()
