"""What `ptm init` sees in tables: their columns, the target, what to leave out, what is missing."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ptm.init import catalog_text, inspect

Look = Callable[..., dict[str, dict[str, Any]]]
SPLIT = {"train": 0.8, "val": 0.1, "test": 0.1}


def rows(count: int, line: Callable[[int, random.Random], str], seed: int = 0) -> str:
    """Lines of a table."""
    rng = random.Random(seed)
    return "".join(f"{line(number, rng)}\n" for number in range(count))


def passenger(number: int, rng: random.Random) -> str:
    age = "" if rng.random() < 0.2 else f"{rng.uniform(1, 80):.1f}"
    cabin = "" if rng.random() < 0.8 else f"C{rng.randint(1, 140)}"
    port = "" if number == 61 else rng.choice("SCQ")
    name = f'"Braund{number}, Mr. ""Owen"" Harris"'
    sex = rng.choice(["male", "female"])
    numbers = f"{rng.randint(0, 4)},{rng.uniform(7, 90):.4f}"
    known = f"{number + 1},{rng.randint(0, 1)},{rng.randint(1, 3)}"
    return f"{known},{name},{sex},{age},{numbers},{cabin},{port}"


PASSENGERS = "PassengerId,Survived,Pclass,Name,Sex,Age,SibSp,Fare,Cabin,Embarked\n"


def test_passengers(look: Look) -> None:
    """Names in quotes with commas, missing ages, an id: the target is the one by its name."""
    entry = look({"titanic.csv": PASSENGERS + rows(500, passenger)})["titanic"]
    assert entry == {
        "kind": "table",
        "path": "titanic.csv",
        "exclude": ["PassengerId", "Name", "Cabin"],
        "target": "Survived",
        "classes": 2,
        "split": SPLIT,
        "measures": {"Sex": "categorical", "Embarked": "categorical"},
        "missing": {"Age": "median", "Embarked": "category"},
    }


def flower(number: int, rng: random.Random) -> str:
    numbers = ",".join(f"{rng.uniform(0.1, 7):.1f}" for _ in range(4))
    return f"{numbers},{['setosa', 'versicolor', 'virginica'][number % 3]}"


FLOWERS = "sepal_length,sepal_width,petal_length,petal_width,species\n"


def test_flowers(look: Look) -> None:
    """A target of names: its classes."""
    entry = look({"iris.csv": FLOWERS + rows(150, flower)})["iris"]
    assert entry["target"] == "species"
    assert entry["measures"] == {"species": "categorical"}
    assert not {"exclude", "missing", "classes", "delimiter", "header"} & entry.keys()


def test_flowers_without_a_header(look: Look) -> None:
    """Without names the last column is the target where it alone has few values."""
    entry = look({"iris.data": rows(150, flower)})["iris"]
    assert (entry["header"], entry["target"]) == (False, "c4")
    assert entry["measures"] == {"c4": "categorical"}


def flat(number: int, rng: random.Random) -> str:
    area = f"{rng.uniform(20, 150):.1f}".replace(".", ",")
    price = f"{rng.randint(400, 2500):,}".replace(",", ".")
    built = f"{rng.randint(1, 28):02}.{rng.randint(1, 12):02}.{rng.randint(1900, 2020)}"
    city = rng.choice(["Köln", "München", "Düsseldorf"])
    code, balcony = rng.choice(["01067", "04109", "10115"]), rng.choice(["ja", "nein"])
    return f"{number + 1};{city};{code};{area};{rng.randint(1, 5)};{built};{balcony};{price}"


FLATS = "Nr;Stadt;PLZ;Wohnfläche;Zimmer;Baudatum;Balkon;Kaltmiete\n"


def test_german_flats(look: Look) -> None:
    """Semicolons, a decimal comma, thousands, cp1252, dates, postal codes with zeros."""
    text = FLATS + rows(300, flat)
    entry = look({"wohnungen.csv": text.encode("cp1252")})["wohnungen"]
    assert entry == {
        "kind": "table",
        "path": "wohnungen.csv",
        "delimiter": ";",
        "decimal": ",",
        "thousands": ".",
        "encoding": "cp1252",
        "exclude": ["Nr"],
        "target": "Kaltmiete",
        "date_format": "%d.%m.%Y",
        "split": SPLIT,
        "measures": {
            "Stadt": "categorical",
            "PLZ": "categorical",
            "Baudatum": "date",
            "Balkon": "categorical",
        },
    }


def test_training_and_test(look: Look) -> None:
    """Two files with the same columns but the target: the second is encoded by the first."""
    train = PASSENGERS + rows(300, passenger)
    lines = [",".join((*line.split(",")[:1], *line.split(",")[2:])) for line in train.split("\n")]
    found = look({"train.csv": train, "test.csv": "\n".join(lines)})
    assert found["test"] == {"kind": "table", "path": "test.csv", "learn_from": "train"}
    assert found["train"]["target"] == "Survived"
    assert "split" not in found["train"]


def test_two_trainings_with_their_tests(look: Look) -> None:
    """Each test is encoded by what the training in its own folder learned."""
    files = {}
    for name in ("a", "b"):
        header = f"{name}1,{name}2,{name}3"
        three = rows(100, lambda n, rng: f"{rng.random()},{rng.random()},{rng.random()}")
        files[f"{name}/train.csv"] = f"{header}\n{three}"
        two = rows(30, lambda n, rng: f"{rng.random()},{rng.random()}")
        files[f"{name}/test.csv"] = f"{header[:5]}\n{two}"
    found = look(files)
    by_path = {entry["path"]: name for name, entry in found.items()}
    for name in ("a", "b"):
        test = found[by_path[f"{name}/test.csv"]]
        assert test["learn_from"] == by_path[f"{name}/train.csv"]


def test_what_the_test_alone_lacks(look: Look) -> None:
    """The column that the test has not is the target, whatever it is called."""
    train = "a,b,zz\n" + rows(100, lambda n, rng: f"{rng.random()},{rng.random()},{rng.random()}")
    test = "a,b\n" + rows(30, lambda n, rng: f"{rng.random()},{rng.random()}")
    found = look({"x_train.csv": train, "x_test.csv": test})
    assert found["x_train"]["target"] == "zz"
    assert found["x_test"]["learn_from"] == "x_train"


def test_missing_in_the_test_alone(look: Look) -> None:
    """What stands for a value that is missing in the test is learned from the training."""
    train = "a,b,y\n" + rows(100, lambda n, rng: f"{rng.random()},{rng.random()},{n % 2}")
    test = "a,b\n" + rows(30, lambda n, rng: f"{rng.random()},{'' if n == 7 else rng.random()}")
    found = look({"train.csv": train, "test.csv": test})
    assert found["train"]["missing"] == {"b": "median"}


def test_columns_of_one_of_two(look: Look) -> None:
    """What the test has not is no feature; what it has more is left out; it may be written in
    another way."""
    line = lambda n, rng: f"{n};{rng.random()};{rng.random()};{rng.random()}"  # noqa: E731
    train = "id;a;casual;count\n" + rows(100, line)
    test = "id,a,more\n" + rows(50, lambda n, rng: f"{n + 100},{rng.random()},{rng.random()}")
    found = look({"train.csv": train, "test.csv": test})
    assert (found["train"]["target"], found["train"]["exclude"]) == ("count", ["id", "casual"])
    assert found["test"]["delimiter"] == ","
    assert found["test"]["exclude"] == ["id", "more"]


def test_a_form_for_answers(look: Look, left_out: Callable[..., dict[str, str]]) -> None:
    """A submission beside training and test is no data."""
    files = {
        "train.csv": "id,a,y\n" + rows(60, lambda n, rng: f"{n},{rng.random()},{n % 2}"),
        "test.csv": "id,a\n" + rows(60, lambda n, rng: f"{n},{rng.random()}"),
        "sample_submission.csv": "id,y\n" + rows(60, lambda n, rng: f"{n},0"),
    }
    assert set(look(files)) == {"train", "test"}
    assert "answers" in left_out()["sample_submission.csv"]


def test_several_files_of_one_table(look: Look) -> None:
    """Files with the same columns are one entry, which others beside them are not."""
    sale = lambda n, rng: f"{rng.randint(1, 99)},{rng.random() * 100:.2f}"  # noqa: E731
    found = look(
        {
            **{
                f"sales_{year}.csv": "amount,price\n" + rows(40, sale, year)
                for year in (2023, 2024)
            },
            "shops.csv": "shop,city\n1,Rom\n2,Bonn\n",
        }
    )
    assert found["sales"]["path"] == "sales_*.csv"
    assert found["sales"]["split"] == SPLIT
    assert found["shops"]["path"] == "shops.csv"


def test_many_files(look: Look) -> None:
    """Of very many files some are read, and all are taken."""
    found = look({f"log/{n:04}.csv": f"a,b\n{n}.5,2\n3,4\n" for n in range(300)})
    assert [entry["path"] for entry in found.values()] == ["log/*.csv"]


def test_a_group(look: Look) -> None:
    """Rows of a patient stay together in one split."""
    line = lambda n, rng: f"P{n // 4},{rng.random()},{n % 2}"  # noqa: E731
    entry = look({"visits.csv": "patient_id,pressure,outcome\n" + rows(200, line)})["visits"]
    assert (entry["group"], entry["target"]) == ("patient_id", "outcome")
    assert "exclude" not in entry


def test_words_for_nothing(look: Look) -> None:
    """What people write for nothing, in numbers and texts; -999 is told, not taken."""
    words = ["NA", "n/a", "null", "None", "?", "-"]

    def line(number: int, rng: random.Random) -> str:
        value = words[number % 6] if number % 10 == 0 else f"{rng.random():.3f}"
        far = -999 if number % 20 == 3 else rng.randint(0, 50)
        return f"{value},{'?' if number % 30 == 1 else rng.choice('ab')},{far}"

    text = look_text(look, {"t.csv": "x,kind,y2\n" + rows(300, line)})
    entry = look()["t"]
    assert set(entry["na_values"]) == {"NA", "null", "?"} | {
        words[n % 6] for n in range(0, 300, 10)
    }
    assert entry["missing"] == {"x": "median", "kind": "category"}
    assert "# na_values = " in text and "-999" in text


def look_text(look: Look, files: dict[str, str]) -> str:
    """The catalog as it is written."""
    look(files)
    folder = look.__closure__[0].cell_contents  # type: ignore[attr-defined, union-attr, index]
    return catalog_text(inspect(folder), folder / "catalog.toml")


def test_a_wrong_value_behind_the_sample(look: Look) -> None:
    """All rows of a file of some size are looked at: a missing value may be the last."""
    text = "a,b\n" + rows(60_000, lambda n, rng: f"{n % 97}.5,{n % 89}.25") + "NA,3\n"
    entry = look({"long.csv": text})["long"]
    assert (entry["na_values"], entry["missing"]) == (["NA"], {"a": "median"})


def test_words_of_ones_own_for_nothing(look: Look) -> None:
    """A text that comes again among numbers stands for nothing there, and in all columns."""
    line = lambda n, rng: f"{'no data' if n % 4 else rng.random()},{'no data' if n % 9 else 'a'}"  # noqa: E731
    entry = look({"t.csv": "x,kind\n" + rows(300, line)})["t"]
    assert entry["na_values"] == ["no data"]
    assert entry["missing"] == {"x": "median", "kind": "category"}


def test_broken_rows(look: Look) -> None:
    """Rows with other numbers of fields, and values that are no numbers, are set aside."""
    text = "a,b\n" + rows(300, lambda n, rng: f"{rng.random()},{rng.random()}")
    entry = look({"t.csv": text + "1,2,3\n1\n12..5,3\n"})["t"]
    assert entry["on_bad"] == "quarantine"
    assert "exclude" not in entry


def test_columns_to_leave_out(look: Look) -> None:
    """Nothing in it, always the same, another in each row, free text."""

    def line(number: int, rng: random.Random) -> str:
        return f"{number:08x}-ab,,{7},{'word ' * rng.randint(1, 9)}{number},{rng.random()}"

    entry = look({"t.csv": "uuid,empty,same,comment,value\n" + rows(100, line)})["t"]
    assert entry["exclude"] == ["uuid", "empty", "same", "comment"]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["0", "1"], {"classes": 2}),
        (["0", "1", "2", "3"], {"classes": 4}),
        (["1", "2", "3"], {"measures": {"label": "categorical"}}),
        (["yes", "no"], {"measures": {"label": "boolean"}}),
        (["1.5", "2.25", "3.125"], {}),
    ],
)
def test_what_a_target_is(look: Look, values: list[str], expected: dict[str, Any]) -> None:
    """Whole numbers from 0 are classes by themselves, others have names; fractions are none."""
    text = "x,label\n" + rows(90, lambda n, rng: f"{rng.random()},{values[n % len(values)]}")
    entry = look({"t.csv": text})["t"]
    assert entry["target"] == "label"
    known = {name: entry[name] for name in ("classes", "measures") if name in entry}
    assert known == expected


@pytest.mark.parametrize(
    ("names", "target"),
    [
        (["product_category", "size"], None),
        (["product_category", "label"], "label"),
        (["HouseAge", "MedianHouseValue"], "MedianHouseValue"),
        (["Kaltmiete", "Stadtteil"], "Kaltmiete"),
        (["acc_x", "acc_y"], None),
        (["Überlebt", "Alter"], "Überlebt"),
        (["SalePrice", "MoSold"], "SalePrice"),
    ],
)
def test_names_of_targets(look: Look, names: list[str], target: str | None) -> None:
    """A column that is called as targets are, in other languages too."""
    text = f"a,{','.join(names)}\n"
    text += rows(90, lambda n, rng: f"{rng.random()},{rng.random()},{rng.random()}")
    assert look({"t.csv": text})["t"].get("target") == target


def test_few_rows(look: Look, tmp_path: Path) -> None:
    """Of few rows no split is made; it is offered."""
    look({"t.csv": "x,y\n" + rows(20, lambda n, rng: f"{rng.random()},{n % 2}")})
    text = catalog_text(inspect(tmp_path), tmp_path / "catalog.toml")
    assert "\n# split = { train = 0.8" in text


def test_parquet(look: Look, tmp_path: Path) -> None:
    """The types of Parquet: booleans, times, lists."""
    rng = random.Random(1)
    table = pa.table(
        {
            "id": range(100),
            "x": [None if n == 5 else rng.random() for n in range(100)],
            "ok": [n % 3 == 0 for n in range(100)],
            "day": pa.array([86_400_000 * n for n in range(100)], pa.timestamp("ms")),
            "tags": [["a"]] * 100,
            "label": ["cat" if n % 2 else "dog" for n in range(100)],
        }
    )
    pq.write_table(table, tmp_path / "t.parquet")
    entry = look()["t"]
    assert entry["columns"] == ["id", "x", "ok", "day", "label"]
    assert entry["exclude"] == ["id"]
    assert entry["target"] == "label"
    assert entry["measures"] == {"ok": "boolean", "day": "date", "label": "categorical"}
    assert entry["missing"] == {"x": "median"}


def test_records(look: Look) -> None:
    """JSON lines, and one list of records."""
    lines = rows(60, lambda n, rng: f'{{"a": {rng.random()}, "b": "{"xy"[n % 2]}", "c": null}}')
    found = look({"l.jsonl": lines, "a.json": "[" + ",".join(lines.split("\n")[:-1]) + "]"})
    for entry in found.values():
        assert entry["exclude"] == ["c"]
        assert entry["measures"]["b"] == "categorical"


def test_sheets(look: Look, tmp_path: Path) -> None:
    """Each sheet of a workbook is an entry; a lone one needs no word."""
    from openpyxl import Workbook

    book = Workbook()
    first = book.active
    assert first is not None
    first.title = "Preise 2024"
    for sheet in (first, book.create_sheet("Orte")):
        sheet.append(["a", "b"])
        for number in range(60):
            sheet.append([number * 1.5, "xy"[number % 2]])
    book.save(tmp_path / "flats.xlsx")
    found = look()
    assert {entry["sheet"] for entry in found.values()} == {"Preise 2024", "Orte"}
    assert set(found) == {"flats_preise_2024", "flats_orte"}
