"""Several faults of one source are told in one error, the first twenty and how many there are."""

from __future__ import annotations

import pickle
import re
from pathlib import Path

import pytest

from ptm.errors import MOST_TOLD, BadInput, Faults, InputError, PtmError
from ptm.kinds.table import Options as TableSource
from ptm.kinds.text import Options as TextSource
from ptm.limits import check_size


def fault(number: int) -> BadInput:
    return BadInput(f"row {number}", "a number", f"'x{number}'", "/data/t.csv")


def raised(faults: Faults) -> BadInput:
    """What faults raise; it knows no source."""
    with pytest.raises(BadInput) as caught:
        faults.check()
    assert not isinstance(caught.value, InputError)
    return caught.value


def of_kind(count: int) -> BadInput:
    """The error of so many faults, as a kind raises it."""
    faults = Faults()
    for number in range(count):
        faults.add(fault(number))
    return raised(faults)


def told(count: int) -> InputError:
    """The same as a run tells it: with the name of the source, and files by theirs."""
    return of_kind(count).of_source("mine", lambda file: file.removeprefix("/data/"))


def test_none() -> None:
    """Without a fault there is no error."""
    Faults().check()


def test_one() -> None:
    """One fault alone is the error itself, in one line."""
    error = told(1)
    assert str(error) == "mine: row 0: expected a number, got 'x0' (t.csv)"
    assert error.faults == (error,)


def test_several() -> None:
    """Several: their number, then a line for each; the fields are those of the first."""
    error = told(3)
    assert str(error).split("\n") == [
        "mine: 3 faults",
        "  row 0: expected a number, got 'x0' (t.csv)",
        "  row 1: expected a number, got 'x1' (t.csv)",
        "  row 2: expected a number, got 'x2' (t.csv)",
    ]
    assert (error.source, error.where, error.got, error.file) == ("mine", "row 0", "'x0'", "t.csv")
    assert [one.where for one in error.faults] == ["row 0", "row 1", "row 2"]


def test_very_many() -> None:
    """Of very many the first twenty are told, and how many more there are; no more are kept."""
    error = told(10_000)
    assert len(error.faults) == MOST_TOLD == 20
    lines = str(error).split("\n")
    assert len(lines) == 22
    assert (lines[0], lines[-1]) == ("mine: 10000 faults", "  … and 9980 more")


def test_several_of_several() -> None:
    """An error of several faults adds each of them, and counts those that it does not tell."""
    faults = Faults()
    faults.add(of_kind(30))
    faults.add(fault(99))
    assert faults.count == 31
    error = raised(faults)
    assert re.fullmatch(r"31 faults\n(.*\n)*  … and 11 more", str(error))
    assert re.fullmatch(r"mine: 31 faults\n(.*\n)*  … and 11 more", str(error.of_source("mine")))


@pytest.mark.parametrize("count", [1, 3, 30])
def test_errors_cross_processes(count: int) -> None:
    """Pickled, an error says the same, with a source and without."""
    for error in (told(count), of_kind(count)):
        again = pickle.loads(pickle.dumps(error))
        assert type(again) is type(error) and isinstance(again, PtmError)
        assert str(again) == str(error) and again.count == error.count == count
        assert list(map(str, again.faults)) == list(map(str, error.faults))


def table(**options: int) -> TableSource:
    return TableSource.model_validate(
        {"name": "t", "root": Path("/"), "kind": "table", "path": "t.csv", **options}
    )


def test_columns_of_an_encoding() -> None:
    """More columns than the limit are refused with the figure, and the option that raises it."""
    check_size(table(), 10, 10_000, "column 'city'")
    with pytest.raises(BadInput) as caught:
        check_size(table(), 20_000, 20_001, "column 'city'", "t.csv")
    assert str(caught.value.of_source("t")) == (
        "t: column 'city': expected at most 10000 columns for one encoding "
        "(or max_columns = 20001 and max_bytes = 1600080000), "
        "got 20001 columns of 20000 rows, 1.60 GB (t.csv)"
    )
    check_size(table(max_columns=20_001), 10, 20_001, "column 'city'")


def test_bytes_of_an_encoding() -> None:
    """More bytes than the limit of 1 GiB are refused, with how many there would be."""
    check_size(table(), 1 << 18, 1 << 10, "column 'city'")
    with pytest.raises(BadInput, match=r"1\.07 GB \(or max_bytes = 1073745920\), got 1024 col"):
        check_size(table(), (1 << 18) + 1, 1 << 10, "column 'city'")
    check_size(table(max_bytes=1073745920), (1 << 18) + 1, 1 << 10, "column 'city'")
    text = TextSource.model_validate({"name": "t", "root": Path("/"), "kind": "text", "path": "t"})
    check_size(text, 11, 100_000, "line 3")
    with pytest.raises(BadInput, match="max_bytes = 14400000000"):
        check_size(text, 60_000, 60_000, "line 3")


def test_limits_decide_no_content() -> None:
    """A limit is no part of the options that make the key: raised, nothing is made again."""
    assert table(max_bytes=5, max_columns=7).options() == table().options()
