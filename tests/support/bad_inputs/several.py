"""Files that are one table, where some do not fit the others."""

from __future__ import annotations

from tests.support.bad_inputs.building import BadInput, both, file
from tests.support.bad_inputs.dialects import NUMBERS
from tests.support.bad_inputs.formats import as_parquet

BAD_SEVERAL = (
    BadInput(
        "files-column-missing",
        both(file("1.csv", NUMBERS), file("2.csv", "a\n5\n")),
        'kind = "table"\npath = "{here}"\npattern = "*.csv"',
        ("files-column-missing/2.csv", "header", "expected the columns", "got no 'b'"),
    ),
    BadInput(
        "files-column-more",
        both(file("1.csv", NUMBERS), file("2.csv", "a,b,c\n5,6,7\n")),
        'kind = "table"\npath = "{here}/*.csv"',
        ("files-column-more/2.csv", "header", "expected the columns", "'c'"),
    ),
    BadInput(
        "files-bad-row",
        both(file("1.csv", NUMBERS), file("2.csv", "a,b\n5,6\n7,x\n")),
        'kind = "table"\npath = "{here}/?.csv"',
        ("files-bad-row/2.csv", "row 2, column 'b'", "expected a number", "got 'x'"),
    ),
    BadInput(
        "files-none",
        both(file("1.csv", NUMBERS)),
        'kind = "table"\npath = "{here}/*.tsv"',
        ("files-none", "expected at least one file that matches '*.tsv'", "got none"),
    ),
    BadInput(
        "files-one-empty",
        both(file("1.csv", NUMBERS), file("2.csv", "")),
        'kind = "table"\npath = "{here}/*.csv"',
        ("files-one-empty/2.csv", "expected text", "got an empty file"),
    ),
    BadInput(
        "files-folder-alone",
        both(file("1.csv", NUMBERS)),
        'kind = "table"\npath = "{here}"',
        ("files-folder-alone", "expected a file", "got a folder"),
    ),
    BadInput(
        "files-of-two-formats",
        both(file("1.csv", "a,b\n1,2\n"), file("2.parquet", as_parquet({"a": [1], "b": ["x"]}))),
        'kind = "table"\npath = "{here}"\npattern = "*"',
        ("files-of-two-formats/2.parquet", "row 1, column 'b'", "a number", "got 'x'"),
    ),
    BadInput(
        "files-of-two-schemas",
        both(file("1.parquet", as_parquet({"a": [1]})), file("2.parquet", as_parquet({"z": [1]}))),
        'kind = "table"\npath = "{here}/*.parquet"',
        ("files-of-two-schemas/2.parquet", "expected the columns", "'a'", "'z'"),
    ),
)
