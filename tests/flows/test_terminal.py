"""The command on terminals that lack letters."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.letters import C_LOCALE, FILE, LONG, process

LACKING = {
    "C locale": (C_LOCALE, "ascii"),
    **{name: ({"PYTHONIOENCODING": name}, name) for name in ("ascii", "latin-1", "cp1252")},
}


def escaped(text: str, encoding: str) -> str:
    """What stands for a text where an encoding lacks letters of it."""
    return text.encode(encoding, "backslashreplace").decode(encoding)


COMMANDS = {
    "status": (["status"], LONG),
    "show": (["show", LONG], "größe"),
    "show a file": (["show", "photos"], FILE),
    "explain": (["explain", LONG], "집 Häuser.csv"),
    "verify": (["verify"], "All whole: 3 artifacts of 3 names"),
    "gc": (["gc", "--dry-run"], "Nothing to collect"),
    "data list": (["data", "list"], "p1ch4/volumetric-dicom/2-LUNG 3.0  B70f-04083"),
    "dry run": (["run", "--dry-run"], "up to date"),
    "a name that is not there": (["run", "größe"], "no source 'größe' in the catalog"),
    "an option that is not there": (["run", "--größe"], "No such option: --größe"),
}
QUICK = {
    ("C locale", "show"),
    ("ascii", "an option that is not there"),
    ("cp1252", "a name that is not there"),
}


@pytest.mark.parametrize(
    ("lacking", "command"),
    [
        pytest.param(*pair, marks=() if pair in QUICK else pytest.mark.slow)
        for pair in [(lacking, command) for lacking in LACKING for command in COMMANDS]
    ],
)
def test_letters_that_are_lacking(lacking: str, command: str, letters: Path) -> None:
    """Letters that a terminal lacks are escaped, none is lost; no command fails for them."""
    environment, encoding = LACKING[lacking]
    arguments, says = COMMANDS[command]
    done = process(*arguments, env=environment, cwd=letters)
    assert done.returncode == (2 if "not there" in command else 0), done
    out = (done.stdout + done.stderr).decode(encoding)
    assert escaped(says, encoding) in out and "Traceback" not in out
    assert not set("…─━⠋╸") & set(out.encode("ascii", "ignore").decode()), "plain ornaments"
    assert "..." in out if command == "explain" and encoding != "cp1252" else True


@pytest.mark.parametrize("lacking", ["C locale", pytest.param("latin-1", marks=pytest.mark.slow)])
def test_json_of_letters_that_are_lacking(lacking: str, letters: Path) -> None:
    """JSON is JSON with the same values on a terminal that lacks letters."""
    environment, encoding = LACKING[lacking]
    arguments = ("explain", LONG, "--json")
    plain = process(*arguments, env=environment, cwd=letters)
    whole = process(*arguments, cwd=letters, env={"PYTHONIOENCODING": "utf-8"})
    assert json.loads(plain.stdout.decode(encoding)) == json.loads(whole.stdout)
    assert "größe" in whole.stdout.decode() and plain.returncode == whole.returncode == 0


def test_a_name_that_is_not_utf_8(letters: Path) -> None:
    """Bytes in a name that are no letters of any encoding do not keep an error from being told."""
    done = process(
        "status", "--artifacts", b"caf\xe9".decode("utf-8", "surrogateescape"), cwd=letters
    )
    assert done.returncode == 0 and rb"caf\udce9" in done.stdout


def test_control_characters(letters: Path) -> None:
    """Control characters in a name do not reach the terminal."""
    done = process("verify", "--artifacts", "x\x1b[2J\ry", cwd=letters)
    assert rb"x\x1b[2J\x0dy" in done.stdout and b"\x1b" not in done.stdout


@pytest.mark.slow
def test_a_run_without_letters(server: str, letters: Path, tmp_path: Path) -> None:
    """A run in the C locale makes of names of any letters what a run in UTF-8 makes."""
    store = tmp_path / "artifacts"
    done = process("run", "--artifacts", store, cwd=letters, env=C_LOCALE)
    assert done.returncode == 0, done
    assert done.stdout.isascii() and done.stderr == b""
    for name in ("photos", LONG, "many"):
        assert [p.name for p in store.glob(f"{name}/keys/*")] == [
            p.name for p in letters.glob(f"artifacts/{name}/keys/*")
        ]


@pytest.mark.parametrize("command", ["status", pytest.param("start", marks=pytest.mark.slow)])
@pytest.mark.usefixtures("server")
def test_the_server_without_letters(command: str) -> None:
    """`ptm server start` and `status` print in the C locale."""
    done = process("server", command, env=C_LOCALE)
    assert done.returncode == 0 and b"The Prefect server runs: dashboard http" in done.stdout
