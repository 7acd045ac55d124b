"""The folders of the tutorials: data of the kinds that people have, with truths planted in it.

Each function writes a folder, always the same, and gives what is true of it: what is missing, the
coefficients and centres that values were drawn by, what the best possible model is right in.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

Truth = dict[str, Any]

FIRST = ("Anna", "Ben", "Clara", "David", "Elsa", "Frank", "Greta", "Hugo", "Ida", "Jakob", "Leo")
LAST = (
    "Adler",
    "Berg",
    "Dahl",
    "Ek",
    "Falk",
    "Grund",
    "Holm",
    "Jung",
    "Krog",
    "Lund",
    "Moe",
    "Olsen",
)
SPECIES = {  # mean length and width of sepals and petals, in cm
    "bellflower": (5.0, 3.4, 1.5, 0.3),
    "cornflower": (5.9, 2.8, 4.3, 1.3),
    "foxglove": (6.6, 3.0, 5.6, 2.0),
}
SPREAD = (0.35, 0.3, 0.25, 0.15)  # standard deviations of the four, of each species
DISTRICTS = {"Altstadt": 180.0, "Südvorstadt": 60.0, "Plagwitz": 0.0, "Grünau": -120.0}
PER_AREA, PER_ROOM, BALCONY, BASE = 9.5, 40.0, 35.0, 90.0  # euros of rent, each month
RENT_NOISE = 30.0
NEIGHBOURHOODS = {"Harbour": 40_000.0, "Hill": 90_000.0, "Meadow": 0.0, "Station": -20_000.0}
PER_FOOT, PER_YEAR, HOUSE_NOISE = 110.0, 600.0, 8_000.0  # dollars
SIDES = {"circle": 60, "square": 4, "triangle": 3}


def passengers(folder: Path, count: int = 891) -> Truth:
    """`passengers/passengers.csv`: who survived, with gaps in age, cabin and port.

    The chance of surviving is the logistic function of 1.8, 4 less for men, 1.8 less for each class
    below the second, 0.06 less for each year above 30.
    """
    random = np.random.default_rng(1)
    male = random.random(count) < 0.65
    level = random.choice([1, 2, 3], count, p=[0.25, 0.2, 0.55])
    age = np.clip(np.round(random.normal(30, 13, count)), 1, 80)
    fare = np.round(np.exp(random.normal(4.6 - 0.9 * level, 0.5)), 2)
    logit = 1.8 - 4 * male - 1.8 * (level - 2) - 0.06 * (age - 30)
    chance = 1 / (1 + np.exp(-logit))
    survived = random.random(count) < chance
    no_age, no_cabin, no_port = (random.random(count) < share for share in (0.2, 0.77, 0.003))
    port = random.choice(["S", "C", "Q"], count, p=[0.72, 0.19, 0.09])
    rows = []
    for one in range(count):
        title = "Mr." if male[one] else "Mrs."
        name = f'"{LAST[one * 7 % len(LAST)]}, {title} {FIRST[one * 5 % len(FIRST)]}"'
        cabin = "" if no_cabin[one] else f"{'ABCDE'[one % 5]}{one % 90 + 1}"
        rows.append(
            (
                *(one + 1, int(survived[one]), level[one], name),
                *("male" if male[one] else "female", "" if no_age[one] else f"{age[one]:g}"),
                *(f"{fare[one]:.2f}", cabin, "" if no_port[one] else port[one]),
            )
        )
    head = "passenger_id,survived,class,name,sex,age,fare,cabin,port"
    _write(folder / "passengers" / "passengers.csv", head, rows)
    return {
        "rows": count,
        "without age": int(no_age.sum()),
        "without cabin": int(no_cabin.sum()),
        "mean age": float(age[~no_age].mean()),
        "survived": int(survived.sum()),
        "best": float(
            np.maximum(chance, 1 - chance).mean()
        ),  # who knows the chances is right so often
    }


def flowers(folder: Path, each: int = 50) -> Truth:
    """`flowers/flowers.csv`: four lengths of three species around the centres in `SPECIES`."""
    random = np.random.default_rng(2)
    rows = []
    for name, centre in SPECIES.items():
        for values in np.round(random.normal(centre, SPREAD, (each, 4)), 1):
            rows.append((*(f"{value:.1f}" for value in values), name))
    rows = [rows[place] for place in random.permutation(len(rows))]
    head = "sepal_length,sepal_width,petal_length,petal_width,species"
    _write(folder / "flowers" / "flowers.csv", head, rows)
    return {"rows": len(rows), "classes": [*SPECIES], "centres": SPECIES, "spread": SPREAD}


def flats(folder: Path, count: int = 800) -> Truth:
    """`wohnungen/wohnungen.csv` as a German Excel writes it: cp1252, semicolons, 1.234,56.

    The rent is 90 € and 9.50 € for each m², 40 € for each room, 35 € for a balcony, and what the
    district adds, each flat another 30 € (standard deviation) off.
    """
    random = np.random.default_rng(3)
    area = np.round(random.uniform(25, 160, count), 1)
    rooms = np.clip(np.round(area / 28 + random.normal(0, 0.5, count)), 1, 6)
    district = random.choice([*DISTRICTS], count)
    balcony = random.random(count) < 0.4
    added = np.array([DISTRICTS[one] for one in district])
    rent = BASE + PER_AREA * area + PER_ROOM * rooms + BALCONY * balcony + added
    rent = np.round(rent + random.normal(0, RENT_NOISE, count), 2)
    since = [date(2015, 1, 1) + timedelta(days=int(day)) for day in random.integers(0, 3650, count)]
    rows = [
        (
            *(f"W-{one:04d}", district[one], _german(area[one], 1), f"{rooms[one]:g}"),
            *("ja" if balcony[one] else "nein", since[one].strftime("%d.%m.%Y")),
            _german(rent[one], 2),
        )
        for one in range(count)
    ]
    head = "Nr;Stadtteil;Wohnfläche (m²);Zimmer;Balkon;Frei ab;Kaltmiete (€)"
    _write(folder / "wohnungen" / "wohnungen.csv", head, rows, ";", "cp1252")
    return {
        "rows": count,
        "mean rent": float(rent.mean()),
        "mean area": float(area.mean()),
        "per m²": PER_AREA,
        "districts": DISTRICTS,
        "noise": RENT_NOISE,
    }


def houses(folder: Path, train: int = 600, test: int = 200) -> Truth:
    """`houses/train.csv` with prices and `houses/test.csv` without; NA where nothing is known.

    The price is 50,000 and 110 for each square foot, 600 for each year since 1950, what the
    neighbourhood adds, and noise of 8,000. The last rows of the test file are in a neighbourhood,
    Airport, that is in no row of train.
    """
    random = np.random.default_rng(4)
    count = train + test
    feet = np.round(random.uniform(600, 3200, count))
    year = random.integers(1950, 2021, count)
    place = random.choice([*NEIGHBOURHOODS], count, p=[0.3, 0.2, 0.35, 0.15]).astype(object)
    added = np.array([NEIGHBOURHOODS[one] for one in place])
    price = 50_000 + PER_FOOT * feet + PER_YEAR * (year - 1950) + added
    price = np.round(price + random.normal(0, HOUSE_NOISE, count))
    lot = np.round(feet * random.uniform(2, 5, count))
    no_lot = random.random(count) < 0.1
    place[-3:] = "Airport"
    condition = random.choice(["poor", "fair", "good"], count, p=[0.2, 0.5, 0.3])
    rows = [
        (
            *(one + 1, f"{feet[one]:g}", "NA" if no_lot[one] else f"{lot[one]:g}", year[one]),
            *(place[one], condition[one], f"{price[one]:g}"),
        )
        for one in range(count)
    ]
    head = "id,living_feet,lot_feet,year_built,neighbourhood,condition,price"
    _write(folder / "houses" / "train.csv", head, rows[:train])
    head = head.removesuffix(",price")
    _write(folder / "houses" / "test.csv", head, [row[:-1] for row in rows[train:]])
    return {
        "rows": (train, test),
        "without lot": (int(no_lot[:train].sum()), int(no_lot[train:].sum())),
        "mean feet": float(feet[:train].mean()),  # of train alone
        "prices of test": price[train:].tolist(),
        "unseen": 3,
        "noise": HOUSE_NOISE,
    }


def shapes(folder: Path, each: int = 60) -> Truth:
    """`shapes/circle`, `square`, `triangle`: bright in noise, JPEG and PNG, of nine sizes."""
    random = np.random.default_rng(5)
    sizes: dict[str, int] = {}
    for shape, sides in SIDES.items():
        (folder / "shapes" / shape).mkdir(parents=True, exist_ok=True)
        for number in range(each):
            height, width = (int(one) for one in random.choice([48, 64, 80], 2))
            image = Image.fromarray(random.integers(0, 120, (height, width, 3), np.uint8))
            radius = random.uniform(0.3, 0.42) * min(height, width)
            middle = random.uniform(radius, height - radius), random.uniform(radius, width - radius)
            colour = tuple(int(one) for one in random.integers(170, 256, 3))
            _polygon(image, (middle[1], middle[0]), radius, sides, colour)
            suffix = "png" if number % 4 == 0 else "jpg"
            image.save(folder / "shapes" / shape / f"{number:03d}.{suffix}", quality=90)
            sizes[f"{height} x {width}"] = sizes.get(f"{height} x {width}", 0) + 1
    return {"rows": 3 * each, "classes": [*SIDES], "sizes": sizes}


def pets(folder: Path, each: int = 40) -> Truth:
    """`pets/cat` and `pets/dog`: noise of one size, of cats brighter."""
    random = np.random.default_rng(7)
    for name, bright in (("cat", 60), ("dog", 0)):
        (folder / "pets" / name).mkdir(parents=True, exist_ok=True)
        for number in range(each):
            pixels = random.integers(bright, bright + 190, (32, 32, 3), np.uint8)
            Image.fromarray(pixels).save(folder / "pets" / name / f"{number}.png")
    return {"rows": 2 * each, "classes": ["cat", "dog"]}


def cells(folder: Path, count: int = 60, size: int = 64) -> Truth:
    """`cells/images/*.png` and `cells/masks/*.png`: gray photos of bright cells, 1 where one is."""
    random = np.random.default_rng(6)
    rows, columns = np.mgrid[:size, :size]
    shares = []
    for part in ("images", "masks"):
        (folder / "cells" / part).mkdir(parents=True, exist_ok=True)
    for number in range(count):
        mask = np.zeros((size, size), dtype=bool)
        for _ in range(int(random.integers(1, 4))):
            middle, radius = random.uniform(10, size - 10, 2), random.uniform(5, 10)
            mask |= (rows - middle[0]) ** 2 + (columns - middle[1]) ** 2 <= radius**2
        pixels = np.where(mask, 150, 80) + random.normal(0, 25, mask.shape)
        name = f"cell_{number:02d}.png"
        gray = np.clip(np.rint(pixels), 0, 255).astype(np.uint8)
        Image.fromarray(gray).save(folder / "cells" / "images" / name)
        Image.fromarray(mask.astype(np.uint8)).save(folder / "cells" / "masks" / name)
        shares.append(float(mask.mean()))
    return {"rows": count, "values": [0, 1], "share of cells": sum(shares) / count}


def _polygon(
    image: Image.Image,
    middle: tuple[float, float],
    radius: float,
    sides: int,
    colour: tuple[int, ...],
) -> None:
    turns = (2 * math.pi * (side + 0.5) / sides + math.pi / 2 for side in range(sides))
    corners = [
        (middle[0] + radius * math.cos(turn), middle[1] + radius * math.sin(turn)) for turn in turns
    ]
    ImageDraw.Draw(image).polygon(corners, fill=colour)


def _german(value: float, digits: int) -> str:
    """1234.5 as 1.234,50."""
    return f"{value:,.{digits}f}".translate(str.maketrans(",.", ".,"))


def _write(
    file: Path,
    head: str,
    rows: Iterable[Sequence[object]],
    delimiter: str = ",",
    encoding: str = "utf-8",
) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    lines = [head, *(delimiter.join(map(str, row)) for row in rows)]
    file.write_bytes(("\r\n".join(lines) + "\r\n").encode(encoding))
