"""Kinds of one's own whose sources are many parts: what they say is the same however it came."""

from __future__ import annotations

import datetime
from pathlib import Path
from textwrap import dedent
from typing import Any

import numpy as np
import pandas as pd
import pytest

import ptm
from ptm.errors import InputError, PtmError

pytestmark = pytest.mark.usefixtures("unsynced")
CATALOG = """
[catalog]
kinds = { own = "own.py" }

[x]
kind = "own"
path = "files"
part_bytes = 1
"""
HEAD = """
import json
from collections import Counter
from hashlib import sha256
import numpy as np
import numpy as np
import pandas as pd
import pyarrow as pa
import ptm
from ptm import Block, Learned, Part, Stats

def numbers(part):
    return np.array([float(f.path.read_text()) for f in part.files], dtype=np.float32)
"""


class Own:
    """A folder with a catalog, a kind and small files, each of which is a part."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "files").mkdir()

    def kind(self, code: str, more: str = "") -> None:
        (self.root / "own.py").write_text(HEAD + dedent(code))
        (self.root / "catalog.toml").write_text(f"{CATALOG}{more}\n")

    def files(self, **contents: str) -> None:
        for name, content in contents.items():
            (self.root / "files" / f"{name}.txt").write_text(content)

    def make(self, **how: Any) -> ptm.Artifact:
        source = ptm.load_catalog(self.root / "catalog.toml", data=self.root)["x"]
        ptm.tensorize(source, self.root / "store", **how)
        return ptm.load("x", self.root / "store")

    def problem(self) -> str:
        with pytest.raises(PtmError) as raised:
            self.make()
        assert not (self.root / "store" / "x" / "current.json").exists()
        return str(raised.value)


@pytest.fixture
def own(tmp_path: Path) -> Own:
    own = Own(tmp_path)
    own.files(a="1", b="2", c="3")
    return own


COLUMNS = {
    "lists": ("[[1, 2], [3]]", [[1, 2], [3]]),
    "categories": ('pd.Categorical(["u", "v"], ["v", "u"], ordered=True)', ["u", "v"]),
    "seconds": (
        'np.array(["2026-01-02T03:04:05", "1969-01-01T00:00:00"], dtype="datetime64[s]")',
        [datetime.datetime(2026, 1, 2, 3, 4, 5), datetime.datetime(1969, 1, 1)],
    ),
    "a zone": (
        'pd.to_datetime(["2026-01-02T03:04:05Z"] * 2).as_unit("s")',
        [pd.Timestamp("2026-01-02T03:04:05Z")] * 2,
    ),
    "days": ("pa.array([0, 86400000], pa.date64())", [datetime.date(1970, 1, d) for d in (1, 2)]),
    "times": ("pa.array([0, 61], pa.time32('s'))", [datetime.time(0, m, m) for m in (0, 1)]),
    "large lists": ("pa.array([[1], [2, 3]], pa.large_list(pa.int8()))", [[1], [2, 3]]),
    "fields": ("[{'a': 1, 'b': [2]}, {'a': 3, 'b': []}]",
               [{"a": 1, "b": [2]}, {"a": 3, "b": []}]),
    "views": ("pa.array(['ü', 'b'], pa.string_view())", ["ü", "b"]),
    "spans": ("pa.array([1, 2], pa.duration('ms'))", [pd.Timedelta(n, "ms") for n in (1, 2)]),
    "nothing": ("pa.nulls(2)", [None, None]),
}  # fmt: skip


def _plain(value: Any) -> Any:
    """Arrays as lists, also within fields."""
    if isinstance(value, dict):
        return {name: _plain(inside) for name, inside in value.items()}
    return value.tolist() if hasattr(value, "tolist") else value


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("sort", COLUMNS)
def test_columns_of_any_type(own: Own, sort: str, together: bool) -> None:
    """What Parquet gives back in another type is published so that it can be read."""
    code, expected = COLUMNS[sort]
    own.kind(
        f"""
        TOGETHER = {together}
        def read(options, part):
            return Block(rows=pd.DataFrame({{"n": [1, 2]}}).assign(x={code}) if "pd." in {code!r}
                         else pa.table({{"n": [1, 2], "x": {code}}}))
        """
    )
    made = own.make()
    parts = 1 if together else 3
    assert [_plain(one) for one in made.table["x"].astype(object)] == expected * parts
    assert [len(part.rows) for part in made.parts] == [2] * parts
    assert own.make().path == made.path, "and it is up to date"


def test_a_type_that_nothing_can_hold(own: Own) -> None:
    """It is refused, with the table; nothing is published."""
    own.kind(
        """
        def read(options, part):
            ends = pa.RunEndEncodedArray.from_arrays(pa.array([1], pa.int32()), pa.array([7]))
            return Block(rows=pa.table({"x": ends}))
        """
    )
    assert "table 'rows': expected a table" in own.problem()


SPANS = """
def parts(options, files, target_bytes):
    return [Part(0, (f,), (n, n + 1){more}) for f in files for n in range(f.bytes)]

def read(options, part):
    raw = part.files[0].path.read_bytes()[slice(*part.span)]
    return Block({{"x": np.frombuffer(raw, np.uint8).copy()}}, rows={{"of": [{of}]}})
"""


def test_spans_without_a_digest(own: Own) -> None:
    """Each is a part by itself, though all are of one file."""
    own.files(a="ABCDEF", b="xy", c="1")
    own.kind(SPANS.format(more="", of="part.number"))
    assert bytes(own.make().tensors["x"].tolist()) == b"ABCDEFxy1"


def test_spans_with_a_digest(own: Own) -> None:
    """Parts of the same bytes in files of other names are others, where names matter."""
    own.files(a="AA", b="AA", c="BA")
    own.kind(
        SPANS.format(
            more=", digest=sha256(f.path.read_bytes()[n:n + 1]).hexdigest()",
            of="part.files[0].name",
        )
    )
    made = own.make()
    assert bytes(made.tensors["x"].tolist()) == b"AAAABA"
    assert made.table["of"].tolist() == ["a.txt"] * 2 + ["b.txt"] * 2 + ["c.txt"] * 2


def test_numbers_of_parts(own: Own) -> None:
    """Where a part stands says nothing when it is read, since it is not read again elsewhere."""
    own.kind(
        """
        def read(options, part):
            return Block({"x": numbers(part)}, rows={"n": [part.number]})
        """
    )
    own.make()
    own.files(A="0")
    again = own.make()
    assert again.tensors["x"].tolist() == [0, 1, 2, 3] and set(again.table["n"]) == {0}


WRONG_PARTS = {
    "twice": "[Part(0, files), Part(1, files)]",
    "one twice": "[Part(0, files[:1]), Part(1, files[:1]), Part(2, files[1:])]",
    "left out": "[Part(0, files[:2])]",
    "the other way round": "[Part(0, files[::-1])]",
    "overlapping": "[Part(0, files[:1], (0, 3)), Part(1, files[:1], (2, 4)), Part(2, files[1:])]",
    "beyond the end": "[Part(0, files[:1], (0, 99)), Part(2, files[1:])]",
    "with a gap": "[Part(0, files[:1], (0, 2)), Part(1, files[:1], (3, 4)), Part(2, files[1:])]",
    "without its end": "[Part(0, files[:1], (0, 3)), Part(2, files[1:])]",
    "without its begin": "[Part(0, files[:1], (1, 4)), Part(2, files[1:])]",
    "without a file": "[Part(0, ()), Part(1, files)]",
    "no digest": "[Part(0, files[:1], (0, 4), digest='x'), Part(2, files[1:])]",
    "empty": "[Part(0, files[:1], (0, 0)), Part(1, files[:1], (0, 4)), Part(2, files[1:])]",
    "a span of several": "[Part(0, files, (0, 1))]",
    "none": "[]",
}


@pytest.mark.parametrize("sort", WRONG_PARTS)
def test_parts_that_are_none(own: Own, sort: str) -> None:
    """Each file once, in order; spans of one behind the other."""
    own.files(a="1111")
    own.kind(
        f"""
        def parts(options, files, target_bytes):
            return {WRONG_PARTS[sort]}
        def read(options, part):
            return Block({{"x": numbers(part)}})
        """
    )
    told = own.problem()
    assert told.startswith("x: kind 'own': expected ") and "parts" in told


def test_what_is_carried_comes_as_json(own: Own) -> None:
    """Fresh or from the store, of one part or of many: names are texts, tuples lists."""
    code = """
    TOGETHER = {}
    def read(options, part):
        carried = {{"by": {{3: (1, 2)}}}}
        return Block({{"x": numbers(part)}}, carried=carried, facts={{"f": {{1: 2}}}})
    def measure(options, block):
        return Stats({{"train": len(block.tensors["x"])}}, {{}}, {{"c": Counter({{7: 2}})}})
    def learn(options, stats, carried):
        return Learned(categories={{"c": tuple(stats.counts["c"])}})
    def whole(options, learned, stats, carried):
        said = [[type(k).__name__, type(v).__name__] for one in carried
                for k, v in one["by"].items()]
        return Block(facts={{"said": said, "counts": [*stats.counts["c"]]}})
    """
    for together, parts in ((True, 1), (False, 3)):
        own.kind(code.format(together))
        fresh = own.make()
        facts = {"f": {"1": 2}, "said": [["str", "list"]] * parts, "counts": ["7"]}
        assert fresh.manifest["facts"] == facts
        assert fresh.learned is not None and fresh.learned.categories == {"c": ("7",)}
    own.files(d="4")
    again = own.make()
    assert again.manifest["facts"] == facts | {"said": [["str", "list"]] * 4}


SCALES = """
from ptm import Scaling
def read(options, part):
    return Block({{"x": numbers(part)[:, None]}}, scaling={{"x": Scaling(("v",), {how})}})
{more}
"""


def test_raw_with_an_encode_of_its_own(own: Own) -> None:
    """It is handed scalers that leave all as it is, so that parts do not age with statistics."""
    encode = """
def encode(options, block, learned):
    return Block({"x": learned.scalers["x"].apply(block.tensors["x"])})
"""
    own.kind(SCALES.format(how="", more=encode), 'store = "raw"')
    assert own.make().tensors["x"].ravel().tolist() == [1, 2, 3]
    own.files(d="10")
    again = own.make()
    assert again.tensors["x"].ravel().tolist() == [1, 2, 3, 10]
    scaled = again.transform({"x": again.tensors["x"]})["x"]
    assert scaled.mean().item() == pytest.approx(0, abs=1e-7)
    assert scaled.std().item() == pytest.approx(1, rel=1e-6)
    assert again.raw("x", again.tensors["x"]).ravel().tolist() == [1, 2, 3, 10]


@pytest.mark.parametrize(
    ("how", "what"),
    [
        ('divisor=1.0 + ("a.txt" == part.files[0].name)', "scaling"),
        ('method="minmax" if part.files[0].name == "c.txt" else "standard"', "scaling"),
    ],
)
def test_parts_that_are_scaled_otherwise(own: Own, how: str, what: str) -> None:
    """None of them can stand for all."""
    own.kind(SCALES.format(how=how, more=""))
    assert f"x: expected the same {what} of each part" in own.problem()


def test_axes_that_differ(own: Own) -> None:
    """Parts that call their axes otherwise are not joined."""
    own.kind(
        """
        def read(options, part):
            name = part.files[0].name
            return Block({"x": numbers(part)[:, None]}, {"x": ("sample", name)})
        """
    )
    assert "x: expected the same axes of each part" in own.problem()


@pytest.mark.parametrize("value", ["inf", "-inf", "1e38"])
def test_what_cannot_be_scaled(own: Own, value: str) -> None:
    """Infinite numbers are refused by the name of their channel; large ones are no fault."""
    own.files(b=value)
    own.kind(SCALES.format(how="", more=""))
    if value == "1e38":
        assert own.make().tensors["x"].isfinite().all()
    else:
        told = own.problem()
        assert "tensors['x'], channel 'v': expected numbers" in told and "inf" in told


@pytest.mark.parametrize("how", ["axis=-1", "axis=2"])
def test_an_axis_that_is_none(own: Own, how: str) -> None:
    own.kind(SCALES.format(how=how, more=""))
    assert "scaling['x']: expected 1 channels along axis" in own.problem()


@pytest.mark.parametrize("hook", ["measure(options, block)", "learn(options, stats, carried)"])
def test_hooks_that_return_something_else(own: Own, hook: str) -> None:
    """What was expected of which function is told."""
    own.kind(
        f"""
        def read(options, part):
            return Block({{"x": numbers(part)}})
        def {hook}:
            return {{}}
        """
    )
    told = own.problem()
    assert f"from `{hook.partition('(')[0]}`, got dict" in told


def test_a_fault_of_the_whole_source_is_told_once(own: Own) -> None:
    """So that others are not lost behind it."""
    own.files(**{f"f{number}": "1" for number in range(30)})
    own.kind(
        """
        def read(options, part):
            faults = [ptm.Bad("", "header", "a column 'y'", "none")]
            if part.files[0].name == "f7.txt":
                faults.append(ptm.Bad("f7.txt", "row 3", "a number", "'?'"))
            return Block(bad=tuple(faults))
        """
    )
    with pytest.raises(InputError) as raised:
        own.make()
    assert str(raised.value).count("header: expected a column 'y'") == 1
    assert "row 3: expected a number, got '?' (files/f7.txt)" in str(raised.value)


def test_the_odd_one_alone_in_its_part_is_named(own: Own) -> None:
    """Of what all samples must have the same, the file that has it not."""
    own.kind(
        """
        def read(options, part):
            size = part.files[0].path.read_text()
            return Block({"x": numbers(part)}, uniform={"sizes": {size: 1}})
        """
    )
    own.files(a="1", b="2", c="1", d="1")
    with pytest.raises(InputError) as raised:
        own.make()
    told = str(raised.value)
    assert "sizes: expected one of all samples, got 3 of 1, 1 of 2 (files/b.txt)" in told


ENCODES = """
TOGETHER = {together}
def read(options, part):
    return Block({{"x": numbers(part)[:, None]}}, facts={{"unit": "kg"}}, notes=("so",))
def encode(options, block, learned):
    factor = {{"kg": 1000.0}}[block.facts["unit"]] if block.notes == ("so",) else 0.0
    return Block({{"x": block.tensors["x"] * factor}}, {more})
"""


@pytest.mark.parametrize("together", [True, False])
def test_what_encode_is_handed(own: Own, together: bool) -> None:
    """All that `read` said, of one part and of many."""
    own.kind(ENCODES.format(together=together, more=""))
    assert own.make().tensors["x"].ravel().tolist() == [1000, 2000, 3000]


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("more", ['facts={"a": 1}', 'notes=("b",)', 'tables={"t": {"a": [1]}}'])
def test_what_encode_cannot_say(own: Own, more: str, together: bool) -> None:
    """It would be lost, so it is refused."""
    own.kind(ENCODES.format(together=together, more=more))
    assert f"from `encode`, got {more.partition('=')[0]}" in own.problem()


SCALINGS = {
    "another method": ('channels=("v",), method="robust"', "the method 'standard' or 'minmax'"),
    "a number as channel": ("channels=(1,)", "a text for each channel"),
    "a text as channels": ('channels="v"', "a text for each channel"),
    "a flag as axis": ('channels=("v",), axis=True', "an integer as axis"),
    "divisor 0": ('channels=("v",), divisor=0', "a divisor that is not 0"),
    "no divisor": ('channels=("v",), divisor=float("nan")', "a finite divisor"),
}


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("sort", SCALINGS)
def test_scalings_that_are_none(own: Own, sort: str, together: bool) -> None:
    """They are refused before anything is published that could not be loaded."""
    code, expected = SCALINGS[sort]
    own.kind(
        f"""
        TOGETHER = {together}
        def read(options, part):
            scaling = {{"x": ptm.Scaling({code})}}
            return Block({{"x": numbers(part)[:, None]}}, scaling=scaling)
        """
    )
    assert f"scaling['x']: expected {expected}" in own.problem()


@pytest.mark.parametrize("stored", ["raw", "scaled"])
def test_scalings_of_numpy_and_of_lists(own: Own, stored: str) -> None:
    """They are what they are, also beside those that come from the store."""
    own.kind(
        """
        def read(options, part):
            how = ptm.Scaling(["v"], axis=np.int64(1), divisor=np.float32(2))
            return Block({"x": numbers(part)[:, None]}, scaling={"x": how})
        """,
        f'store = "{stored}"',
    )
    own.make()
    own.files(d="4")
    again = own.make()
    found = again.transform({"x": np.array([[2.5]])})["x"]
    assert found.item() == pytest.approx(0, abs=1e-7) and len(again.tensors["x"]) == 4


LEARNED = {
    "scale 0": ('{"x": ptm.Scaler("standard", ("v",), (0.0,), (0.0,))}', "no scale"),
    "nan": ('{"x": ptm.Scaler("standard", ("v",), (float("nan"),), (1.0,))}', "finite numbers"),
    "other lengths": ('{"x": ptm.Scaler("standard", ("v",), (), (1.0,))}', "a shift and a scale"),
    "a list": ("[1]", "expected a ptm.Learned as it is described"),
    "numbers as categories": ('{}, {"c": np.arange(3)}', "no texts"),
    "a text as categories": ('{}, {"c": "abc"}', "no texts"),
    "bytes as words": ('vocabularies={"w": (b"a",)}', "no texts"),
    "no scaler": ("{}", "expected a scaler of 'x'"),
}


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("sort", LEARNED)
def test_what_cannot_be_learned(own: Own, sort: str, together: bool) -> None:
    """It is refused by name, whatever it is."""
    code, expected = LEARNED[sort]
    more = f"TOGETHER = {together}\ndef learn(options, stats, carried):\n    return Learned({code})"
    own.kind(SCALES.format(how="", more=more))
    assert expected in own.problem()


def test_learned_of_numpy(own: Own) -> None:
    """Arrays and numbers of NumPy are what one gets from moments."""
    more = """
def learn(options, stats, carried):
    one = stats.moments["x"]
    scaler = ptm.Scaler("own", ("v",), one.mean, np.float32(2) * np.ones(1, np.float32))
    return Learned({"x": scaler}, {"c": np.array(["a", "b"])})
"""
    own.kind(SCALES.format(how="", more=more))
    made = own.make()
    assert made.tensors["x"].ravel().tolist() == [-0.5, 0, 0.5]
    assert made.learned is not None and made.learned.categories == {"c": ("a", "b")}
    assert made.scaler is not None and made.scaler.method == "own"


@pytest.mark.parametrize("value", ['{"size": {"a": "x"}}', '{"size": 3}', '{"size": ["a"]}',
                                   '{"size": {"a": 1.5}}', '{"size": None}'])  # fmt: skip
def test_counts_that_are_none(own: Own, value: str) -> None:
    own.kind(f'def read(options, part):\n    return Block({{"x": numbers(part)}}, uniform={value})')
    assert "uniform['size']: expected counts of values" in own.problem()


def test_moments_of_other_channels(own: Own) -> None:
    """Parts whose moments do not fit each other are refused by name, and never broadcast."""
    more = """
def measure(options, block):
    n = int(block.tensors["x"][0, 0])
    return Stats({"train": 1}, {"x": ptm.Moments.of(np.ones((2, n)))})
"""
    own.kind(SCALES.format(how="", more=more))
    assert "x: moments of 'x': expected as many channels each time, got 1 and 2" in own.problem()


HALVES = [
    'notes=("\\ud800",)',
    'facts={"a": "\\ud800"}',
    'axes={"x": ("\\ud800",)}',
    'carried={"a": ["\\ud800"]}',
]


@pytest.mark.parametrize("more", HALVES)
def test_half_a_character(own: Own, more: str) -> None:
    """What UTF-8 cannot write is refused by the name of its field."""
    own.kind(f'def read(options, part):\n    return Block({{"x": numbers(part)}}, {more})')
    assert f"{more.partition('=')[0]}: expected" in own.problem()


def test_another_file_that_is_not_there(own: Own) -> None:
    """A slip of own code is told with its line, and not tried again."""
    own.kind('def read(options, part):\n    open("/nowhere/at/all")')
    told = own.problem()
    assert told.startswith("x: FileNotFoundError") and "own.py" in told


def test_the_path_of_a_bad_file(own: Own) -> None:
    """It is told by its name below the data, whether it is given as a path or as a text."""
    own.kind('def read(options, part):\n    raise ptm.BadInput("", "a", "b", part.files[0].path)')
    assert "(files/a.txt)" in own.problem()
