"""Names: those that a source may have, what the dashboard makes of them, and those of strays."""

from __future__ import annotations

import hashlib
import re
from fnmatch import translate

# of a source, and so of a folder of the store, beside which files have longer names
NAME = r"^[a-z0-9][a-z0-9_-]{0,99}$"
LONGEST_PLAIN, DIGITS = 60, 8  # of what stands for a name that no source may have
STRAYS = (
    *(".DS_Store", "._*", ".AppleDouble"),  # macOS
    *("Thumbs.db", "desktop.ini"),  # Windows
    ".directory",  # KDE
    *("@eaDir", ".@__thumb"),  # Synology, QNAP
    *(".nfs*", ".smbdelete*", ".fuse_hidden*"),  # of network disks: taken away while it was open
)
_STRAY = re.compile("|".join(map(translate, STRAYS)), re.IGNORECASE)


def is_stray(name: str) -> bool:
    """Whether a file or folder of that name is one that systems leave wherever they look."""
    return _STRAY.match(name) is not None


def is_name(name: str) -> bool:
    """Whether a source may have that name."""
    return re.fullmatch(NAME, name) is not None


def dashboard_key(name: str) -> str:
    """How the keys of the dashboard write the name of a source: in a-z, 0-9 and '-' alone.

    No two names are written alike: '_' is one dash, '-' is two; where several stand together, three
    dashes, each of them as 0 ('_') or 1 ('-'), and a dash.
    """

    def written(run: re.Match[str]) -> str:
        bits = run[0].translate({ord("_"): "0", ord("-"): "1"})
        return {"0": "-", "1": "--"}.get(bits, f"---{bits}-")

    return re.sub("[_-]+", written, name)


def catalog_key(name: str) -> str:
    """How the keys of the dashboard begin, by the name of a catalog; one dash and the rest follow.

    As `dashboard_key`, each with one dash more, so that one dash alone always ends it: '_' is two,
    '-' is three; several together, or at the end, are spelled. A file's name may have any letters:
    what is no name gets the beginning of its digest.
    """
    if not is_name(name):
        plain = re.sub("[^a-z0-9]+", "-", name.lower()).strip("-")[:LONGEST_PLAIN]
        digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:DIGITS]
        name = f"{plain or 'catalog'}-{digest}"

    def written(run: re.Match[str]) -> str:
        bits = run[0].translate({ord("_"): "0", ord("-"): "1"})
        short = {} if run.end() == len(name) else {"0": "--", "1": "---"}
        return short.get(bits, f"----{bits}-")

    return re.sub("[_-]+", written, name)
