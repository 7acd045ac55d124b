"""Pages that are run: their blocks of sh and python, in a folder, and what they print.

A block of text right behind one of them is its output. It is compared but for what differs from run
to run (times, addresses, keys of artifacts), or, with PTM_PASTE=1, written into the page.
"""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.commands import call_ptm

FENCED = re.compile(r"^```(\w*)\n(.*?)^```$\n?", flags=re.DOTALL | re.MULTILINE)
LANGUAGES = ("sh", "python")
VARIES = [  # what differs from run to run, and what stands in its place
    (r"https?://[^\s)]+", "ADDRESS"),
    (r"\b[0-9a-f]{12}-[0-9a-f]{12}\b", "PUBLICATION"),
    (r"\b\d+\.\d\d s\b", "N s"),
    (r" +\d+\.\d\d( +)(made|cached)", r" N \2"),
    (r"\d+(\.\d)? (kB|MB)", "N MB"),  # of tables, by the version of Arrow
    (r"^Starting the Prefect server.*\n", ""),
    (r"─+", "─"),
    (r" +", " "),
    (r" +$", ""),
]
MADE = re.compile(r"^\w[\w-]*: (made|cached) in .*\n", flags=re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """Something to run, and what it prints.

    Attributes:
        language: "sh" or "python".
        code: it.
        line: of the page, where it stands.
        output: what the page says that it prints; None where it does not say.
        place: from where to where that stands in the page.
    """

    language: str
    code: str
    line: int
    output: str | None = None
    place: tuple[int, int] = (0, 0)


def blocks_of(text: str) -> list[Block]:
    """What is to be run in a page, in order."""
    found: list[Block] = []
    ended = -1  # where the block before ended, if it is one that is run
    for match in FENCED.finditer(text):
        language, code = match.groups()
        if language in LANGUAGES:
            found.append(Block(language, code, text.count("\n", 0, match.start()) + 1))
            ended = match.end()
        elif language == "text" and found and not text[ended : match.start()].strip():
            last = found.pop()
            found.append(Block(last.language, last.code, last.line, code, match.span(2)))
            ended = -1
        else:
            ended = -1
    return found


def run_page(page: Path, folder: Path, section: str = "", paste: bool = False) -> dict[str, Any]:
    """Runs a page in a folder.

    Args:
        page: the file.
        folder: where it runs.
        section: the heading of the part that is run; all where it is "".
        paste: whether what is printed is written into the page, instead of being compared.

    Returns:
        The names that its Python left.

    Raises:
        AssertionError: a command fails, or prints something else than the page says.
    """
    text, names, printed = page.read_text(encoding="utf-8"), dict[str, Any](), list[str]()
    begin, end = _part(text, section)
    blocks = blocks_of(text[begin:end])
    with contextlib.chdir(folder):
        for block in blocks:
            out = _python(block, names) if block.language == "python" else _shell(block, folder)
            printed.append(out)
            told = f"{page.name}, the {block.language} at line {block.line} of it"
            if block.output is not None and not paste:
                assert plain(out) == plain(block.output), told
    if paste:
        page.write_text(text[:begin] + pasted(text[begin:end], blocks, printed) + text[end:])
    return names


def pasted(text: str, blocks: Sequence[Block], printed: Sequence[str]) -> str:
    """A page with what was printed; what differs only as it may stays as it is."""
    for block, out in [*zip(blocks, printed, strict=True)][::-1]:
        if block.output is not None and plain(out) != plain(block.output):
            begin, end = block.place
            shown = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:4200", out)
            shown = "\n".join(line.rstrip() for line in shown.strip("\n").splitlines())
            text = f"{text[:begin]}{shown}\n{text[end:]}"
    return text


def plain(output: str) -> str:
    """An output without what differs from run to run; entries in the order of their names."""
    lines = [*MADE.finditer(output)]
    if lines:
        begin, end = lines[0].start(), lines[-1].end()
        inside = sorted(output[begin:end].splitlines(keepends=True))
        output = output[:begin] + "".join(inside) + output[end:]
    for pattern, word in VARIES:
        output = re.sub(pattern, word, output, flags=re.MULTILINE)
    return "\n".join(line for line in output.splitlines() if line.strip(" ─"))


def _part(text: str, section: str) -> tuple[int, int]:
    if not section:
        return 0, len(text)
    begin = text.index(f"## {section}\n")
    end = text.find("\n## ", begin)
    return begin, end if end >= 0 else len(text)


def _python(block: Block, names: dict[str, Any]) -> str:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(block.code, f"line {block.line}", "exec"), names)
    return out.getvalue()


def _shell(block: Block, folder: Path) -> str:
    """Commands of ptm run in this process, which spares seconds; others in a shell."""
    out = []
    for line in block.code.splitlines():
        words = shlex.split(line, comments=True)
        is_ptm = words[:1] == ["ptm"]
        out.append(_ptm(words, folder) if is_ptm else _other(line, folder))
    return "".join(out)


def _ptm(words: list[str], folder: Path) -> str:
    done = call_ptm(*words[1:], cwd=folder)
    assert done.code == 0, f"{' '.join(words)}: {done.out}{done.err}"
    return done.out + done.err


def _other(line: str, folder: Path) -> str:
    done = subprocess.run(["bash", "-c", line], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, f"{line}: {done.stdout}{done.stderr}"
    return done.stdout
