"""What was made of a table, beside what an independent reader and pandas make of it."""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tests.support.own_folders.expected import Asked, expected
from tests.support.own_folders.made import Made, split_of
from tests.support.own_folders.truth import (
    AMOUNT,
    CLASSES,
    LEFT_OUT,
    MEASURES,
    OUT,
    PLACE,
    TRUE,
    Truth,
)

# features are rounded once to float32, of numbers around 1; moments are folded in another order
NEAR = {"rtol": 1e-5, "atol": 1e-5}
FLOAT32 = {"rtol": 1e-6, "atol": 0.0}


class Known(NamedTuple):
    """A table that was found right, for others that learn from it.

    Attributes:
        name: of its entry.
        truth: its rows, without dropped ones.
        train: which of them are train.
    """

    name: str
    truth: Truth
    train: NDArray[np.bool_]


def check_table(made: Made, truth: Truth, *files: str, teacher: Known | None = None) -> Known:
    """Rows, split, roles of columns, features and target of the entry that reads these files.

    Args:
        made: what was made.
        truth: of all the files, one after the other.
        files: below the folder.
        teacher: the table that it has to be scaled by, where that is another one.
    """
    name = made.entry("table", *files)
    artifact, entry = made.artifacts[name], made.catalog[name]
    facts: dict[str, Any] = artifact.manifest["facts"]
    asked = Asked(made.options(name), facts["measures"])
    truth = truth.of(asked.kept(truth))
    rows = artifact.table
    assert len(rows) == len(truth.texts), (len(rows), len(truth.texts))
    assert "quarantine" not in artifact.tables or not len(artifact.tables["quarantine"])
    if teacher:
        assert entry.get("learn_from") == teacher.name, entry
    splits = split_of(made, name, truth.brings_split or teacher is not None, len(rows))
    _check_split(asked, truth, splits, "split" in entry and not {"group", "time"} & entry.keys())
    _check_roles(asked, truth)
    for column in rows:
        if column in truth.roles:
            _check_column(rows[column], truth, column, asked, facts)
    known = teacher or Known(name, truth, np.array([one == "train" for one in splits]))
    _check_features(asked, truth, known, artifact)
    _check_target(asked, truth, artifact)
    return known


def _check_roles(asked: Asked, truth: Truth) -> None:
    """No name of a row, no constant, no free text is a feature; all that says something is one."""
    columns = asked.columns(truth)
    # a later table may lack the target of the one that it learns from
    targets = [name for name in asked.targets if name in truth.roles] or [None]
    allowed = [truth.target, *truth.targets] if truth.target else [None, *truth.targets]
    assert set(targets) <= {*allowed}, f"target: expected one of {allowed}, got {targets}"
    wrong = []
    for name, role in truth.roles.items():
        if name in asked.targets:
            continue
        role = {CLASSES: "code", AMOUNT: "number"}.get(role, role)
        measure = asked.measure(name) if name in columns else "left out"
        good = (*MEASURES.get(role, ()), *(["left out"] if role in LEFT_OUT else []))
        if measure not in good:
            wrong.append(f"'{name}' ({role}): expected {' or '.join(good)}, got {measure}")
    assert not wrong, "\n".join(wrong)


def _check_split(asked: Asked, truth: Truth, splits: list[str], by_content: bool) -> None:
    """Equal rows are in one split, and so is all of one group."""
    of = defaultdict(set)
    if truth.group:
        for value, split in zip(truth.texts[truth.group], splits, strict=True):
            of[value].add(split)
    elif by_content:
        features = truth.texts[asked.columns(truth)].itertuples(index=False)
        for row, split in zip(features, splits, strict=True):
            of[tuple(row)].add(split)
    crossing = [value for value, found in of.items() if len(found) > 1]
    assert not crossing, f"in more than one split: {crossing[:3]}"


def _check_column(
    column: pd.Series, truth: Truth, name: str, asked: Asked, facts: dict[str, Any]
) -> None:
    """A column of the rows is that of the file, not scaled, nothing filled, no zero lost."""
    role, texts = truth.roles[name], truth.present(name, asked.gaps)
    got = column.tolist()
    # what is left out is there as a text, as the file has it: a blank one too
    blank = {"", *(gap.strip() for gap in asked.gaps)} if name in asked.asides else set()
    lacks = [value is None or value != value or str(value).strip() in blank for value in got]
    assert lacks == [one is None for one in texts], f"'{name}': other values are missing"
    there = [place for place, lack in enumerate(lacks) if not lack]
    pairs = [(got[place], str(texts[place])) for place in there]
    wrong = [pair for pair in pairs if not _same(*pair, truth, name, facts)]
    assert not wrong, f"'{name}': got and truth differ: {wrong[:3]} and {len(wrong)} in all"
    if role == PLACE:
        assert all(isinstance(value, str) for value, _ in pairs), f"'{name}' became numbers"


def _same(value: Any, text: str, truth: Truth, name: str, facts: dict[str, Any]) -> bool:
    """Whether a value of the rows is that of the file: as text, number, truth, date, class."""
    if isinstance(value, str) and value.strip() == text.strip():
        return True
    if truth.roles[name] == PLACE:
        return False
    if isinstance(value, str) and truth.roles[name] == OUT:
        with suppress(ValueError):
            return float(value) == float(text)
    if isinstance(value, bool | np.bool_):
        return value == (text.lower() in TRUE)
    with suppress(ValueError):
        if isinstance(value, int | float) and value == truth.number(text):
            return True
    with suppress(ValueError):
        moment = truth.date(text)
        days = (moment - pd.Timestamp(0)) / pd.Timedelta(days=1)
        return value == days if isinstance(value, float) else pd.Timestamp(value) == moment
    if isinstance(value, int | float) and text.strip().lower() in TRUE | {"no", "false", "n"}:
        return value == (text.strip().lower() in TRUE)
    classes = facts.get("classes")
    return isinstance(classes, list) and name == facts.get("target") and classes[int(value)] == text


def _check_features(asked: Asked, truth: Truth, known: Known, artifact: Any) -> None:
    """They have the names, and the values, that the catalog asks for."""
    facts, tensors = artifact.manifest["facts"], artifact.tensors
    wanted = expected(asked, truth, known.truth, known.train)
    names = [_plain(name, truth) for name in facts["features"]]
    assert names == wanted.names, f"features: expected {wanted.names}, got {names}"
    got = tensors["features"].numpy()
    assert got.shape == wanted.features.shape, (got.shape, wanted.features.shape)
    for place, name in enumerate(names):
        wrong = ~np.isclose(got[:, place], wanted.features[:, place], **NEAR)
        row = int(wrong.argmax())
        assert not wrong.any(), (
            f"feature '{name}', {wrong.sum()} of {len(wrong)} rows; first row {row}: "
            f"expected {wanted.features[row, place]}, got {got[row, place]}"
        )
    if wanted.categories:
        assert facts["codes"] == wanted.categories
        assert np.array_equal(tensors["codes"].numpy(), wanted.codes)


def _plain(name: str, truth: Truth) -> str:
    """The name of a feature, without blanks around its category where those are none of it."""
    column, equals, category = name.partition("=")
    return f"{column}{equals}{category.strip()}" if truth.padded else name


def _check_target(asked: Asked, truth: Truth, artifact: Any) -> None:
    """Each row has its own class, or amount."""
    if not asked.targets or asked.targets[0] not in truth.roles:
        assert "target" not in artifact.tensors
        return
    [name] = asked.targets
    facts, got = artifact.manifest["facts"], artifact.tensors["target"].numpy()
    texts = truth.present(name, asked.gaps)
    role, classes = truth.roles[name], facts.get("classes")
    if role == AMOUNT or (role != CLASSES and got.dtype == np.float32):
        assert got.dtype == np.float32 and got.shape == (len(texts),), (got.dtype, got.shape)
        assert np.allclose(got, truth.numbers(name, asked.gaps), **FLOAT32)
        return
    assert got.dtype == np.int64, f"target '{name}': expected classes, got {got.dtype}"
    if not isinstance(classes, list):
        assert got.tolist() == [int(truth.number(one)) for one in texts]
        return
    labels = [classes[place] for place in got.tolist()]
    words = [str(one).strip() for one in texts]
    if classes == ["false", "true"]:
        words = ["true" if one.lower() in TRUE else "false" for one in words]
    wrong = [pair for pair in zip(labels, words, strict=True) if pair[0].strip() != pair[1]]
    assert not wrong, f"{len(wrong)} rows have the wrong class: {wrong[:3]}"
