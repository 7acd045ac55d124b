"""Texts that are none."""

from __future__ import annotations

from tests.support.bad_inputs.building import TEXT, BadInput, file

BAD_TEXTS = (
    BadInput(
        "text-empty",
        file("book.txt", ""),
        TEXT,
        ("text-empty/book.txt", "expected text", "got an empty file"),
    ),
    BadInput(
        "text-latin-1",
        file("book.txt", "Pride\nand protégé\n".encode("latin-1")),
        TEXT,
        ("text-latin-1/book.txt", "line 2, byte 14", "expected utf-8 text", "got the byte 0xe9"),
    ),
    BadInput(
        "text-few-lines",
        file("book.txt", "Pride\nand\nPrejudice\n"),
        TEXT + "\nline = 200",
        ("text-few-lines/book.txt", "expected more than 200 lines", "got 4"),
    ),
    BadInput(
        "text-half-character",
        file("book.txt", b"Pride\n+2AA-\n"),
        TEXT + '\nencoding = "utf-7"',
        ("text-half-character/book.txt", "line 2", "expected whole characters", "got", "U+D800"),
    ),
    BadInput(
        "text-utf-16",
        file("book.txt", "\ufeffPride\n".encode("utf-16-le")),
        TEXT,
        ("text-utf-16/book.txt", "line 1", "expected utf-8 text", 'encoding = "utf-16"'),
    ),
    BadInput(
        "text-encoding-of-bytes",
        file("book.txt", "Pride\n"),
        TEXT + '\nencoding = "base64"',
        ("encoding", "expected an encoding of text", "got 'base64'"),
    ),
    BadInput(
        "text-line-too-long",
        file("book.txt", " ".join(map(str, range(20_000)))),
        TEXT + "\nline = 0",
        ("text-line-too-long/book.txt", "line 0", "1.60 GB", "max_bytes = 1600000000"),
    ),
    BadInput(
        "text-blank",
        file("book.txt", " \n\t\n"),
        TEXT,
        ("text-blank/book.txt", "expected words", "got white space only"),
    ),
)
