"""Tables in float64 until the end: what is scaled is as exact as float32 holds it."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ptm import featuring
from ptm.errors import InputError
from ptm.model import Block

Make = Callable[..., Block]
# the file is written anew for each example, so a folder that is shared between them is no harm
SHARED_FOLDER = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def raw(content: Block) -> torch.Tensor:
    """The feature matrix as the file has it, float64: numbers, and 0 or 1 for a category."""
    table, columns = content.rows, []
    for name in content.facts["features"]:
        if name in table.column_names:
            columns.append(table[name].to_numpy().astype(np.float64))
        else:
            column, _, category = name.partition("=")
            columns.append(np.array(table[column].to_pylist()) == category)
    return torch.from_numpy(np.stack(columns, axis=1).astype(np.float64))


def exactly_scaled(values: list[str]) -> list[float]:
    """Standardised in fractions of the digits of the file, with n - 1."""
    numbers = [Fraction(value) for value in values]
    mean = sum(numbers) / len(numbers)
    deviations = [number - mean for number in numbers]
    variance = sum(deviation**2 for deviation in deviations) / (len(numbers) - 1)
    return [float(deviation) / math.sqrt(variance) for deviation in deviations]


@pytest.mark.parametrize(
    "values",
    [
        [str(1_700_000_000 + 10 * n) for n in range(100)],  # Unix times
        [f"5412{n * 7 % 900 + 100}.{n % 10}" for n in range(100)],  # UTM northings
        ["100000.000", "100000.001", "100000.002"],
        [str(1_700_000_000_000 + n) for n in range(50)],  # milliseconds
        [str(2**48 + 2 * n) for n in range(20)],
        [f"{n}e-40" for n in range(20)],
        [f"{n}e40" for n in range(20)],  # beyond float32
        ["-1e100", "0", "1e100"],
    ],
    ids=["unix", "utm", "thousandths", "milliseconds", "large", "tiny", "huge", "googol"],
)
def test_scaled_before_rounding(make: Make, write: Callable[..., None], values: list[str]) -> None:
    """What is close together in float32 is apart once it is scaled, in float64, then rounded."""
    write("a,b\n" + "".join(f"{value},{n}\n" for n, value in enumerate(values)))
    content = make("table", "t.csv")
    stored = content.tensors["features"][:, 0].double().numpy()
    assert stored == pytest.approx(exactly_scaled(values), rel=1e-6, abs=1e-7)
    assert len(set(stored.tolist())) == len(values) and content.notes == ()
    assert content.scaler is not None
    assert torch.equal(content.scaler.apply(raw(content)).float(), content.tensors["features"])
    inline = tuple((float(value), float(n)) for n, value in enumerate(values))
    again = make("table", columns=("a", "b"), rows=inline)
    assert torch.equal(again.tensors["features"], content.tensors["features"])


@given(
    columns=st.lists(
        st.lists(st.decimals(-1e12, 1e12, places=3).map(float), min_size=5, max_size=5),
        min_size=1,
        max_size=5,
    ),
    at_once=st.integers(1, 12),
)
@SHARED_FOLDER
def test_the_scaler_has_all_features(make: Make, columns: list[list[float]], at_once: int) -> None:
    """apply(raw) is what is stored, invert(stored) is raw, ordinal and categories included."""
    names = [f"c{n}" for n in range(len(columns))]
    measures = {"rank": "ordinal", "kind": "categorical"}
    table = tuple(zip(*columns, [5.0, 1, 4, 2, 3], [0.0, 1, 1, 2, 0], strict=True))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(featuring, "AT_ONCE", at_once)  # any number of columns together
        content = make("table", columns=(*names, "rank", "kind"), rows=table, measures=measures)
    stored, scaler = content.tensors["features"], content.scaler
    assert scaler is not None
    assert content.facts["features"] == [*names, "rank", "kind=0", "kind=1", "kind=2"]
    assert list(scaler.names) == content.facts["features"]
    assert scaler.shift[-4:] == (0,) * 4 and scaler.scale[-4:] == (1,) * 4
    assert torch.equal(scaler.apply(raw(content)).float(), stored)
    spread = torch.tensor(scaler.scale, dtype=torch.float64)
    assert ((scaler.invert(stored) - raw(content)).abs() <= 1e-6 * spread).all()


def test_never_varies_at_any_length(make: Make, write: Callable[..., None]) -> None:
    """A constant is 0 throughout, though the mean of many is rounded."""
    write("a,b\n" + "".join(f"0.1,{n}\n" for n in range(1000)))
    features = make("table", "t.csv").tensors["features"]
    assert features[:, 0].abs().max() == 0 and features[:, 1].std().item() == pytest.approx(1)


@pytest.mark.parametrize("values", [["1e300", "2e300"], ["1e-200", "2e-200"], ["-1e308", "1e308"]])
def test_no_standard_deviation(make: Make, write: Callable[..., None], values: list[str]) -> None:
    """Where float64 cannot hold the standard deviation the column is refused, by name."""
    write("a,b\n" + "".join(f"{value},{n}\n" for n, value in enumerate(values)))
    with pytest.raises(InputError, match=r"column 'a': expected numbers whose mean .* \(t.csv\)"):
        make("table", "t.csv")


# what float32 merges


@pytest.mark.parametrize(
    "options",
    [{"target": "t"}, {"measures": {"t": "ordinal"}}, {"standardize": False}],
    ids=["target", "ordinal", "not standardized"],
)
def test_merged_values_are_told(
    make: Make, write: Callable[..., None], options: dict[str, Any]
) -> None:
    """Unix times that stay as they are: 60 become 6, which is told with the column."""
    write("a,t\n" + "".join(f"{n},{1_700_000_000 + 10 * n}\n" for n in range(60)))
    left = len(set((1_700_000_000.0 + 10 * np.arange(60)).astype(np.float32).tolist()))
    content = make("table", "t.csv", **options)
    assert content.notes == (f"float32 merges distinct values of column 't' (60 become {left})",)
    assert content.rows["t"].to_pylist() == [1_700_000_000 + 10 * n for n in range(60)]


def test_nothing_merged_is_not_told(make: Make, write: Callable[..., None]) -> None:
    """Rounding alone is no loss of values: 0.1 and 0.2 stay apart."""
    write("a,y\n" + "".join(f"{n / 10},{n / 7}\n" for n in range(100)))
    assert make("table", "t.csv", target="y").notes == ()
    assert make("table", "t.csv", target="y", standardize=False).notes == ()


def test_values_that_an_outlier_merges(make: Make, write: Callable[..., None]) -> None:
    """Scaled values too, where one is so far off that float32 has one value for all others."""
    write("a,b\n" + "".join(f"{n},{n}\n" for n in range(99)) + "1e30,99\n")
    content = make("table", "t.csv")
    assert content.notes == ("float32 merges distinct values of column 'a' (100 become 2)",)


def test_large_integers(make: Make, write: Callable[..., None]) -> None:
    """They stay as they are in the table; that float64 and float32 merge them is told."""
    values = [2**53 + 1, 2**53, 2**53 + 2, 5]
    write("a,y\n" + "".join(f"{value},{value}\n" for value in values))
    content = make("table", "t.csv", target="y")
    assert content.rows.to_pydict() == {"a": values, "y": values}
    assert content.notes == (
        "float32 merges distinct values of 2 columns 'a' (4 become 2), 'y' (4 become 2)",
    )
    write("a,b\n" + "".join(f"{2**53 + n % 2},{n}\n" for n in range(4)))
    assert make("table", "t.csv").notes == (
        "float32 merges distinct values of column 'a' (2 become 1)",
    )


def test_beyond_float32(make: Make, write: Callable[..., None]) -> None:
    """Only what is scaled may be larger than float32 can hold."""
    write("a,b,y\n1e39,1,1\n3e39,2,2\n2e39,3,1e39\n")
    told = "row 3, column 'y': expected a finite number .float32., got '1e39'"
    with pytest.raises(InputError, match=told):
        make("table", "t.csv", target="y")
    with pytest.raises(InputError, match=r"column 'a'.*float32.*'1e39', and 2 more that are not"):
        make("table", "t.csv", measures={"a": "ordinal"})
    assert make("table", "t.csv", columns=("a", "b")).tensors["features"].tolist() == [
        [-1, -1],
        [1, 0],
        [0, 1],
    ]


@pytest.mark.parametrize("options", [{"target": "y"}, {"standardize": False}])
def test_beyond_float32_in_the_catalog(make: Make, options: dict[str, Any]) -> None:
    """Rows of the catalog go the same way."""
    table = ((1.0, 1e39), (2.0, 2.0))
    with pytest.raises(InputError, match=r"row 1, column 'y': expected a finite number .float32."):
        make("table", columns=("a", "y"), rows=table, **options)
    assert make("table", columns=("a", "y"), rows=table).tensors["features"][
        0, 1
    ].item() == pytest.approx(0.5**0.5)
