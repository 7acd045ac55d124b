"""What the text of a cell can be: numbers and how they are written, dates, words for yes and no."""

from __future__ import annotations

import re
from typing import NamedTuple

# as people spell what is missing; in cells of text those of WORDS may be values
CLEAR = (
    *("NA", "N/A", "n/a", "na", "N.A.", "n.a.", "#N/A", "#NA", "#N/A N/A", "<NA>", "NaN", "nan"),
    *("-NaN", "-nan", "NAN", "null", "NULL", "Null", "nil", "NIL", "?", "#NULL!", "#DIV/0!"),
    *("#VALUE!", "#REF!", "#NUM!", "#NAME?", "\\N", "1.#QNAN", "-1.#IND", "1.#IND", "-1.#QNAN"),
    *("(null)", "NaT", "k.A.", "k. A.", "k.a.", "keine Angabe", "s/d", "n.d.", "N.D.", "ND"),
)
WORDS = (
    *("None", "none", "NONE", "-", "--", "---", "—", "–", ".", "..", "...", "*", "x", "missing"),
    *("Missing", "MISSING", "unknown", "Unknown", "UNKNOWN", "unk", "not available", "inf"),
    *("unbekannt", "fehlt", "leer", "empty", "Inf", "-inf", "-Inf", "Infinity", "-Infinity"),
    *("desconocido", "inconnu", "n/v", "TBD", "tbd", "nicht verfügbar", "not applicable"),
)
SENTINELS = ("-999", "-9999", "-99", "-999.0", "-9999.0", "9999", "99999", "-1.0E+30")
YES_NO = (*({"true", "false"}, {"yes", "no"}, {"t", "f"}, {"y", "n"}, {"on", "off"}),)

SIGN, EXP = "[+-]?", "(?:[eE][+-]?[0-9]+)?"
INTEGER = f"{SIGN}[0-9]+"
LEADING = "0[0-9]+"
# how numbers may be written, by the decimal sign and what parts thousands
PLAIN = {
    ".": rf"{SIGN}(?:[0-9]+\.?[0-9]*|\.[0-9]+){EXP}",
    ",": rf"{SIGN}(?:[0-9]+,?[0-9]*|,[0-9]+){EXP}",
}
PARTS = {".": r"\.", ",": ",", " ": "[ \u00a0\u202f\u2009]", "'": "['’]", "_": "_"}


def number_pattern(decimal: str, thousands: str) -> str:
    """The expression of a number, for RE2 and Python, without blanks around it.

    Args:
        decimal: "." or ",".
        thousands: "", or what stands between thousands.
    """
    plain = PLAIN[decimal]
    if not thousands:
        return plain
    fraction = rf"(?:{re.escape(decimal)}[0-9]*)?"
    grouped = rf"{SIGN}[0-9]{{1,3}}(?:{PARTS[thousands]}[0-9]{{3}})+{fraction}{EXP}"
    return f"(?:{grouped}|{plain})"


class DateFormat(NamedTuple):
    """How dates are written.

    Attributes:
        format: of `strptime`; "" for ISO 8601.
        pattern: of a text that may be one.
        doubt: why it is not sure; "" where it is.
    """

    format: str
    pattern: str
    doubt: str = ""


_D, _M, _Y, _y = (
    "(?:0?[1-9]|[12][0-9]|3[01])",
    "(?:0?[1-9]|1[0-2])",
    "(?:1[6-9]|20|21)[0-9]{2}",
    "[0-9]{2}",
)
_DD, _MM = "(?:0[1-9]|[12][0-9]|3[01])", "(?:0[1-9]|1[0-2])"
_HM = "(?:[01]?[0-9]|2[0-4]):[0-5][0-9]"
_S = ":[0-5][0-9]"
_B = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_BB = "(?:January|February|March|April|May|June|July|August|September|October|November|December)"
_ZONE = "(?:Z|[+-][0-9]{2}:?[0-9]{2})"
ISO = (
    rf"{_Y}-{_MM}-{_DD}(?:[T ](?:[01][0-9]|2[0-3])(?::[0-5][0-9](?:{_S}(?:\.[0-9]{{1,9}})?)?)?"
    rf"{_ZONE}?)?"
)
_DAYS = (
    ("%d.%m.%Y", rf"{_D}\.{_M}\.{_Y}"),
    ("%d.%m.%y", rf"{_D}\.{_M}\.{_y}"),
    ("%m/%d/%Y", rf"{_M}/{_D}/{_Y}"),
    ("%d/%m/%Y", rf"{_D}/{_M}/{_Y}"),
    ("%m/%d/%y", rf"{_M}/{_D}/{_y}"),
    ("%d/%m/%y", rf"{_D}/{_M}/{_y}"),
    ("%d-%m-%Y", rf"{_D}-{_M}-{_Y}"),
    ("%m-%d-%Y", rf"{_M}-{_D}-{_Y}"),
    ("%Y/%m/%d", rf"{_Y}/{_M}/{_D}"),
    ("%Y.%m.%d", rf"{_Y}\.{_M}\.{_D}"),
    ("%Y-%m-%d", rf"{_Y}-{_M}-{_D}"),
    ("%d %b %Y", rf"{_D} {_B} {_Y}"),
    ("%d-%b-%Y", rf"{_D}-{_B}-{_Y}"),
    ("%d-%b-%y", rf"{_D}-{_B}-{_y}"),
    ("%b %d, %Y", rf"{_B} {_D}, {_Y}"),
    ("%d %B %Y", rf"{_D} {_BB} {_Y}"),
    ("%B %d, %Y", rf"{_BB} {_D}, {_Y}"),
    ("%Y%m%d", rf"(?:19|20)[0-9]{{2}}{_MM}{_DD}"),
)
_TIMES = (
    ("", ""),
    (" %H:%M", f" {_HM}"),
    (" %H:%M:%S", f" {_HM}{_S}"),
    ("T%H:%M:%S", f"T{_HM}{_S}"),
    (", %H:%M", f", {_HM}"),
    (" %I:%M %p", " (?:0?[1-9]|1[0-2]):[0-5][0-9] [AaPp][Mm]"),
    (" %I:%M:%S %p", f" (?:0?[1-9]|1[0-2]):[0-5][0-9]{_S} [AaPp][Mm]"),
)
DATES = (
    DateFormat("", ISO),
    *(DateFormat(f"{day}{time}", f"{one}{other}") for day, one in _DAYS for time, other in _TIMES),
)
MISSING = frozenset((*CLEAR, *WORDS))


def is_missing(text: str) -> bool:
    """Whether a text is one that people write where a value is missing."""
    return text.strip() in MISSING or not text.strip()


def is_number(text: str) -> bool:
    """Whether a text is a number, however it is written."""
    return bool(ANY_NUMBER.fullmatch(text.strip()))


ANY_NUMBER = re.compile(
    "|".join(
        [PLAIN["."], PLAIN[","], *(number_pattern(d, t) for d in ".," for t in PARTS if d != t)]
    )
)
ANY_DATE = re.compile("|".join(f"(?:{one.pattern})" for one in DATES))


def is_typed(text: str) -> bool:
    """Whether a text is a number or a date."""
    return is_number(text) or bool(ANY_DATE.fullmatch(text.strip()))
