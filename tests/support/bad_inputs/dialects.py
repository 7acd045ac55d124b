"""Tables that are written otherwise than their entry says."""

from __future__ import annotations

import bz2
import gzip
import lzma

from tests.support.bad_inputs.building import rows

NUMBERS = "a,b\n1,2\n3,4\n"
GERMAN = 'delimiter = ";"\ndecimal = ","\n'
GROUPS = 'delimiter = ";"\nthousands = ","\n'
LONG = "a,b\n" + "".join(f"{n},{n * n}\n" for n in range(5000))
PACKED = gzip.compress(LONG.encode(), mtime=0)

BAD_DIALECTS = (
    rows(
        "other-delimiter",
        NUMBERS,
        'delimiter = ";"\ncolumns = ["a", "b"]',
        *("header", "a column 'a'", "a column 'b'", "got a,b"),
        lines=3,
    ),
    rows(
        "blanks-more",
        "a b\n1  2\n 3 4 5\n",
        'delimiter = "whitespace"',
        *("row 2", "expected 2 fields", "got 3"),
    ),
    rows(
        "blanks-fewer",
        "a\tb\n1 \t 2\n3\n",
        'delimiter = "whitespace"',
        *("row 2", "expected 2 fields", "got 1"),
    ),
    rows(
        "point-for-comma",
        "a;b\n1,5;2\n1.5;3\n",
        GERMAN,
        *("row 2, column 'a'", "expected a number", "got '1.5'"),
    ),
    rows(
        "comma-for-point",
        "a;b\n1.5;2\n1,5;3\n",
        'delimiter = ";"',
        *("row 2, column 'a'", "expected a number", "got '1,5'"),
    ),
    rows(
        "decimal-comma-bare",
        "a,b\n1,5,2\n",
        'decimal = ","',
        *("row 1", "expected 2 fields", "got 3"),
    ),
    rows("thousands-unsaid", "a;b\n1,000;2\n", 'delimiter = ";"', "column 'a'", "got '1,000'"),
    rows("thousands-of-two", "a;b\n1,000;1\n1,00;2\n", GROUPS, "row 2, column 'a'", "'1,00'"),
    rows("thousands-of-four", "a;b\n1234,567;1\n", GROUPS, "row 1, column 'a'", "'1234,567'"),
    rows("thousands-none-before", "a;b\n,100;1\n", GROUPS, "row 1, column 'a'", "',100'"),
    rows("thousands-none-behind", "a;b\n1,000,;1\n", GROUPS, "row 1, column 'a'", "'1,000,'"),
    rows("thousands-doubled", "a;b\n1,,000;1\n", GROUPS, "row 1, column 'a'", "'1,,000'"),
    rows("thousands-in-fraction", "a;b\n1.000,5;1\n", GROUPS, "row 1, column 'a'", "'1.000,5'"),
    rows(
        "thousands-and-decimal-same",
        "a;b\n1.000.00;1\n",
        GERMAN + 'thousands = "."',
        *("row 1, column 'a'", "expected a number", "'1.000.00'"),
    ),
    rows(
        "thousands-english",
        "a;b\n1,234.5;1\n",
        GERMAN + 'thousands = "."',
        *("row 1, column 'a'", "expected a number", "'1,234.5'"),
    ),
    rows(
        "thousands-in-exponent",
        "a;b\n1e1,000;1\n",
        GROUPS,
        *("row 1, column 'a'", "expected a number", "'1e1,000'"),
    ),
    rows(
        "thousands-blank-of-two",
        "a;b\n1 00;1\n",
        'delimiter = ";"\nthousands = " "',
        *("row 1, column 'a'", "expected a number", "'1 00'"),
    ),
    rows("quote-left-open", "a,b\n'1,2\n3,4\n", 'quote = "\'"', "row 1", "a quote that is closed"),
    rows("quote-none", 'a,b\n"1,5",2\n', 'quote = ""', "row 1", "expected 2 fields", "got 3"),
    rows(
        "quote-other",
        "a,b\n'x, y',2\n",
        'measures = { a = "categorical" }',
        *("row 1", "expected 2 fields", "got 3"),
    ),
    rows("quote-of-numbers", "a,b\n'1',2\n", "", "row 1, column 'a'", "a number", "got ''1''"),
    rows("comment-unsaid", "a,b\n# note\n1,2\n", "", "row 1", "expected 2 fields", "got 1"),
    rows("comment-all", "#a,b\n#1,2\n", 'comment = "#"', "expected text", "'comment'"),
    rows("comment-before-header", "# x\na,b\n1,2\n", 'columns = ["a"]', "header", "got # x"),
    rows("skip-beyond", NUMBERS, "skip_rows = 9", "expected text", "'skip_rows'"),
    rows("skip-too-few", "Report\n\na,b\n1,2\n", 'columns = ["a"]', "header", "got Report"),
    rows("skip-into-rows", NUMBERS, "skip_rows = 1", "header", "got numbers: 1, 2"),
    rows("not-utf-16", NUMBERS + "5,60\n", 'encoding = "utf-16"', "expected utf-16 text", "got"),
    rows("na-unsaid", "a,b\n1,NA\n", "", "row 1, column 'b'", "expected a number", "got 'NA'"),
    rows(
        "na-refused",
        "a,b\n1,2\n3,NA\n",
        'na_values = ["NA"]',
        *("row 2, column 'b'", "expected a number", "got 'NA'"),
    ),
    rows(
        "na-other-case",
        "a,b\n1,2\n3,na\n",
        'na_values = ["NA"]\nmissing = { b = "mean" }',
        *("row 2, column 'b'", "expected a number", "got 'na'"),
    ),
    rows("gz-truncated", PACKED[:-900], "", "expected", "gz", "got", path="t.csv.gz"),
    rows("gz-end-missing", PACKED[:-4], "", "expected", "gz", "got", path="t.csv.gz"),
    rows(
        "gz-wrong-check",
        PACKED[:-8] + b"\0\0\0\0" + PACKED[-4:],
        "",
        *("expected", "gz", "got"),
        path="t.csv.gz",
    ),
    rows("gz-garbage-behind", PACKED + b"garbage", "", "expected", "gz", "got", path="t.csv.gz"),
    rows("bz2-truncated", bz2.compress(LONG.encode())[:-90], "", "expected", "bz2", path="t.csv"),
    rows("gz-empty", gzip.compress(b"", mtime=0), "", "expected text", "got", path="t.csv.gz"),
    rows(
        "gz-twice",
        gzip.compress(PACKED, mtime=0),
        "",
        *("expected", "got a compressed file in a compressed file"),
        path="t.csv.gz",
    ),
    rows("xz", lzma.compress(LONG.encode()), "", "gz, bz2 or zst", "got an xz file"),
    rows(
        "gz-of-bad-row",
        gzip.compress(b"a,b\n1,2\nx,4\n", mtime=0),
        "",
        *("row 2, column 'a'", "expected a number", "got 'x'"),
        path="t.csv.gz",
    ),
)
