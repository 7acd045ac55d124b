"""Folders with a table of people or things, as competitions and archives have them."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from tests.support.own_folders.folders import Frames, of_tables
from tests.support.own_folders.made import Made
from tests.support.own_folders.tabular import check_table
from tests.support.own_folders.truth import (
    AMOUNT,
    CLASSES,
    CODE,
    NAME,
    NUMBER,
    OUT,
    PLACE,
    SPARSE,
    Truth,
)


def rows_of(text: str, delimiter: str = ",") -> pd.DataFrame:
    """The values of a delimited text as they are spelled, by the csv module."""
    header, *rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    return pd.DataFrame(rows, columns=header, dtype=object)


def quoted(value: object, always: bool = False) -> str:
    """A value as spreadsheets write it."""
    text = str(value)
    if always or any(mark in text for mark in ',";\n'):
        return '"' + text.replace('"', '""') + '"'
    return text


# -- passengers: quotes, names with commas, gaps in numbers and in texts
PASSENGERS = {
    **{"PassengerId": OUT, "Survived": CLASSES, "Pclass": CODE, "Name": OUT, "Sex": NAME},
    **{"Age": NUMBER, "SibSp": CODE, "Parch": CODE, "Ticket": OUT, "Fare": NUMBER},
    **{"Cabin": SPARSE, "Embarked": NAME},
}


def write_passengers(root: Path) -> Frames:
    chance, count = np.random.default_rng(1912), 260
    first = ["Owen", "Ellen", "Karl", "Ida", "Amos", "Nora", "Pál", "José"]
    last = ["Braund", "O'Dwyer", "van Melkebeke", "Åström", "de Messemaeker", "Li"]
    sex = chance.choice(["male", "female"], count)
    names = []
    for number in range(count):
        title = "Mr." if sex[number] == "male" else "Miss."
        name = f"{last[number % 6]}, {title} {first[number % 8]} {chr(65 + number % 26)}{number}"
        names.append(f'{name} "Nellie, the younger"' if number % 9 == 0 else name)
    age = np.where(chance.random(count) < 0.2, np.nan, chance.integers(1, 71, count))
    age = np.where(chance.random(count) < 0.05, age + 0.5, age)
    cabin = [
        f"{'ABCDE'[chance.integers(5)]}{chance.integers(1, 120)}" if keep else None
        for keep in chance.random(count) < 0.22
    ]
    embarked = chance.choice(["S", "C", "Q"], count, p=[0.7, 0.2, 0.1]).astype(object)
    embarked[[61, 203]] = None
    frame = pd.DataFrame(
        {
            "PassengerId": np.arange(1, count + 1),
            "Survived": (chance.random(count) < np.where(sex == "male", 0.25, 0.7)).astype(int),
            "Pclass": chance.choice([1, 2, 3], count, p=[0.25, 0.2, 0.55]),
            "Name": names,
            "Sex": sex,
            "Age": age,
            "SibSp": chance.choice([0, 1, 2, 4], count, p=[0.6, 0.3, 0.07, 0.03]),
            "Parch": chance.choice([0, 1, 2], count, p=[0.75, 0.15, 0.1]),
            "Ticket": [
                f"A/5 {21171 + n}" if n % 4 == 0 else str(113803 + 7 * n) for n in range(count)
            ],
            "Fare": np.round(chance.gamma(1.5, 20, count), 4),
            "Cabin": cabin,
            "Embarked": embarked,
        }
    )
    lines = [",".join(frame)]
    for row in frame.itertuples(index=False):
        values = ["" if one is None or one != one else one for one in row]
        lines.append(
            ",".join(
                quoted(f"{one:g}" if name == "Age" and one != "" else one)
                for name, one in zip(frame, values, strict=True)
            )
        )
    (root / "titanic.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return {"titanic.csv": frame}


def read_passengers(path: Path) -> Truth:
    return Truth(rows_of(path.read_text(encoding="utf-8")), PASSENGERS)


# -- flowers: four measures, a text target in the last column, rows that come twice
FLOWERS = {
    **dict.fromkeys(("sepal_length", "sepal_width", "petal_length", "petal_width"), NUMBER),
    "species": CLASSES,
}


def write_flowers(root: Path) -> Frames:
    chance = np.random.default_rng(1936)
    means = {
        "virginica": (6.6, 3.0, 5.5, 2.0),
        "setosa": (5.0, 3.4, 1.5, 0.2),
        "versicolor": (5.9, 2.8, 4.3, 1.3),
    }
    rows = [
        [*np.round(np.abs(chance.normal(mean, 0.3)) + 0.1, 1).tolist(), name]
        for name, mean in means.items()
        for _ in range(49)
    ]
    rows += [rows[3], rows[60], rows[101]]
    frame = pd.DataFrame(rows, columns=list(FLOWERS))
    text = "\n".join(",".join(map(str, row)) for row in [list(frame), *rows])
    (root / "flowers.csv").write_text(text)  # without a line end
    return {"flowers.csv": frame}


def read_flowers(path: Path) -> Truth:
    frame = pd.read_csv(path, dtype=str, keep_default_na=False).astype(object)
    return Truth(frame, FLOWERS)


# -- a bank's calls: quoted texts, "unknown", dots in names, three decimals that are no thousands
CALLS = {
    **{"age": NUMBER, "job": NAME, "marital": NAME, "default": NAME, "housing": NAME},
    **{"month": NAME, "campaign": CODE, "pdays": CODE, "emp.var.rate": NUMBER},
    **{"cons.price.idx": NUMBER, "euribor3m": NUMBER, "nr.employed": NUMBER, "y": CLASSES},
}


def write_calls(root: Path) -> Frames:
    chance, count = np.random.default_rng(2014), 320
    frame = pd.DataFrame(
        {
            "age": chance.integers(18, 90, count),
            "job": chance.choice(["admin.", "blue-collar", "self-employed", "unknown"], count),
            "marital": chance.choice(["married", "single", "divorced", "unknown"], count),
            "default": chance.choice(["no", "unknown"], count, p=[0.8, 0.2]),
            "housing": chance.choice(["yes", "no", "unknown"], count, p=[0.5, 0.45, 0.05]),
            "month": chance.choice(["may", "jun", "nov", "mar"], count),
            "campaign": chance.choice([1, 2, 3, 4], count, p=[0.5, 0.3, 0.15, 0.05]),
            "pdays": chance.choice([999, 3, 6], count, p=[0.9, 0.05, 0.05]),
            "emp.var.rate": chance.choice([1.1, -1.8, -0.1, 1.4], count),
            "cons.price.idx": chance.choice([93.994, 92.893, 94.465, 93.918], count),
            "euribor3m": chance.integers(634, 5045, count) / 1000,
            "nr.employed": chance.choice([5191.0, 5099.1, 5228.1, 4963.6], count),
            "y": chance.choice(["no", "yes"], count, p=[0.85, 0.15]),
        }
    )
    lines = [";".join(quoted(name, True) for name in frame)]
    for row in frame.itertuples(index=False):
        values = (quoted(one, True) if isinstance(one, str) else f"{one:g}" for one in row)
        lines.append(";".join(values))
    (root / "bank-full.csv").write_text("\r\n".join(lines) + "\r\n")
    return {"bank-full.csv": frame}


def read_calls(path: Path) -> Truth:
    return Truth(rows_of(path.read_text(encoding="utf-8"), ";"), CALLS)


# -- incomes: no header, blanks behind commas, "?" for what is not known, in texts and in numbers
INCOMES = [NUMBER, NAME, NUMBER, NAME, CODE, NAME, NAME, NUMBER, NUMBER, CLASSES]


def write_incomes(root: Path) -> Frames:
    chance, count = np.random.default_rng(1994), 300
    work = chance.choice(["Private", "State-gov", "Self-emp-inc"], count, p=[0.7, 0.2, 0.1])
    hours = chance.choice([20, 38, 40, 45, 50, 60], count).astype(float)
    jobs = chance.choice(["Sales", "Craft-repair", "Exec-managerial", "Tech-support"], count)
    unknown = chance.random(count) < 0.06
    hours[chance.random(count) < 0.04] = np.nan
    study = chance.integers(0, 4, count)
    columns = [
        chance.integers(17, 91, count),
        np.where(unknown, None, work),
        chance.integers(12285, 1484705, count),
        np.array(["HS-grad", "Some-college", "Bachelors", "Masters"])[study],
        np.array([9, 10, 13, 14])[study],
        np.where(unknown, None, jobs),
        chance.choice(["Male", "Female"], count),
        np.where(chance.random(count) < 0.9, 0, chance.integers(114, 99999, count)),
        hours,
        np.where(chance.random(count) < 0.76, "<=50K", ">50K"),
    ]
    frame = pd.DataFrame({f"c{place}": column for place, column in enumerate(columns)})
    lines = []
    for row in frame.itertuples(index=False):
        values = ("?" if one is None or one != one else one for one in row)
        lines.append(
            ", ".join(f"{one:g}" if isinstance(one, float) else str(one) for one in values)
        )
    (root / "adult.data").write_text("\n".join(lines) + "\n")
    return {"adult.data": frame}


def read_incomes(path: Path) -> Truth:
    rows = list(csv.reader(path.read_text().splitlines()))
    frame = pd.DataFrame(rows, columns=[f"c{n}" for n in range(len(rows[0]))], dtype=object)
    return Truth(frame, dict(zip(frame, INCOMES, strict=True)), padded=True)


# -- customers: postal codes and numbers of customers that begin with 0; classes 0 to 9
CUSTOMERS = {"kunde_nr": OUT, "plz": PLACE, "alter": NUMBER, "umsatz": NUMBER, "label": CLASSES}


def write_customers(root: Path) -> Frames:
    chance, count = np.random.default_rng(1067), 300
    codes = [
        "01067",
        "04109",
        "06108",
        "07743",
        "09111",
        "10115",
        "20095",
        "39104",
        "50667",
        "80331",
    ]
    frame = pd.DataFrame(
        {
            "kunde_nr": [f"{17 * n + 42:07}" for n in range(count)],
            "plz": chance.choice(codes, count),
            "alter": chance.integers(18, 95, count),
            "umsatz": np.round(chance.gamma(2, 150, count), 2),
            "label": chance.integers(0, 10, count),
        }
    )
    text = frame.to_csv(index=False, lineterminator="\n")
    assert "0000042,0" in text or ",0" in text
    (root / "kunden.csv").write_text(text)
    return {"kunden.csv": frame}


def read_customers(path: Path) -> Truth:
    return Truth(rows_of(path.read_text()), CUSTOMERS)


# -- patients: measures of a dozen people, who come again
PATIENTS = {
    "patient_id": OUT,
    **dict.fromkeys(("acc_x", "acc_y", "acc_z", "heart_rate"), NUMBER),
    "activity": CLASSES,
}


def write_patients(root: Path) -> Frames:
    chance, people, each = np.random.default_rng(30), 16, 24
    count = people * each
    activity = chance.choice(["walking", "sitting", "stairs", "lying"], count)
    patient = np.repeat(chance.permutation(np.arange(101, 101 + people)), each)
    base = np.array([len(one) for one in activity])
    frame = pd.DataFrame(
        {
            "patient_id": patient,
            "acc_x": np.round(chance.normal(base / 9, 0.4), 5),
            "acc_y": np.round(chance.normal(0, 1e-3, count), 7),
            "acc_z": np.round(chance.normal(9.81, 0.2, count), 4),
            "heart_rate": np.round(patient / 2 + chance.normal(base, 3), 1),
            "activity": activity,
        }
    )
    (root / "activity.csv").write_text(frame.to_csv(index=False))
    return {"activity.csv": frame}


def read_patients(path: Path) -> Truth:
    return Truth(rows_of(path.read_text()), PATIENTS, group="patient_id")


# -- houses: train.csv and test.csv of a competition; NA; gaps and categories that only test has
HOUSES = {
    **{"Id": OUT, "MSSubClass": CODE, "LotFrontage": NUMBER, "LotArea": NUMBER, "Alley": SPARSE},
    **{"Utilities": OUT, "Neighborhood": NAME, "OverallQual": CODE, "YearBuilt": NUMBER},
    **{"KitchenQual": NAME, "GarageArea": NUMBER, "SalePrice": AMOUNT},
}


def write_houses(root: Path) -> Frames:
    chance, count = np.random.default_rng(2006), 330
    area = chance.integers(1300, 21000, count)
    quality = chance.integers(1, 11, count)
    frontage = np.where(chance.random(count) < 0.18, np.nan, chance.integers(21, 150, count))
    frame = pd.DataFrame(
        {
            "Id": np.arange(1, count + 1),
            "MSSubClass": chance.choice([20, 60, 50, 120, 190], count),
            "LotFrontage": frontage,
            "LotArea": area,
            "Alley": np.where(
                chance.random(count) < 0.93, None, chance.choice(["Grvl", "Pave"], count)
            ),
            "Utilities": "AllPub",
            "Neighborhood": chance.choice(["CollgCr", "Veenker", "NoRidge", "Mitchel"], count),
            "OverallQual": quality,
            "YearBuilt": chance.integers(1880, 2011, count),
            "KitchenQual": chance.choice(["Ex", "Gd", "TA", "Fa"], count).astype(object),
            "GarageArea": chance.integers(0, 1400, count).astype(float),
            "SalePrice": 7 * area + 21000 * quality + chance.integers(0, 30000, count),
        }
    )
    train, test = frame[:220], frame[220:].drop(columns="SalePrice").reset_index(drop=True)
    test.loc[[4, 57], "Neighborhood"] = "Blueste"
    test.loc[33, "GarageArea"] = np.nan
    test.loc[90, "KitchenQual"] = None
    test.loc[12, "LotArea"] = 215245
    for name, some in (("train.csv", train), ("test.csv", test)):
        text = some.to_csv(index=False, na_rep="NA", float_format="%g")
        (root / name).write_text(text)
    return {"train.csv": train, "test.csv": test}


def read_houses(path: Path) -> Truth:
    frame = rows_of(path.read_text())
    roles = {name: role for name, role in HOUSES.items() if name in frame}
    return Truth(frame, roles, brings_split=True)


def check_houses(made: Made, truths: Mapping[str, Truth]) -> None:
    """Test is scaled by the mean and deviation of train, and has the columns of train."""
    known = check_table(made, truths["train.csv"], "train.csv")
    check_table(made, truths["test.csv"], "test.csv", teacher=known)
    both = [made.artifacts[made.entry("table", file)] for file in truths]
    train, test = (one.manifest["facts"]["features"] for one in both)
    assert train == test


# -- contracts: train.csv, val.csv, test.csv, all with the target
CONTRACTS = {
    **{"customer_id": OUT, "tenure": NUMBER, "contract": NAME, "charges": NUMBER},
    **{"paperless": NAME, "churn": CLASSES},
}


def write_contracts(root: Path) -> Frames:
    chance, frames = np.random.default_rng(77), dict[str, pd.DataFrame]()
    number = 0
    for file, count in (("train.csv", 180), ("val.csv", 60), ("test.csv", 60)):
        charges = np.round(chance.gamma(4, 15, count), 2)
        contract = chance.choice(["month", "one year", "two years"], count).astype(object)
        if file != "train.csv":
            charges = np.round(charges + 40, 2)  # another mean: who learns of it is found out
            contract[5] = "day"
        letters = "ABCDEFGHIJ"
        frames[file] = pd.DataFrame(
            {
                "customer_id": [
                    f"{number + n:04}-{letters[n % 10]}{letters[n % 7]}" for n in range(count)
                ],
                "tenure": chance.integers(0, 73, count),
                "contract": contract,
                "charges": charges,
                "paperless": chance.choice(["yes", "no"], count),
                "churn": chance.choice(["no", "yes"], count, p=[0.7, 0.3]),
            }
        )
        number += count
        (root / file).write_text(frames[file].to_csv(index=False))
    return frames


def read_contracts(path: Path) -> Truth:
    return Truth(rows_of(path.read_text()), CONTRACTS, brings_split=True)


def check_contracts(made: Made, truths: Mapping[str, Truth]) -> None:
    """What is learned is learned of train.csv alone, whether it is one entry, or three."""
    readers = [
        name for name in made.names if (made.folder / "train.csv").resolve() in made.reads(name)
    ]
    if len(readers) == 1 and (made.folder / "val.csv").resolve() in made.reads(readers[0]):
        files = sorted(truths)
        texts = pd.concat([truths[file].texts for file in files], ignore_index=True)
        known = check_table(made, Truth(texts, CONTRACTS, brings_split=True), *files)
        table = made.artifacts[known.name].table
        said = table["file"].str.rpartition("/")[2].str.removesuffix(".csv")
        assert table["split"].tolist() == said.tolist()
        return
    known = check_table(made, truths["train.csv"], "train.csv")
    assert known.train.all(), "rows of train.csv were given to other splits"
    for file in ("val.csv", "test.csv"):
        check_table(made, truths[file], file, teacher=known)


# -- samples of a laboratory: gzip, powers of ten, a column that never varies, rows that come twice
ASSAYS = {
    "run": OUT,
    "signal": NUMBER,
    "offset": NUMBER,
    "gain": OUT,
    "ratio": NUMBER,
    "label": CLASSES,
}


def write_assays(root: Path) -> Frames:
    chance, count = np.random.default_rng(5), 240
    frame = pd.DataFrame(
        {
            "run": [f"run-{n:05}" for n in range(count)],
            "signal": [float(f"{one:.6e}") for one in chance.lognormal(-12, 2, count)],
            "offset": np.round(chance.normal(0, 1000, count), 3),
            "gain": 4.0,
            "ratio": chance.random(count),
            "label": chance.integers(0, 3, count),
        }
    )
    frame.loc[200:, ["signal", "offset", "ratio", "label"]] = frame.loc[
        :39, ["signal", "offset", "ratio", "label"]
    ].to_numpy()
    frame["label"] = frame["label"].astype(int)
    lines = [",".join(frame)]
    lines += [
        f"{run},{signal:.6e},{offset:.3f},{gain},{ratio!r},{label}"
        for run, signal, offset, gain, ratio, label in frame.itertuples(index=False)
    ]
    with (root / "assays.csv.gz").open("wb") as out, gzip.GzipFile("", "wb", 9, out, 0) as packed:
        packed.write(("\n".join(lines) + "\n").encode())
    return {"assays.csv.gz": frame}


def read_assays(path: Path) -> Truth:
    return Truth(rows_of(gzip.decompress(path.read_bytes()).decode()), ASSAYS)


PEOPLE = [
    of_tables("Titanic (Kaggle)", write_passengers, {"titanic.csv": read_passengers}, quick=True),
    of_tables("flowers", write_flowers, {"flowers.csv": read_flowers}),
    of_tables("bank", write_calls, {"bank-full.csv": read_calls}, quick=True),
    of_tables("adult", write_incomes, {"adult.data": read_incomes}),
    of_tables("Kundendaten", write_customers, {"kunden.csv": read_customers}),
    of_tables("wearables", write_patients, {"activity.csv": read_patients}, quick=True),
    of_tables(
        "house-prices",
        write_houses,
        {"train.csv": read_houses, "test.csv": read_houses},
        check_houses,
        quick=True,
    ),
    of_tables(
        "contracts",
        write_contracts,
        dict.fromkeys(("train.csv", "val.csv", "test.csv"), read_contracts),
        check_contracts,
    ),
    of_tables("assays", write_assays, {"assays.csv.gz": read_assays}),
]
