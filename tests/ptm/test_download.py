"""Pulling data from a real HTTP server on loopback that misbehaves, and from a folder."""

from __future__ import annotations

import hashlib
import os
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from ptm import book
from ptm.book import REGISTRY
from ptm.download import PullReport, mirror_from_environment, missing, pull, read_registry
from ptm.errors import CatalogError, DownloadError
from tests.support.origin import (
    CAT,
    DOG,
    FILES,
    SLICE,
    Behaviour,
    Origin,
    down,
    first,
    good,
    hanging,
    not_found,
    truncated,
    wrong_content,
)

QUICK: dict[str, Any] = {"connect_timeout": 1.0, "read_timeout": 0.5, "pause": 0.05}


@pytest.fixture
def origin(monkeypatch: pytest.MonkeyPatch) -> Iterator[Origin]:
    monkeypatch.setenv("NO_PROXY", "*")
    server = Origin()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.closing.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    return write_registry(tmp_path, FILES)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A mirror that is a folder."""
    root = tmp_path / "mirror"
    for name, content in FILES.items():
        put(root / name, content)
    return root


def put(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def write_registry(folder: Path, files: dict[str, bytes]) -> Path:
    path = folder / "registry.txt"
    lines = [f"{shlex.quote(n)} {hashlib.sha256(c).hexdigest()}\n" for n, c in files.items()]
    path.write_text("# a comment\n" + "".join(lines), encoding="utf-8")
    return path


def tree(root: Path) -> dict[str, bytes]:
    """Every file below a folder, hidden ones too."""
    paths = (path for path in root.rglob("*") if path.is_file())
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in paths}


def hidden(root: Path) -> list[str]:
    return [path.name for path in root.rglob(".*")]


def failing(data: Path, registry: Path, mirror: str) -> str:
    """The message of a pull that fails."""
    with pytest.raises(DownloadError) as failure:
        pull(data, registry, mirror, **QUICK)
    assert hidden(data) == []
    return str(failure.value)


# --- what goes well


def test_a_pull_fetches_every_file_with_its_bytes(
    origin: Origin, data: Path, registry: Path
) -> None:
    """Every file of the registry is there with its bytes, and nothing else."""
    report = pull(data, registry, origin.address, **QUICK)
    assert report == PullReport(fetched=tuple(FILES), kept=(), root=data)
    assert tree(data) == FILES
    assert hidden(data) == []


def test_spaces_in_paths(origin: Origin, data: Path, registry: Path) -> None:
    """A path with spaces, two in a row, is asked for quoted and lands under its own name."""
    pull(data, registry, origin.address + "/", **QUICK)
    assert origin.asked[SLICE] == 1
    assert (data / SLICE).read_bytes() == FILES[SLICE]


def test_readable_by_others(origin: Origin, data: Path, registry: Path) -> None:
    """A fetched file has the permissions of any new file, not those of a temporary one."""
    put(data / "plain", b"")
    pull(data, registry, origin.address, **QUICK)
    assert (data / DOG).stat().st_mode == (data / "plain").stat().st_mode


def test_parallel(
    origin: Origin, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eight files are on their way at the same time."""
    together = threading.Barrier(8)

    def wait_for_the_others(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        together.wait(10)
        good(handler, body)

    for i in range(16):
        monkeypatch.setitem(FILES, f"many/{i}", bytes([i]))
        origin.behaviours[f"many/{i}"] = wait_for_the_others
    many = {name: content for name, content in FILES.items() if name.startswith("many/")}
    pull(data, write_registry(tmp_path, many), origin.address, read_timeout=20.0)
    assert tree(data) == many


def test_progress(origin: Origin, data: Path, registry: Path) -> None:
    """Progress names each file once, those that were there first, and counts up to all."""
    put(data / CAT, FILES[CAT])
    told: list[tuple[str, int, int]] = []
    pull(data, registry, origin.address, lambda *args: told.append(args), **QUICK)
    assert told[0] == (CAT, 1, 3)
    assert {name for name, _, _ in told} == FILES.keys()
    assert [(done, total) for _, done, total in told] == [(1, 3), (2, 3), (3, 3)]


def test_folder_mirror(folder: Path, data: Path, registry: Path) -> None:
    """A mirror may be a folder laid out like the data root."""
    assert pull(data, registry, str(folder), **QUICK).fetched == tuple(FILES)
    assert tree(data) == FILES
    assert hidden(data) == []


def test_503_twice(origin: Origin, data: Path, registry: Path) -> None:
    """An answer of 503 is tried again, and the third answer counts."""
    origin.behaviours[DOG] = first(down, 2)
    pull(data, registry, origin.address, **QUICK)
    assert origin.asked[DOG] == 3
    assert tree(data) == FILES


@pytest.mark.parametrize("bad", [truncated, hanging])
def test_what_may_pass(bad: Behaviour, origin: Origin, data: Path, registry: Path) -> None:
    """A truncated and a hanging answer are tried again."""
    origin.behaviours[DOG] = first(bad, 1)
    pull(data, registry, origin.address, **QUICK)
    assert origin.asked[DOG] == 2
    assert tree(data) == FILES


def test_two_at_once(origin: Origin, data: Path, registry: Path) -> None:
    """Two pulls into one data root at the same time both succeed and leave nothing else."""
    errors: list[BaseException] = []

    def work() -> None:
        try:
            pull(data, registry, origin.address, **QUICK)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert tree(data) == FILES
    assert hidden(data) == []


# --- resuming


def test_only_what_lacks_is_fetched(origin: Origin, data: Path, registry: Path) -> None:
    """A file that is there and whole is not asked for again."""
    put(data / DOG, FILES[DOG])
    report = pull(data, registry, origin.address, **QUICK)
    assert (report.kept, report.fetched) == ((DOG,), (CAT, SLICE))
    assert origin.asked == {CAT: 1, SLICE: 1}


def test_nothing_lacks(data: Path, registry: Path) -> None:
    """When all is there, neither the mirror nor a writable folder is needed."""
    for name, content in FILES.items():
        put(data / name, content)
    report = pull(data, registry, "http://127.0.0.1:1", **QUICK)
    assert report == PullReport(fetched=(), kept=tuple(FILES), root=data)


def test_half_written_file(origin: Origin, data: Path, registry: Path) -> None:
    """A file that is there but half-written, or of another content, is replaced."""
    put(data / DOG, FILES[DOG][:1000])
    put(data / CAT, FILES[CAT][::-1])
    assert pull(data, registry, origin.address, **QUICK).fetched == tuple(FILES)
    assert tree(data) == FILES


def test_replaced_only_by_a_verified_file(origin: Origin, data: Path, registry: Path) -> None:
    """A file of a wrong digest stays as it is when what comes is wrong too."""
    put(data / DOG, b"mine")
    origin.behaviours[DOG] = wrong_content
    failing(data, registry, origin.address)
    assert tree(data) == {**FILES, DOG: b"mine"}


def test_resume_after_failure(origin: Origin, data: Path, registry: Path) -> None:
    """What came before a failure is kept, and the next pull fetches the rest only."""
    origin.behaviours[DOG] = not_found
    failing(data, registry, origin.address)
    origin.behaviours.clear()
    assert pull(data, registry, origin.address, **QUICK).fetched == (DOG,)
    assert origin.asked == {DOG: 2, CAT: 1, SLICE: 1}
    assert tree(data) == FILES


# --- what goes wrong


@pytest.mark.parametrize(
    ("bad", "times", "got"),
    [
        (wrong_content, 1, hashlib.sha256(FILES[DOG][::-1]).hexdigest() + " (150000 bytes)"),
        (not_found, 1, "HTTP 404 Not Found"),
        (truncated, 4, "75000 bytes read, 75000 more expected"),
        (down, 4, "HTTP 503 Service Unavailable"),
    ],
)
def test_one_bad_file(
    bad: Behaviour, times: int, got: str, origin: Origin, data: Path, registry: Path
) -> None:
    """The error names file, place, expected and got; the other files come; nothing is left of it.

    A wrong digest and a 404 are not tried again, a truncated answer and a 503 are.
    """
    origin.behaviours[DOG] = bad
    message = failing(data, registry, origin.address)
    assert message.startswith(f"1 of 3 files could not be fetched into {data}:\n  {DOG}: ")
    assert f"from {origin.address}/{DOG}: expected " in message
    assert got in message
    assert "PTM_DATA_MIRROR" in message
    assert message.splitlines()[-1].startswith("What came is kept: pull again to go on")
    assert origin.asked[DOG] == times
    assert tree(data) == {name: FILES[name] for name in (CAT, SLICE)}


def test_wrong_digest_names_the_right_one(origin: Origin, data: Path, registry: Path) -> None:
    """The error of a wrong checksum gives the digest that was expected."""
    origin.behaviours[DOG] = wrong_content
    expected = f"expected SHA-256 {hashlib.sha256(FILES[DOG]).hexdigest()}, got "
    assert expected in failing(data, registry, origin.address)


def test_hanging_file(origin: Origin, data: Path, registry: Path) -> None:
    """A file whose answer hangs is named, soon, and the other files come."""
    origin.behaviours[DOG] = hanging
    begin = time.monotonic()
    message = failing(data, registry, origin.address)
    assert time.monotonic() - begin < 5
    assert f"  {DOG}: from {origin.address}/{DOG}: expected the file, got no" in message
    assert tree(data) == {name: FILES[name] for name in (CAT, SLICE)}


def test_all_failures_in_one_error(origin: Origin, data: Path, tmp_path: Path) -> None:
    """Files that fail for their own reasons are listed in one error: three by name, all counted."""
    files = {**FILES, **{f"gone/{i}": b"x" for i in range(9)}}
    origin.behaviours = {name: not_found for name in files if name.startswith("gone/")}
    message = failing(data, write_registry(tmp_path, files), origin.address)
    assert message.startswith("9 of 12 files")
    assert message.count("HTTP 404") == 3
    assert "… and 6 more" in message
    assert tree(data) == FILES


def test_hanging_origin(origin: Origin, data: Path, tmp_path: Path) -> None:
    """An origin that answers nothing ends the pull after the two timeouts, not file by file."""
    files = {f"many/{i}": b"x" for i in range(107)}
    origin.behaviours = dict.fromkeys(files, hanging)
    begin = time.monotonic()
    message = failing(data, write_registry(tmp_path, files), origin.address)
    assert time.monotonic() - begin < 4
    assert message.startswith("107 of 107 files")
    assert "got nothing for 1.5 s" in message
    assert len(origin.requests) < 40
    assert tree(data) == {}


def test_refused(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that refuses to connect ends the pull at once, not file by file."""
    monkeypatch.setenv("NO_PROXY", "*")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound, not listening: nobody else gets this port
        port = closed.getsockname()[1]
        begin = time.monotonic()
        files = {f"many/{i}": b"x" for i in range(107)}
        message = failing(data, write_registry(tmp_path, files), f"http://127.0.0.1:{port}")
    assert time.monotonic() - begin < 3
    assert "Connection refused (attempt 4)" in message
    assert tree(data) == {}


def test_origin_down(origin: Origin, data: Path, tmp_path: Path) -> None:
    """An origin that answers every request with 503 is not asked for every file."""
    files = {f"many/{i}": b"x" for i in range(107)}
    origin.behaviours = dict.fromkeys(files, down)
    assert "HTTP 503" in failing(data, write_registry(tmp_path, files), origin.address)
    assert len(origin.requests) < 107


def test_folder_mirror_lacks_a_file(folder: Path, data: Path, registry: Path) -> None:
    """A file that the mirror's folder lacks is named with its place; the others come."""
    (folder / SLICE).unlink()
    message = failing(data, registry, str(folder))
    assert f"{SLICE}: from {folder}/{SLICE}: expected the file, got " in message
    assert "No such file" in message
    assert tree(data) == {name: FILES[name] for name in (DOG, CAT)}


def test_folder_mirror_of_wrong_content(folder: Path, data: Path, registry: Path) -> None:
    """A file of a mirror's folder is verified like any other."""
    put(folder / DOG, b"another dog")
    assert "(11 bytes)" in failing(data, registry, str(folder))
    assert tree(data) == {name: FILES[name] for name in (CAT, SLICE)}


@pytest.mark.parametrize("mirror", ["nowhere", "ftp://127.0.0.1/data"])
def test_neither_folder_nor_address(mirror: str, data: Path, registry: Path) -> None:
    """A mirror that is neither a folder nor an http(s) address is refused by name."""
    with pytest.raises(DownloadError, match=f"mirror '{mirror}': expected a folder or an http"):
        pull(data, registry, mirror, **QUICK)
    assert not data.exists()


def test_data_root_is_a_file(folder: Path, data: Path, registry: Path) -> None:
    """A data root that cannot be a folder is an error of ptm, not a traceback."""
    data.write_bytes(b"")
    with pytest.raises(DownloadError, match="expected a folder to write to"):
        pull(data, registry, str(folder), **QUICK)


def test_target_is_a_folder(folder: Path, data: Path, registry: Path) -> None:
    """A folder where a file should be is named in the error and left as it is."""
    put(data / DOG / "inside", b"")
    assert f"{DOG}: " in failing(data, registry, str(folder))
    assert (data / DOG / "inside").is_file()


def test_password_of_a_mirror(origin: Origin, data: Path, registry: Path) -> None:
    """The password in a mirror's address does not reach the error."""
    origin.behaviours = dict.fromkeys(FILES, not_found)
    message = failing(data, registry, origin.address.replace("//", "//me:secret@"))
    assert f"from {origin.address}/{DOG}" in message
    assert "secret" not in message


def test_interrupted(origin: Origin, data: Path, registry: Path) -> None:
    """Ctrl-C stops the pull soon and leaves whole files only."""
    origin.behaviours[DOG] = hanging

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        pull(data, registry, origin.address, interrupt, read_timeout=20.0)
    assert time.monotonic() - begin < 5
    assert tree(data).items() <= FILES.items()
    assert hidden(data) == []


def test_killed(origin: Origin, data: Path, registry: Path) -> None:
    """A pull that is killed leaves nothing half-written in a source's folder; the next goes on."""
    origin.behaviours[DOG] = hanging
    code = "import sys; from pathlib import Path; from ptm.download import pull; "
    code += "pull(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], read_timeout=60)"
    command = [sys.executable, "-c", code, str(data), str(registry), origin.address]
    process = subprocess.Popen(command, env={**os.environ, "NO_PROXY": "*"})
    try:
        deadline = time.monotonic() + 30
        while missing(data, registry) != [DOG] or not origin.asked[DOG]:
            assert time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    here = tree(data / "p1ch4")
    assert here == {n.removeprefix("p1ch4/"): FILES[n] for n in (CAT, SLICE)}
    origin.behaviours.clear()
    assert pull(data, registry, origin.address, **QUICK).fetched == (DOG,)


# --- the registry


@pytest.mark.parametrize("name", ["../outside", "a/../../outside", "/outside", ".", "a\\..\\b"])
def test_leaves_the_root(name: str, folder: Path, data: Path, tmp_path: Path) -> None:
    """A path that leaves the data root is refused before anything is fetched."""
    put(tmp_path / "outside", b"x")
    registry = write_registry(tmp_path, {DOG: FILES[DOG], name: b"y"})
    with pytest.raises(CatalogError, match="expected paths inside the data root, got "):
        pull(data, registry, str(folder), **QUICK)
    assert not data.exists()
    assert (tmp_path / "outside").read_bytes() == b"x"


@pytest.mark.parametrize(
    "line",
    [
        "only-a-path",
        "a path without quotes 0123",
        "'no closing quote",
        "a 0123",
        f"a md5:{'0' * 32}",
        f"a {'0' * 64} http://127.0.0.1/elsewhere",
    ],
)
def test_line_of_the_registry(line: str, tmp_path: Path) -> None:
    """A line that is not a path and a SHA-256 is refused, and the registry named."""
    path = tmp_path / "registry.txt"
    path.write_text(line)
    with pytest.raises(CatalogError, match=r"registry\.txt: .*expected"):
        read_registry(path)


def test_no_registry(tmp_path: Path) -> None:
    """A registry that is not there is named."""
    with pytest.raises(CatalogError, match=r"registry\.txt: expected lines of 'path sha256'"):
        read_registry(tmp_path / "registry.txt")


def test_missing(data: Path, registry: Path) -> None:
    """`missing` names the files that are not there, in the order of the registry."""
    put(data / CAT, b"of any content")
    assert missing(data, registry) == [DOG, SLICE]


def test_registry_of_the_book() -> None:
    """The book's registry lists 107 files: 1 photo, 3 cats, 99 slices, 3 tables and 1 text."""
    folders = Counter(Path(name).parts[1] for name in read_registry(REGISTRY))
    assert folders == {
        "image-dog": 1,
        "image-cats": 3,
        "volumetric-dicom": 99,
        "tabular-wine": 1,
        "bike-sharing-dataset": 2,
        "jane-austen": 1,
    }


@pytest.mark.parametrize(("value", "mirror"), [("", None), ("http://m/data", "http://m/data")])
def test_mirror_variable(value: str, mirror: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """PTM_DATA_MIRROR names the mirror; set to nothing it names none."""
    monkeypatch.setenv("PTM_DATA_MIRROR", value)
    assert mirror_from_environment() == mirror


def test_what_to_do_where_the_book_cannot_be_had(tmp_path: Path) -> None:
    """The message says how to go on: again, from a mirror, or with sample data."""
    (tmp_path / "mirror").mkdir()
    with pytest.raises(DownloadError) as failure:
        book.pull(tmp_path / "data", str(tmp_path / "mirror"))
    assert str(failure.value).endswith(
        f"What came is kept: run `ptm data pull --data {tmp_path / 'data'}` again to go on, set "
        "PTM_DATA_MIRROR to a folder or an http(s) address laid out like data/, or make small "
        "stand-in data with `ptm data sample`."
    )
