"""Kind and analysis of docs/own-kinds.md, in an empty folder: run, cached, edited, shown."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ptm.registry import KINDS
from tests.support.commands import Done, call_ptm, run_ptm
from tests.support.machine import ROOT
from tests.support.servers import Recorded, flow_run_in

MOST_LINES = 25  # of code, of both together


def blocks() -> dict[str, str]:
    """The code of docs/own-kinds.md, by the name of its file."""
    text = (ROOT / "docs" / "own-kinds.md").read_text(encoding="utf-8")
    found = re.findall(r"```(python|toml)\n(.*?)```", text, flags=re.DOTALL)
    [catalog] = [code for language, code in found if language == "toml"]
    python = [code for language, code in found if language == "python"]
    named = {code.splitlines()[0].removeprefix("# "): code for code in python}
    return {**named, "catalog.toml": catalog}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty folder with the files of the page, and three dogs of 2, 4 and 9."""
    folder = tmp_path_factory.mktemp("readme")
    for name, text in blocks().items():
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "data" / "dogs").mkdir(parents=True)
    for name, weight in (("ada", 2), ("bo", 4), ("cy", 9)):
        (folder / "data" / "dogs" / f"{name}.txt").write_text(str(weight))
    return folder


def run(place: Path, *words: str) -> Done:
    done = call_ptm(*words, cwd=place)
    assert done.code == 0, done.words
    return done


def states(done: Done) -> list[str]:
    return re.findall(r"^(dogs\w*): (made|cached)", done.out, flags=re.MULTILINE)


def test_the_code_is_short() -> None:
    """Kind and analysis have 25 lines together, blank ones left out."""
    code = [blocks()[name] for name in ("pets.py", "mean.py")]
    assert len([line for text in code for line in text.splitlines() if line.strip()]) <= MOST_LINES


def test_who_looks_at_the_catalog_waits_for_no_torch(place: Path) -> None:
    """Reading the catalog runs the files of the page, which import it only to make tensors."""
    code = "import sys, ptm; ptm.load_catalog('catalog.toml'); print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], cwd=place, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"


def test_the_table_of_kinds_is_one() -> None:
    """Every kind of ptm has a row of the README's, and no empty line breaks it."""
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    first = lines.index("| kind | reads | tensors |") + 2
    assert [line.split("`")[1] for line in lines[first : first + len(KINDS)]] == list(KINDS)


def test_from_the_empty_folder_to_the_screens(
    place: Path, history: Callable[[object], Recorded]
) -> None:
    """Made, cached, shown in terminal and dashboard; edited, made again: the function is named."""
    first = run_ptm("run", cwd=place)
    assert first.code == 0, first.words
    assert states(first) == [("dogs", "made"), ("dogs_mean", "made")]
    assert states(run(place, "run")) == [("dogs", "cached"), ("dogs_mean", "cached")]
    shown = run(place, "show", "dogs_mean")
    assert re.search(r"dogs +5\s", shown.out)
    dogs = run(place, "show", "dogs")
    assert "ada.txt" in dogs.out and "What each column of the 3 rows holds" in dogs.words
    [picture] = re.findall(r"^Picture: (\S+)$", dogs.out, flags=re.MULTILINE)
    assert (place / picture).read_bytes().startswith(b"\x89PNG")
    keys = history(flow_run_in(first.out)).artifacts
    assert json.loads(keys["catalog-dogs-columns"]["data"])[1]["column"] == "weight"
    assert "data:image/png;base64," in keys["catalog-dogs-histograms"]["data"]
    assert json.loads(keys["catalog-dogs-mean-mean"]["data"]) == [{"of": "dogs", "mean": 5.0}]
    sources = json.loads(keys["catalog-sources"]["data"])
    assert [row["source"] for row in sources] == ["dogs", "dogs_mean"]
    code = place / "pets.py"
    code.write_text(code.read_text().replace("* float(", "* 10 * float("))
    again = run(place, "run")
    assert "dogs: made" in again.out and "(function pets.read changed)" in again.words
    explained = run(place, "explain", "dogs")
    assert "Why: function pets.read changed" in explained.out
    assert re.search(r"function +pets\.read +changed", explained.out)
    assert re.search(r"dogs +50\s", run(place, "show", "dogs_mean").out)
