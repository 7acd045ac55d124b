"""DelimitedSource: the options of kinds that read rows from files with named columns."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, model_validator

from ptm.errors import BadInput
from ptm.model import File
from ptm.readers.delimited.dialect import WHITESPACE, Dialect
from ptm.readers.tabular.database import Query
from ptm.readers.tabular.opening import Place
from ptm.source import Pattern, Source

MOST_SKIPPED = 1_000_000


def _is_sign(text: str) -> bool:
    return len(text) == 1 and text.isascii() and text not in "\r\n\0"


def _delimiter(delimiter: str) -> str:
    if delimiter != WHITESPACE and (not _is_sign(delimiter) or delimiter == '"'):
        raise ValueError(
            f'one ASCII character that is no quote or line end, or "{WHITESPACE}", '
            f"got '{delimiter}'"
        )
    return delimiter


def _quote(quote: str) -> str:
    if quote and (not _is_sign(quote) or quote.isalnum() or quote in " \t"):
        raise ValueError(f"one ASCII sign, or \"\" for none, got '{quote}'")
    return quote


def _comment(comment: str) -> str:
    if comment and (not _is_sign(comment) or comment.isalnum() or comment in " \t"):
        raise ValueError(f"one ASCII sign, or \"\" for none, got '{comment}'")
    return comment


Delimiter = Annotated[str, AfterValidator(_delimiter)]
Quote = Annotated[str, AfterValidator(_quote)]
Comment = Annotated[str, AfterValidator(_comment)]


class DelimitedSource(Source):
    """An entry whose rows stand in files with named columns, or in a database.

    Attributes:
        pattern: of the files in a folder that are one table, "*.csv" or "**/*.parquet".
        delimiter: between two fields, one ASCII character, or "whitespace": runs of blanks and
            tabs.
        quote: around fields, one ASCII sign; "" where quotes are letters as others.
        decimal: the sign before the fraction of a number.
        thousands: the sign between groups of three digits, one of . , ' _ or a blank (of any
            width); "" where there is none.
        comment: the sign that lines begin with that are left out; "" where none are.
        skip_rows: how many lines before the header are left out.
        encoding: of the text, as Python names it.
        header: whether the first line names the columns. Without a word it does, and one of
            numbers only is refused; where it is false, the columns are c0, c1, …
        na_values: texts that stand for a missing value, ["NA", "?"], as a blank field does.
        sheet: of an Excel file that has several, the one to read.
        sql: a query whose rows are read, instead of a path; ORDER BY makes their order sure.
        database: the name of the environment variable that has the address of the database, as
            SQLAlchemy writes it.
    """

    seldom: ClassVar[frozenset[str]] = frozenset(
        [
            *("pattern", "quote", "decimal", "thousands", "comment", "skip_rows", "na_values"),
            *("sheet", "sql", "database"),
        ]
    )
    pattern: Pattern | None = None
    delimiter: Delimiter = ","
    quote: Quote = '"'
    decimal: Literal[".", ","] = "."
    thousands: Literal["", ".", ",", " ", "'", "_"] = ""
    comment: Comment = ""
    skip_rows: int = Field(default=0, ge=0, le=MOST_SKIPPED)
    encoding: str = "utf-8"
    header: bool | None = None
    na_values: tuple[str, ...] = ()
    sheet: str | None = None
    sql: str = ""
    database: str = ""

    @property
    def dialect(self) -> Dialect:
        """How its files are written."""
        return Dialect(
            self.delimiter,
            self.quote,
            self.decimal,
            self.thousands,
            self.comment,
            self.skip_rows,
            self.encoding,
            self.header,
            self.na_values,
            self.sheet,
        )

    @model_validator(mode="after")
    def _signs_differ(self) -> DelimitedSource:
        signs = {
            "delimiter": self.dialect.separator,
            "quote": self.quote,
            "decimal": self.decimal,
            "thousands": self.thousands,
            "comment": self.comment,
        }
        # a decimal comma between commas is quoted, and told where it is not
        for one, other in (
            ("quote", "delimiter"),
            ("quote", "decimal"),
            ("quote", "thousands"),
            ("thousands", "decimal"),
            ("comment", "delimiter"),
            ("comment", "quote"),
            ("comment", "decimal"),
        ):
            if signs[one] and signs[one] == signs[other]:
                raise ValueError(
                    f"different signs for '{one}' and '{other}', got '{signs[one]}' for both"
                )
        if self.thousands == " " and self.delimiter == WHITESPACE:
            raise ValueError("no blank as 'thousands' where 'delimiter' is \"whitespace\"")
        return self

    def place(self, file: File) -> Place:
        """Where the rows of one of its files are: the file, or the query."""
        return Query(self._address, self.sql, file.sha256) if self.sql else file.path

    @property
    def query(self) -> Query | None:
        """What is asked of a database, if anything is.

        Raises:
            BadInput: the address of the database is not known.
        """
        if not self.sql:
            return None
        if not self._address:
            expected = f"the environment variable '{self.database}', with the address of a database"
            raise BadInput("database", expected, "none")
        return Query(self._address, self.sql)

    @model_validator(mode="after")
    def _has_database(self) -> DelimitedSource:
        if bool(self.sql) != bool(self.database):
            raise ValueError("'sql' and 'database' together")
        if self.sql and (self.path or self.pattern):
            raise ValueError("either 'path' or 'sql', not both")
        return self
