"""Folders with tables of many formats and dialects: of agencies, laboratories, programs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from tests.support.own_folders.folders import Frames, of_tables
from tests.support.own_folders.made import Made
from tests.support.own_folders.people import rows_of
from tests.support.own_folders.tabular import check_table
from tests.support.own_folders.truth import (
    AMOUNT,
    CLASSES,
    CODE,
    DATE,
    NAME,
    NUMBER,
    OUT,
    Truth,
    texts_of,
)

# -- flats: cp1252, semicolons, decimal commas, points between thousands, German dates
FLATS = {
    **{"Objekt-Nr": OUT, "Straße": OUT, "Stadtteil": NAME, "Zimmer": NUMBER, "Wohnfläche": NUMBER},
    **{"Baujahr": NUMBER, "Kaution": NUMBER, "Balkon": NAME, "Einzug": DATE, "Nebenkosten": NUMBER},
    "Preis": AMOUNT,
}


def german(number: float, decimals: int) -> str:
    """As it is written there: 1.234,50."""
    return f"{number:,.{decimals}f}".translate(str.maketrans(",.", ".,"))


def write_flats(root: Path) -> Frames:
    chance, count = np.random.default_rng(1871), 180
    streets = ["Königstraße", "Am Brühl", "Größere Gasse", "Müllerweg", "Süßer Grund"]
    area = np.round(chance.gamma(6, 14, count) + 18, 2)
    area[[17, 130]] = 1045.3, 1210.25  # two floors of an office
    costs = np.where(chance.random(count) < 0.1, np.nan, np.round(chance.gamma(5, 40, count), 2))
    frame = pd.DataFrame(
        {
            "Objekt-Nr": [f"W-{4000 + 3 * n}" for n in range(count)],
            "Straße": [f"{streets[n % 5]} {n + 1}" for n in range(count)],
            "Stadtteil": chance.choice(["Plagwitz", "Gohlis-Süd", "Möckern", "Schönefeld"], count),
            "Zimmer": chance.choice([1.0, 1.5, 2.0, 2.5, 3.0, 4.0], count),
            "Wohnfläche": area,
            "Baujahr": chance.integers(1890, 2021, count),
            "Kaution": chance.integers(8, 60, count) * 100,
            "Balkon": chance.choice(["ja", "nein"], count),
            "Einzug": [
                (date(2020, 12, 31) + timedelta(days=int(n))).strftime("%d.%m.%Y")
                for n in chance.integers(-400, 400, count)
            ],
            "Nebenkosten": costs,
            "Preis": np.round(area * chance.normal(11.5, 1, count) + 120, 2),
        }
    )
    spelled = {
        "Zimmer": lambda one: german(one, 1).removesuffix(",0"),
        "Wohnfläche": lambda one: german(one, 2),
        "Kaution": lambda one: german(one, 0),
        "Nebenkosten": lambda one: "" if one != one else german(one, 2),
        "Preis": lambda one: german(one, 2),
    }
    lines = [";".join(frame)]
    for row in frame.to_dict("records"):
        lines.append(";".join(spelled.get(name, str)(value) for name, value in row.items()))
    (root / "wohnungen.csv").write_bytes(("\r\n".join(lines) + "\r\n").encode("cp1252"))
    return {"wohnungen.csv": frame}


def read_flats(path: Path) -> Truth:
    texts = rows_of(path.read_bytes().decode("cp1252"), ";")
    typed = pd.read_csv(path, sep=";", encoding="cp1252", decimal=",", thousands=".")
    truth = Truth(texts, FLATS, decimal=",", thousands=".", dates="%d.%m.%Y", targets=[None])
    for name in ("Zimmer", "Wohnfläche", "Kaution", "Nebenkosten", "Preis"):  # a second opinion
        assert np.allclose(truth.numbers(name), typed[name], equal_nan=True, rtol=1e-12), name
    return truth


# -- grains: an archive's text file without a header, columns by blanks and tabs, classes 1 to 3
GRAINS = {**{f"c{place}": NUMBER for place in range(7)}, "c7": CLASSES}


def write_grains(root: Path) -> Frames:
    chance = np.random.default_rng(210)
    rows = []
    for number in range(210):
        kind = number // 70 + 1
        size = chance.normal([14.3, 18.3, 11.9][kind - 1], 0.8)
        measures = [
            size,
            size * 0.9,
            0.8 + size / 200,
            size / 2.6,
            size / 4.4,
            abs(5 - size / 6),
            size / 3,
        ]
        rows.append([*(round(one + chance.normal(0, 0.02), 4) for one in measures), kind])
    frame = pd.DataFrame(rows, columns=list(GRAINS))
    text = ""
    for number, row in enumerate(rows):
        mark = "\t\t" if number % 31 == 7 else "   " if number % 31 == 19 else "\t"
        text += (" " if number % 40 == 3 else "") + mark.join(f"{one:g}" for one in row) + "\n"
    (root / "seeds_dataset.txt").write_text(text)
    return {"seeds_dataset.txt": frame}


def read_grains(path: Path) -> Truth:
    rows = [line.split() for line in path.read_text().splitlines()]
    frame = pd.DataFrame(rows, columns=list(GRAINS), dtype=object)
    typed = pd.read_csv(path, sep=r"\s+", header=None)
    assert np.array_equal(typed.to_numpy(float), frame.astype(float).to_numpy())
    return Truth(frame, GRAINS)


# -- doses: tabs, a byte order mark, lines of comments before and between, letters beyond Latin
DOSES = {
    **{"sample_id": OUT, "compound": NAME, "dose_µg": NUMBER, "pH": NUMBER, "valid": NAME},
    **{"operator": OUT, "response": AMOUNT},
}


def write_doses(root: Path) -> Frames:
    chance, count = np.random.default_rng(8), 150
    dose = chance.choice([0.0, 0.5, 1.0, 2.0, 5.0, 10.0], count)
    frame = pd.DataFrame(
        {
            "sample_id": [f"S{n:04}" for n in range(count)],
            "compound": chance.choice(["α-pinene", "β-carotene", "caffeine"], count),
            "dose_µg": dose,
            "pH": np.round(chance.normal(7, 0.5, count), 2),
            "valid": chance.choice(["true", "false"], count, p=[0.8, 0.2]),
            "operator": "M. Curie",
            "response": np.round(dose * 3.1 + chance.normal(0, 1, count), 3),
        }
    )
    lines = ["# exported 2024-02-03\tby laboratory 4", "# doses in µg", "\t".join(frame)]
    for number, row in enumerate(frame.itertuples(index=False)):
        if number in (50, 100):
            lines.append("# the instrument was started again")
        lines.append("\t".join(f"{one:g}" if isinstance(one, float) else str(one) for one in row))
    (root / "doses.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8-sig")
    return {"doses.tsv": frame}


def read_doses(path: Path) -> Truth:
    text = path.read_text(encoding="utf-8-sig")
    kept = [line for line in text.splitlines() if not line.startswith("#")]
    return Truth(rows_of("\n".join(kept), "\t"), DOSES, targets=[None])


# -- sales: a file for each month, one with its columns in another order, gaps in the last one
SALES = {
    **{"order_id": OUT, "date": DATE, "store": NAME, "product": NAME, "units": NUMBER},
    **{"price": NUMBER, "discount": NUMBER, "revenue": NUMBER},
}
MONTHS = [f"sales_2023_{month:02}.csv" for month in range(1, 7)]


def write_sales(root: Path) -> Frames:
    chance, frames = np.random.default_rng(2023), {}
    for month, file in enumerate(MONTHS, 1):
        count = 40 + month
        price = np.round(chance.gamma(3, 9, count), 2)
        units = chance.integers(1, 40, count)
        frame = pd.DataFrame(
            {
                "order_id": [f"2023-{month:02}-{n:05}" for n in range(count)],
                "date": [f"2023-{month:02}-{chance.integers(1, 29):02}" for _ in range(count)],
                "store": chance.choice(["Ulm", "Bonn", "Kiel"], count),
                "product": chance.choice(["pen", "ink", "paper", "glue"], count),
                "units": units,
                "price": price,
                "discount": np.round(chance.random(count) / 4, 3),
                "revenue": np.round(price * units * chance.normal(1, 0.05, count), 2),
            }
        )
        if month == 6:
            frame.loc[[11, 30], "discount"] = np.nan
        frames[file] = frame
        written = frame[[*list(frame)[::-1]]] if month == 3 else frame
        (root / file).write_text(written.to_csv(index=False))
    return frames


def read_sales(path: Path) -> Truth:
    return Truth(rows_of(path.read_text())[list(SALES)], SALES, targets=["revenue"])


def check_sales(made: Made, truths: Mapping[str, Truth]) -> None:
    """All months are one table, and each row says which file it is of."""
    texts = pd.concat([truths[file].texts for file in MONTHS], ignore_index=True)
    known = check_table(made, Truth(texts, SALES, targets=["revenue"]), *MONTHS)
    files = made.artifacts[known.name].table["file"].str.rpartition("/")[2]
    assert files.tolist() == [file for file in MONTHS for _ in range(len(truths[file].texts))]


# -- users: Parquet with dates, times, truth values, whole numbers with gaps, a dictionary
USERS = {
    **{"user_id": OUT, "signup": DATE, "last_login": DATE, "premium": CODE, "visits": NUMBER},
    **{"plan": NAME, "country": NAME, "score": NUMBER, "churned": CLASSES},
}


def write_users(root: Path) -> Frames:
    chance, count = np.random.default_rng(64), 220
    start = date(2019, 3, 1)
    login = datetime(2024, 1, 1)

    def gaps(values: list[object], share: float) -> list[object]:
        return [
            None if lack < share else one
            for one, lack in zip(values, chance.random(count), strict=True)
        ]

    columns = {
        "user_id": (chance.permutation(count) + 50_000).tolist(),
        "signup": [start + timedelta(days=int(n)) for n in chance.integers(0, 1500, count)],
        "last_login": gaps(
            [login + timedelta(minutes=int(n)) for n in chance.integers(0, 400_000, count)], 0.06
        ),
        "premium": gaps(chance.choice([True, False], count).tolist(), 0.05),
        "visits": gaps(chance.integers(0, 900, count).tolist(), 0.08),
        "plan": chance.choice(["basic", "pro", "team"], count).tolist(),
        "country": gaps(chance.choice(["DE", "FR", "NL", "PL"], count).tolist(), 0.04),
        "score": gaps(np.round(chance.normal(0.5, 0.2, count), 6).tolist(), 0.07),
        "churned": chance.choice([True, False], count, p=[0.3, 0.7]).tolist(),
    }
    types = {
        **{"user_id": pa.int64(), "signup": pa.date32(), "last_login": pa.timestamp("us")},
        **{"premium": pa.bool_(), "visits": pa.int32(), "country": pa.string()},
        **{
            "plan": pa.dictionary(pa.int8(), pa.string()),
            "score": pa.float64(),
            "churned": pa.bool_(),
        },
    }
    table = pa.table({name: pa.array(columns[name], types[name]) for name in USERS})
    pq.write_table(table, root / "users.parquet", row_group_size=64)
    frame = texts_of(
        pd.DataFrame({name: pd.Series(values, dtype=object) for name, values in columns.items()})
    )
    return {"users.parquet": frame}


def read_users(path: Path) -> Truth:
    columns = pq.read_table(path).to_pydict()
    frame = pd.DataFrame({name: pd.Series(one, dtype=object) for name, one in columns.items()})
    return Truth(texts_of(frame), USERS)


# -- reviews: an object in each line, keys in another order, or missing, or null; free text
REVIEWS = {
    **{"id": OUT, "title": OUT, "stars": CODE, "price": NUMBER, "category": NAME},
    **{"in_stock": CODE, "sentiment": CLASSES},
}


def write_reviews(root: Path) -> Frames:
    chance, count = np.random.default_rng(33), 160
    words = [
        "Kabel",
        "schön",
        "broken",
        "“fine”",
        "café",
        "naïve",
        "again",
        "never",
        "{odd}",
        "a\\b",
    ]
    rows = []
    for number in range(count):
        row = {
            "id": f"r{number:x}-{chance.integers(1 << 30):08x}",
            "title": f"{' '.join(chance.choice(words, 5))} {number}",
            "stars": int(chance.integers(1, 6)),
            "price": round(float(chance.gamma(2, 12)), 2),
            "category": str(chance.choice(["books", "toys", "tools"])),
            "in_stock": bool(chance.random() < 0.7),
            "sentiment": str(chance.choice(["neg", "neu", "pos"])),
        }
        if number % 17 == 5:
            row["price"] = None
        if number % 23 == 9:
            del row["price"]
        rows.append(dict(reversed(row.items())) if number % 10 == 4 else row)
    lines = (json.dumps(row, ensure_ascii=number % 2 == 0) for number, row in enumerate(rows))
    (root / "reviews.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    frame = pd.DataFrame(
        {name: pd.Series([row.get(name) for row in rows], dtype=object) for name in REVIEWS}
    )
    return {"reviews.jsonl": texts_of(frame)}


def read_reviews(path: Path) -> Truth:
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    columns = {name: pd.Series([row.get(name) for row in rows], dtype=object) for name in REVIEWS}
    return Truth(texts_of(pd.DataFrame(columns)), REVIEWS)


# -- a workbook with one sheet: dates of Excel, empty cells, whole numbers as floats
SHEET = {
    **{"Probe": OUT, "Datum": DATE, "Anlage": NAME, "Temperatur (°C)": NUMBER, "Druck": NUMBER},
    **{"Menge": NUMBER, "Ergebnis": CLASSES},
}


def write_sheet(root: Path) -> Frames:
    import openpyxl

    chance, count = np.random.default_rng(16), 140
    rows = []
    for number in range(count):
        day = datetime(2022, 1, 3) + timedelta(days=int(chance.integers(0, 600)))
        rows.append(
            [
                f"P-{number:03}",
                day,
                str(chance.choice(["Nord", "Süd", "Mitte"])),
                round(float(chance.normal(71, 4)), 2),
                None if chance.random() < 0.1 else round(float(chance.gamma(3, 1)), 3),
                int(chance.integers(1, 5000)),
                str(chance.choice(["gut", "schlecht"])),
            ]
        )
    book = openpyxl.Workbook()
    book.active.title = "Messwerte"
    for row in [list(SHEET), *rows]:
        book.active.append(row)
    book.save(root / "Messwerte 2022.xlsx")
    frame = pd.DataFrame(
        {name: pd.Series([row[n] for row in rows], dtype=object) for n, name in enumerate(SHEET)}
    )
    return {"Messwerte 2022.xlsx": texts_of(frame)}


def read_sheet(path: Path) -> Truth:
    frame = pd.read_excel(path)
    frame = pd.DataFrame({name: pd.Series(frame[name].tolist(), dtype=object) for name in frame})
    return Truth(texts_of(frame), SHEET)


# -- weather: Latin-1, three lines above the header, accents in the names of columns
WEATHER = {
    **{"date": DATE, "température_c": NUMBER, "humidité_pct": NUMBER, "ciel": NAME},
    "pluie_mm": NUMBER,
}


def write_weather(root: Path) -> Frames:
    chance, count = np.random.default_rng(25), 130
    start = date(2021, 3, 4)
    warm = np.round(chance.normal(12, 6, count), 1)
    warm[[3, 77, 101]] = np.nan
    frame = pd.DataFrame(
        {
            "date": [(start + timedelta(days=n)).isoformat() for n in range(count)],
            "température_c": warm,
            "humidité_pct": chance.integers(30, 100, count),
            "ciel": chance.choice(["dégagé", "couvert", "brume"], count),
            "pluie_mm": np.round(
                np.where(chance.random(count) < 0.6, 0, chance.gamma(1, 4, count)), 1
            ),
        }
    )
    text = "Station météo de Besançon\nExporté le 2021-07-12, données brutes\n\n"
    text += frame.to_csv(index=False)
    (root / "meteo.csv").write_bytes(text.encode("latin-1"))
    return {"meteo.csv": frame}


def read_weather(path: Path) -> Truth:
    lines = path.read_bytes().decode("latin-1").split("\n")
    return Truth(rows_of("\n".join(lines[3:])), WEATHER, targets=["pluie_mm"])


# -- hourly counts: two hours are missing
COUNTS = ("date", "hour", "temp", "humidity", "cnt")
ABSENT = {(3, 4), (6, 22)}


def write_counts(root: Path) -> Frames:
    chance, rows = np.random.default_rng(24), []
    for day in range(12):
        for hour in range(24):
            if (day, hour) not in ABSENT:
                when = (date(2012, 2, 25) + timedelta(days=day)).isoformat()
                warm = round(10 + 6 * np.sin(hour / 24 * 6.28) + chance.normal(), 2)
                rows.append(
                    [when, hour, warm, int(chance.integers(20, 100)), int(chance.integers(0, 900))]
                )
    frame = pd.DataFrame(rows, columns=list(COUNTS))
    (root / "hour.csv").write_text(frame.to_csv(index=False))
    return {"hour.csv": frame}


def read_counts(path: Path) -> Truth:
    rows = list(csv.DictReader(io.StringIO(path.read_text())))
    return Truth(pd.DataFrame(rows, dtype=object), dict.fromkeys(COUNTS, NUMBER) | {"date": DATE})


def check_counts(made: Made, truths: Mapping[str, Truth]) -> None:
    """Every hour is there, the two that the file lacks are told, all values in their hours."""
    artifact = made.artifacts[made.entry("timeseries", "hour.csv")]
    truth, facts = truths["hour.csv"], artifact.manifest["facts"]
    observed = artifact.tensors["hourly_observed"].numpy()
    lacking = [day * 24 + hour for day, hour in sorted(ABSENT)]
    assert len(observed) == 288 and np.flatnonzero(~observed).tolist() == lacking
    hourly = artifact.tensors["hourly"].numpy()[observed]
    for name in ("hour", "temp", "humidity", "cnt"):
        got = hourly[:, facts["channels"].index(name)]
        assert np.array_equal(got, truth.numbers(name).astype(np.float32)), name
    assert artifact.tensors["daily"].shape[0] == 12


MEASUREMENTS = [
    of_tables("Wohnungen Leipzig", write_flats, {"wohnungen.csv": read_flats}, quick=True),
    of_tables("seeds", write_grains, {"seeds_dataset.txt": read_grains}, quick=True),
    of_tables("doses", write_doses, {"doses.tsv": read_doses}),
    of_tables("sales", write_sales, dict.fromkeys(MONTHS, read_sales), check_sales),
    of_tables("users", write_users, {"users.parquet": read_users}),
    of_tables("reviews", write_reviews, {"reviews.jsonl": read_reviews}),
    of_tables("Labor", write_sheet, {"Messwerte 2022.xlsx": read_sheet}),
    of_tables("meteo", write_weather, {"meteo.csv": read_weather}),
    of_tables("rental-counts", write_counts, {"hour.csv": read_counts}, check_counts),
]
