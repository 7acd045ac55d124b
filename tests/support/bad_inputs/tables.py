"""Tables with rows, numbers or names that are none."""

from __future__ import annotations

from tests.support.bad_inputs.building import TABLE, WINE, BadInput, _wine

BAD_TABLES = (
    BadInput(
        "csv-row-short",
        _wine(TABLE + "4.5,0.5\n"),
        WINE,
        ("csv-row-short/wine.csv", "row 4", "expected 3 fields", "got 2"),
    ),
    BadInput(
        "csv-row-long",
        _wine(TABLE + "4.5,0.5,6,7\n"),
        WINE,
        ("csv-row-long/wine.csv", "row 4", "expected 3 fields", "got 4"),
    ),
    BadInput(
        "csv-text",
        _wine(TABLE + "n/a,0.5,6\n"),
        WINE,
        ("csv-text/wine.csv", "row 4, column 'sugar'", "expected a number", "got 'n/a'"),
    ),
    BadInput(
        "csv-field-empty",
        _wine(TABLE + "4.5,,6\n"),
        WINE,
        ("csv-field-empty/wine.csv", "row 4, column 'acid'", "expected a number", "got ''"),
    ),
    BadInput(
        "csv-nan",
        _wine(TABLE + "nan,0.5,6\n"),
        WINE,
        ("csv-nan/wine.csv", "row 4, column 'sugar'", "expected a finite number", "got 'nan'"),
    ),
    BadInput(
        "csv-inf",
        _wine(TABLE + "4.5,-inf,6\n"),
        WINE,
        ("csv-inf/wine.csv", "row 4, column 'acid'", "expected a finite number", "got '-inf'"),
    ),
    BadInput(
        "csv-beyond-float32",
        _wine(TABLE + "1e39,0.5,6\n"),
        WINE + "\nstandardize = false",
        ("csv-beyond-float32/wine.csv", "row 4, column 'sugar'", "expected", "got"),
    ),
    BadInput(
        "csv-no-target",
        _wine(TABLE.replace("quality", "grade")),
        WINE,
        ("csv-no-target/wine.csv", "header", "expected a column 'quality'", "sugar, acid, grade"),
    ),
    BadInput(
        "csv-class-too-high",
        _wine(TABLE + "4.5,0.5,10\n"),
        WINE,
        ("csv-class-too-high/wine.csv", "row 4, column 'quality'", "class from 0 to 9", "got 10"),
    ),
    BadInput(
        "csv-class-fraction",
        _wine(TABLE + "4.5,0.5,6.5\n"),
        WINE,
        ("csv-class-fraction/wine.csv", "row 4, column 'quality'", "class from 0 to 9", "got 6.5"),
    ),
    BadInput(
        "csv-header-doubled",
        _wine(TABLE.replace("acid", "sugar")),
        WINE,
        ("csv-header-doubled/wine.csv", "header", "each once", "got 'sugar' twice"),
    ),
    BadInput(
        "csv-header-only",
        _wine("sugar,acid,quality\n"),
        WINE,
        ("csv-header-only/wine.csv", "expected rows below the header", "got none"),
    ),
    BadInput(
        "csv-latin-1",
        _wine((TABLE + "4.5,0.5,6\n").replace("sugar", "säure").encode("latin-1")),
        WINE,
        ("csv-latin-1/wine.csv", "line 1", "expected utf-8 text", "got the byte 0xe4"),
    ),
    BadInput(
        "csv-semicolons",
        _wine(TABLE.replace(",", ";")),
        WINE,
        ("csv-semicolons/wine.csv", "expected", "got", "sugar;acid;quality"),
    ),
    BadInput(
        "csv-empty",
        _wine(""),
        WINE,
        ("csv-empty/wine.csv", "expected text", "got an empty file"),
    ),
    BadInput(
        "csv-quote-open",
        _wine(TABLE.replace("2.5", '"2.5') + "4.5,0.5,6\n" * 20_000),
        WINE,
        ("csv-quote-open/wine.csv", "expected", "got"),
    ),
    BadInput(
        "csv-quote-open-late",
        _wine(TABLE + '4.5,0.5,"6\n' + "5.5,0.5,6\n" * 100),
        WINE,
        ("csv-quote-open-late/wine.csv", "row 4", "expected", "got"),
    ),
    BadInput(
        "csv-header-of-numbers",
        _wine("1.5,0.2,3\n2.5,0.3,4\n"),
        WINE,
        ("csv-header-of-numbers/wine.csv", "header", "header = false", "got numbers: 1.5, 0.2, 3"),
    ),
    BadInput(
        "csv-header-hint",
        _wine("sep=,\n" + TABLE),
        WINE,
        ("csv-header-hint/wine.csv", "header", "expected the names of the columns", "'sep=,'"),
    ),
    BadInput(
        "csv-header-quote-open",
        _wine(TABLE.replace("acid", '"acid')),
        WINE,
        ("csv-header-quote-open/wine.csv", "header", "quotes closed", "got 'acid,quality\\n1.5"),
    ),
    BadInput(
        "csv-header-only-no-end",
        _wine(TABLE.splitlines()[0]),
        WINE,
        ("csv-header-only-no-end/wine.csv", "expected rows below the header", "got none"),
    ),
    BadInput(
        "csv-digits-of-others",
        _wine(TABLE + "\u0664.5,0.5,6\n"),
        WINE,
        ("csv-digits-of-others/wine.csv", "row 4, column 'sugar'", "a number", "got '\u0664.5'"),
    ),
    BadInput(
        "csv-integer-beyond-int64",
        _wine(TABLE + "99999999999999999999,0.5,6\n"),
        WINE,
        ("csv-integer-beyond-int64/wine.csv", "row 4, column 'sugar'", "expected an integer"),
    ),
    BadInput(
        "csv-category-empty",
        _wine("sugar,kind,quality\n1.5,a,3\n2.5,,4\n"),
        WINE + '\nmeasures = { kind = "categorical" }',
        ("csv-category-empty/wine.csv", "row 2, column 'kind'", "expected a category", "got ''"),
    ),
    BadInput(
        "csv-features-of-one-name",
        _wine("kind=a,kind,quality\n1.5,a,3\n2.5,b,4\n"),
        WINE + '\nmeasures = { kind = "categorical" }',
        ("csv-features-of-one-name/wine.csv", "columns 'kind=a' and 'kind'", "got 'kind=a' twice"),
    ),
    BadInput(
        "csv-categories-many",
        _wine("a,kind,quality\n" + "".join(f"{n},k{n},3\n" for n in range(10_001))),
        WINE + '\nmeasures = { kind = "categorical" }',
        ("csv-categories-many/wine.csv", "column 'kind'", "expected at most 10000", "max_columns"),
    ),
    BadInput(
        "csv-is-folder",
        lambda folder: (folder / "wine.csv").mkdir(),
        WINE,
        ("csv-is-folder/wine.csv", "expected a file", "got a folder"),
    ),
)
