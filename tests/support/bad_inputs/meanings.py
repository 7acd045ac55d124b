"""Tables whose values are not what their entry says of their columns."""

from __future__ import annotations

from tests.support.bad_inputs.building import BadInput, file, rows

PEOPLE = "age,sex,out\n22,m,yes\n38,f,no\n26,f,yes\n"
SEX = 'measures = { sex = "categorical", out = "boolean" }\n'
SIZES = 'order = { size = ["S", "M", "L"] }'
DAYS = 'dates = { day = "days" }'
GERMAN_DAYS = DAYS + '\ndate_format = "%d.%m.%Y"'

BAD_MEANINGS = (
    rows("missing-number", PEOPLE + ",m,no\n", SEX, "row 4, column 'age'", "a number", "got ''"),
    rows("missing-flag", PEOPLE + "1,m,\n", SEX, "row 4, column 'out'", "true or false", "got ''"),
    rows("missing-category", PEOPLE + "1, ,no\n", SEX, "row 4, column 'sex'", "a category", "' '"),
    rows(
        "missing-other",
        PEOPLE + "1,,no\n",
        SEX + 'missing = { age = "mean" }',
        *("row 4, column 'sex'", "expected a category", "got ''"),
    ),
    rows(
        "missing-all",
        "a,b\n,1\n,2\n",
        'missing = { a = "median" }',
        *("column 'a'", "expected values of train", "the median", "got none", "all 2 rows"),
    ),
    BadInput(
        "missing-drops-all",
        file("t.csv", "a,b\n,1\n,2\n"),
        'kind = "table"\npath = "{here}/t.csv"\nmissing = { a = "drop" }',
        ("expected a row with a value in column 'a'", "got none", "missing in 2"),
    ),
    rows(
        "missing-target",
        "a,b\n1,2\n3,\n",
        'target = "b"',
        *("row 2, column 'b'", "expected a number", "got ''"),
    ),
    rows(
        "missing-class",
        PEOPLE + "1,,no\n",
        SEX + 'target = "sex"',
        *("row 4, column 'sex'", "expected", "got ''"),
    ),
    rows("flag-unknown", PEOPLE + "1,m,maybe\n", SEX, "row 4, column 'out'", "got 'maybe'"),
    rows("flag-of-two", PEOPLE + "1,m,2\n", SEX, "row 4, column 'out'", "got '2'"),
    rows("flag-fraction", PEOPLE + "1,m,1.5\n", SEX, "row 4, column 'out'", "got '1.5'"),
    rows("size-unknown", "size\nS\nXL\n", SIZES, "row 2, column 'size'", "S, M", "got 'XL'"),
    rows("size-in-small", "size\nS\nm\n", SIZES, "row 2, column 'size'", "S, M", "got 'm'"),
    rows("size-blank", "size,a\nS,1\n,2\n", SIZES, "row 2, column 'size'", "S, M", "got ''"),
    rows("date-word", "day\n2024-01-01\nsoon\n", DAYS, "row 2, column 'day'", "date", "'soon'"),
    rows("date-30-february", "day\n2024-02-30\n", DAYS, "row 1, column 'day'", "'2024-02-30'"),
    rows("date-29-february", "day\n2023-02-29\n", DAYS, "row 1, column 'day'", "'2023-02-29'"),
    rows("date-of-month-13", "day\n2024-13-01\n", DAYS, "row 1, column 'day'", "'2024-13-01'"),
    rows("date-25-hours", "day\n2024-01-01T25:00\n", DAYS, "column 'day'", "'2024-01-01T25:00'"),
    rows("date-german", "day\n2024-01-02\n03.01.2024\n", DAYS, "row 2", "'03.01.2024'"),
    rows("date-two-digits", "day\n24-01-02\n", DAYS, "row 1, column 'day'", "got '24-01-02'"),
    rows("date-blank", "day,a\n2024-01-02,1\n,2\n", DAYS, "row 2, column 'day'", "got ''"),
    rows("date-not-as-said", "day\n01.02.2024\n2024-02-02\n", GERMAN_DAYS, "row 2", "'2024-02-02'"),
    rows("date-more-behind", "day\n01.02.2024 x\n", GERMAN_DAYS, "row 1", "got '01.02.2024 x'"),
    rows("date-month-of-31", "day\n31.04.2024\n", GERMAN_DAYS, "row 1", "got '31.04.2024'"),
    rows("date-number", "day\n45000\n", DAYS, "row 1, column 'day'", "got '45000'"),
    rows("ordinal-text", "a\n1\nlow\n", 'measures = { a = "ordinal" }', "row 2", "got 'low'"),
    rows(
        "column-unknown",
        PEOPLE,
        SEX + 'missing = { agee = "mean" }',
        *("header", "expected a column 'agee'", "age, sex, out"),
    ),
    rows(
        "columns-unknown",
        PEOPLE,
        'measures = { sax = "categorical", aut = "boolean" }',
        *("header", "'sax'", "'aut'", "age, sex, out"),
        lines=3,
    ),
    rows(
        "exclude-unknown",
        PEOPLE,
        SEX + 'exclude = ["id"]',
        *("header", "expected a column 'id'", "age, sex, out"),
    ),
    rows(
        "indicator-named-as-column",
        "a,a.missing\n1,2\n,3\n",
        'missing = { a = "mean" }\nindicator = ["a"]',
        *("'a.missing'", "twice"),
    ),
    rows(
        "part-named-as-column",
        "day,day.year\n2024-01-01,1\n",
        'dates = { day = ["year"] }',
        *("'day.year'", "twice"),
    ),
    rows(
        "fill-of-train-missing",
        "a,t\n,1\n,2\n5,3\n",
        'missing = { a = "mean" }\ntime = "t"\nsplit = { train = "..2", test = "3.." }',
        *("column 'a'", "expected", "train", "got none"),
    ),
    rows(
        "numbers-huge",
        "a\n1\n1e309\n",
        "",
        *("row 2, column 'a'", "expected a finite number", "'1e309'"),
    ),
)
