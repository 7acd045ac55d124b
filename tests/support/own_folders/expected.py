"""What the features of a table have to be by its catalog, computed by pandas from what is true."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tests.support.own_folders.truth import FALSE, TRUE, Truth

DAY = pd.Timedelta(days=1)
PARTS: dict[str, Callable[[pd.Series], pd.Series]] = {
    **{one: lambda dates, one=one: getattr(dates.dt, one) for one in ("year", "month", "day")},
    **{one: lambda dates, one=one: getattr(dates.dt, one) for one in ("hour", "minute", "weekday")},
    "day_of_year": lambda dates: dates.dt.dayofyear,
}


@dataclass(frozen=True)
class Asked:
    """What a catalog says of a table, with the measures that its artifact tells.

    Attributes:
        options: of the entry.
        measures: of each column that is no aside.
    """

    options: Mapping[str, Any]
    measures: Mapping[str, str]

    @property
    def gaps(self) -> frozenset[str]:
        """Texts that stand for nothing."""
        return frozenset(self.options.get("na_values", ()))

    @property
    def targets(self) -> list[str]:
        """The columns to predict."""
        target = self.options.get("target") or []
        return [target] if isinstance(target, str) else list(target)

    @property
    def asides(self) -> set[str]:
        """The columns that are left out."""
        named = [*self.options.get("exclude", ()), self.options.get("time")]
        return {one for one in [*named, self.options.get("group")] if one}

    def measure(self, name: str) -> str:
        """Of a column: what the catalog says, and what the artifact tells of others."""
        if name in self.options.get("dates", {}):
            return "date"
        if name in self.options.get("order", {}):
            return "ordinal"
        told = self.options.get("measures", {}).get(name) or self.measures.get(name)
        return told or ("categorical" if name in self.options.get("codes", ()) else "continuous")

    def columns(self, truth: Truth) -> list[str]:
        """Those that become features, in the order of the table."""
        named = self.options.get("columns") or list(truth.roles)
        out = {*self.asides, *self.targets}
        return [name for name in named if name not in out]

    def kept(self, truth: Truth) -> NDArray[np.bool_]:
        """The rows that are not dropped for what they lack."""
        rows = np.ones(len(truth.texts), dtype=bool)
        for name, how in self.options.get("missing", {}).items():
            if how == "drop" and name in truth.roles:
                rows &= np.array([one is not None for one in truth.present(name, self.gaps)])
        return rows


@dataclass(frozen=True)
class Expected:
    """What has to come out of a table.

    Attributes:
        names: of the features.
        features: [row, feature], float64.
        codes: [row, column], int64.
        categories: of each column of the codes.
    """

    names: list[str]
    features: NDArray[np.float64]
    codes: NDArray[np.int64]
    categories: dict[str, list[str]]


def expected(asked: Asked, truth: Truth, learned: Truth, train: NDArray[np.bool_]) -> Expected:
    """Features of a table by what is learned of the train rows of one, itself or another.

    Args:
        asked: what the catalog says.
        truth: the table, without dropped rows.
        learned: what it learns from, likewise.
        train: which rows of that are train.
    """
    names: list[str] = []
    columns: list[NDArray[np.float64]] = []
    codes: list[NDArray[np.int64]] = []
    categories: dict[str, list[str]] = {}
    for name in asked.columns(truth):
        if asked.measure(name) == "categorical":
            kinds, places = _categories(asked, name, truth, learned, train)
            if name in asked.options.get("codes", ()):
                codes.append(np.where(places < 0, len(kinds), places))
                categories[name] = kinds
            else:
                names += [f"{name}=({one})" if one is RARE else f"{name}={one}" for one in kinds]
                columns += [(places == place).astype(float) for place in range(len(kinds))]
        else:
            for feature, scaled in _numbers(asked, name, truth, learned, train):
                names.append(feature)
                columns.append(scaled)
        if name in asked.options.get("indicator", ()):
            lacks = [one is None for one in truth.present(name, asked.gaps)]
            names.append(f"{name}.missing")
            columns.append(np.array(lacks, dtype=float))
    rows = len(truth.texts)
    stacked = np.stack(columns, 1) if columns else np.empty((rows, 0))
    coded = np.stack(codes, 1) if codes else np.empty((rows, 0), dtype=np.int64)
    return Expected(names, stacked, coded, categories)


class _Rare(str):
    """The categories that are too few, together."""


RARE = _Rare("rare")


def _categories(
    asked: Asked, name: str, truth: Truth, learned: Truth, train: NDArray[np.bool_]
) -> tuple[list[str], NDArray[np.int64]]:
    """The categories of a column, and the place of each row among them; -1 of none."""
    seen = _filled_texts(asked, name, learned, learned, train)
    of_train = Counter(one for one, is_train in zip(seen, train, strict=True) if is_train)
    how = asked.options.get("missing", {}).get(name, "drop")
    if how not in ("drop", "mode"):  # what stands for a missing value is a category in any case
        of_train.setdefault("" if how == "category" else str(how), 0)
    fewest = asked.options.get("min_count", 0)
    kinds = sorted(one for one, count in of_train.items() if count >= fewest)
    has_rare = len(kinds) < len(of_train)
    place = {one: number for number, one in enumerate(kinds)}
    rare = len(kinds) if has_rare else -1
    values = _filled_texts(asked, name, truth, learned, train)
    places = np.array([place.get(one, rare) for one in values], dtype=np.int64)
    return [*kinds, *([RARE] if has_rare else [])], places


def _filled_texts(
    asked: Asked, name: str, truth: Truth, learned: Truth, train: NDArray[np.bool_]
) -> list[str]:
    def trimmed(values: list[str | None]) -> list[str | None]:
        return [one and (one.strip() if truth.padded else one) for one in values]

    values = trimmed(truth.present(name, asked.gaps))
    how = asked.options.get("missing", {}).get(name)
    if all(one is not None for one in values):
        return [str(one) for one in values]
    assert how is not None, f"column '{name}': values are missing, and the catalog is silent"
    fill = "" if how == "category" else str(how)
    if how == "mode":
        of_train = [
            one
            for one, is_train in zip(trimmed(learned.present(name, asked.gaps)), train, strict=True)
            if is_train
        ]
        fill = str(pd.Series(of_train).mode()[0])
    return [fill if one is None else one for one in values]


def _numbers(
    asked: Asked, name: str, truth: Truth, learned: Truth, train: NDArray[np.bool_]
) -> list[tuple[str, NDArray[np.float64]]]:
    """The features of a column that is no category."""
    measure, dates = asked.measure(name), asked.options.get("dates", {}).get(name, "days")
    if measure != "date" or dates == "days":
        read = {"boolean": _booleans, "date": _days, "ordinal": _ordered}.get(measure, _plain)
        mine, other = (read(asked, name, one) for one in (truth, learned))
        is_scaled = measure in ("continuous", "date")
        return [(name, _scaled(asked, name, mine, other[train], is_scaled))]
    found = []
    for part in [dates] if isinstance(dates, str) else dates:
        mine, other = (_part(asked, name, part, one) for one in (truth, learned))
        found.append((f"{name}.{part}", _scaled(asked, name, mine, other[train], True)))
    return found


def _scaled(
    asked: Asked, name: str, values: pd.Series, of_train: pd.Series, is_scaled: bool
) -> NDArray[np.float64]:
    """A column whose gaps are filled, then to mean 0 and standard deviation 1 of train."""
    fill: float = 0.0
    if values.isna().any() or of_train.isna().any():
        how = asked.options.get("missing", {}).get(name)
        assert how is not None, f"column '{name}': values are missing, and the catalog is silent"
        fill = _fill(how, asked.options.get("order", {}).get(name, []), of_train)
    values, of_train = values.fillna(fill), of_train.fillna(fill)
    raw = asked.options.get("store") == "raw" or not asked.options.get("standardize", True)
    if not is_scaled or raw:
        return values.to_numpy(float)
    deviation = of_train.std() if of_train.nunique() > 1 else 1.0
    return ((values - of_train.mean()) / deviation).to_numpy(float)


def _fill(how: object, order: Sequence[str], of_train: pd.Series) -> float:
    if how in ("mean", "median", "mode"):
        return float(of_train.mode()[0] if how == "mode" else getattr(of_train, str(how))())
    if how in order:
        return float(order.index(str(how)))
    word = str(how).lower()
    return float(word in TRUE) if word in TRUE | FALSE else float(word)


def _plain(asked: Asked, name: str, truth: Truth) -> pd.Series:
    return pd.Series(truth.numbers(name, asked.gaps))


def _ordered(asked: Asked, name: str, truth: Truth) -> pd.Series:
    if name not in asked.options.get("order", {}):
        return _plain(asked, name, truth)
    order: Sequence[str] = asked.options["order"][name]
    return pd.Series(
        [
            np.nan if one is None else float(order.index(one))
            for one in truth.present(name, asked.gaps)
        ]
    )


def _booleans(asked: Asked, name: str, truth: Truth) -> pd.Series:
    words = [one and one.strip().lower() for one in truth.present(name, asked.gaps)]
    assert {*words} <= TRUE | FALSE | {None}, {*words}
    return pd.Series([np.nan if one is None else float(one in TRUE) for one in words])


def _dates(asked: Asked, name: str, truth: Truth) -> pd.Series:
    return pd.Series([truth.date(one) for one in truth.present(name, asked.gaps)])


def _days(asked: Asked, name: str, truth: Truth) -> pd.Series:
    return (_dates(asked, name, truth) - pd.Timestamp(0)) / DAY


def _part(asked: Asked, name: str, part: str, truth: Truth) -> pd.Series:
    return PARTS[part](_dates(asked, name, truth)).astype(float)
