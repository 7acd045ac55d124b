"""Hourly series whose hours cannot be."""

from __future__ import annotations

from tests.support.bad_inputs.building import HOURS, SERIES, BadInput, days, file

BAD_SERIES = (
    BadInput(
        "hours-bad-date",
        days({30: "2011-02-30,5,1,1"}),
        SERIES,
        ("hours-bad-date/hour.csv", "row 30, column 'date'", "expected a date", "got '2011-02-30'"),
    ),
    BadInput(
        "hours-24",
        days({24: "2011-01-01,24,1,1"}),
        SERIES,
        ("hours-24/hour.csv", "row 24, column 'hour'", "expected an hour from 0 to 23", "got 24"),
    ),
    BadInput(
        "hours-doubled",
        days({8: "2011-01-01,6,1,1"}),
        SERIES,
        (
            "hours-doubled/hour.csv",
            "row 8, column 'hour'",
            "another hour",
            "row 7",
            "2011-01-01T06",
        ),
    ),
    BadInput(
        "hours-weather-5",
        days({40: "2011-01-02,15,5,1"}),
        SERIES,
        ("hours-weather-5/hour.csv", "row 40, column 'weather'", "a code from 1 to 4", "got 5"),
    ),
    BadInput(
        "hours-no-column",
        days({}),
        SERIES + '\nscale = { temp = "standard" }',
        ("hours-no-column/hour.csv", "expected a column 'temp'", "date, hour, weather, count"),
    ),
    BadInput(
        "hours-text",
        days({2: "2011-01-01,1,1,many"}),
        SERIES,
        ("hours-text/hour.csv", "row 2, column 'count'", "expected a number", "got 'many'"),
    ),
    BadInput(
        "hours-gap",
        days({n + 25: f"2011-01-05,{n},1,1" for n in range(24)}),
        SERIES,
        (
            "hours-gap/hour.csv",
            "after row 24",
            "at most 23 missing hours",
            'gaps = "join"',
            "got 72, 2011-01-02T00 to 2011-01-04T23",
        ),
    ),
    BadInput(
        "hours-no-whole-day",
        file("hour.csv", HOURS + "".join(f"2011-01-01,{h},1,1\n" for h in range(23))),
        SERIES,
        (
            "hours-no-whole-day/hour.csv",
            "expected at least one whole day",
            "got 2011-01-01T00 to 2011-01-01T22",
        ),
    ),
    BadInput(
        "hours-too-many-codes",
        days({}),
        SERIES.replace("weather = 4", "weather = 100000"),
        ("hours-too-many-codes/hour.csv", "column 'weather'", "max_columns = 100000", "got 100000"),
    ),
    BadInput(
        "hours-scale-tiny",
        days({}),
        SERIES + "\nscale = { count = [0, 1e-300] }",
        ("hours-scale-tiny/hour.csv", "scale of column 'count'", "within float32", "e+301"),
    ),
)
