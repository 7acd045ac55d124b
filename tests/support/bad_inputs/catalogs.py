"""Catalogs with a mistake, and what is said of each."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CatalogMistake:
    """One catalog that is not valid.

    Attributes:
        name: of the mistake.
        catalog: the content of the file; None for no file at all.
        says: what the error must contain: the entry, the option, what was expected and got.
    """

    name: str
    catalog: str | bytes | None
    says: tuple[str, ...]


_CATS = '[cats]\nkind = "images"\n'
_PLANE = '[plane]\nkind = "table"\ncolumns = ["x", "y"]\n'
_TABLE = '[wine]\nkind = "table"\npath = "wine.csv"\n'
_BIKES = '[bikes]\nkind = "timeseries"\npath = "hour.csv"\n'
_BEST = '[best]\nkind = "threshold"\n'
_FITS = '[lines]\nkind = "fits"\nof = "wine"\n'
INSIDE = "[cats] path: expected a path inside the data root"

CATALOG_MISTAKES = (
    CatalogMistake(
        "kind unknown",
        '[cats]\nkind = "image"\npath = "cats"',
        ("[cats] kind", "expected one of images, volume", "got 'image'", "did you mean 'images'?"),
    ),
    CatalogMistake("kind missing", '[cats]\npath = "cats"', ("[cats] kind", "expected one of")),
    CatalogMistake(
        "option unknown",
        _CATS + 'path = "cats"\nstandardise = true',
        ("[cats] standardise", "unknown option", "did you mean 'standardize'?", "pattern"),
    ),
    CatalogMistake("option reserved", _CATS + 'path = "cats"\nroot = "/"', ("[cats] root",)),
    CatalogMistake(
        "path missing",
        _CATS,
        ("[cats] path", "expected this option (a file or folder)", "got nothing"),
    ),
    CatalogMistake("path up", _CATS + 'path = "../cats"', (INSIDE, "got '../cats'")),
    CatalogMistake("path up inside", _CATS + 'path = "a/../../b"', (INSIDE, "got 'a/../../b'")),
    CatalogMistake("path absolute", _CATS + 'path = "/cats"', (INSIDE, "got '/cats'")),
    CatalogMistake("path backslash", _CATS + r"path = '..\cats'", (INSIDE, r"got '..\cats'")),
    CatalogMistake(
        "pattern up", _CATS + 'path = "cats"\npattern = "../../*"', ("[cats] pattern", "expected")
    ),
    CatalogMistake(
        "pattern absolute",
        _CATS + 'path = "cats"\npattern = "/x/*"',
        ("[cats] pattern", "expected"),
    ),
    CatalogMistake(
        "text for true",
        _CATS + 'path = "cats"\nstandardize = "yes"',
        ("[cats] standardize", "expected true or false", "got 'yes'"),
    ),
    CatalogMistake(
        "number for text", _CATS + "path = 1", ("[cats] path", "expected a text", "got 1")
    ),
    CatalogMistake(
        "line negative",
        '[austen]\nkind = "text"\npath = "book.txt"\nline = -1',
        ("[austen] line", "expected", "0", "got -1"),
    ),
    CatalogMistake(
        "line text",
        '[austen]\nkind = "text"\npath = "book.txt"\nline = "200"',
        ("[austen] line", "expected a whole number", "got '200'"),
    ),
    CatalogMistake("delimiter long", _TABLE + 'delimiter = ";;"', ("[wine] delimiter", "got ';;'")),
    CatalogMistake(
        "delimiter not ascii", _TABLE + 'delimiter = "é"', ("[wine] delimiter", "got 'é'")
    ),
    CatalogMistake(
        "measure unknown",
        _TABLE + 'measures = { sugar = "nominal" }',
        (
            "[wine] measures.sugar",
            "'continuous', 'ordinal', 'categorical', 'boolean' or 'date'",
            "got 'nominal'",
        ),
    ),
    CatalogMistake("classes alone", _TABLE + "classes = 10", ("[wine]", "'target'", "'classes'")),
    CatalogMistake("one class", _TABLE + "classes = 1", ("[wine] classes", "2", "got 1")),
    CatalogMistake(
        "target no column",
        _TABLE + 'columns = ["a", "b"]\ntarget = "c"',
        ("[wine]", "expected 'c' to be one of the columns a, b"),
    ),
    CatalogMistake(
        "scale unknown", _BIKES + 'scale = { temp = "log" }', ("[bikes] scale.temp", "got 'log'")
    ),
    CatalogMistake(
        "scale upside down",
        _BIKES + "scale = { temp = [4, 1] }",
        ("[bikes] scale", "low < high", "'temp'", "got [4"),
    ),
    CatalogMistake(
        "rows ragged",
        _PLANE + "rows = [[1, 2], [3]]",
        ("[plane]", "expected row 2 to have 2 values", "got 1"),
    ),
    CatalogMistake(
        "rows nan",
        _PLANE + "rows = [[1, 2], [3, nan]]",
        ("[plane] rows.1.1", "expected a finite number", "got nan"),
    ),
    CatalogMistake(
        "rows text",
        _PLANE + 'rows = [[1, 2], [3, "4"]]',
        ("[plane] rows.1.1", "expected a number", "got '4'"),
    ),
    CatalogMistake(
        "rows and path",
        _PLANE + 'path = "a.csv"\nrows = [[1, 2]]',
        ("[plane]", "expected either 'path' or 'rows'"),
    ),
    CatalogMistake(
        "name not allowed",
        '["../up"]\nkind = "images"\npath = "cats"',
        ("[../up]", "expected a name of a-z, 0-9", "got '../up'"),
    ),
    CatalogMistake(
        "of missing",
        _BEST,
        ("[best] of", "expected this option (the entries whose artifacts", "nothing"),
    ),
    CatalogMistake(
        "of unknown",
        _TABLE + _BEST + 'of = "wien"',
        ("[best] of", "expected an entry of this catalog, got 'wien'", "did you mean 'wine'?"),
    ),
    CatalogMistake(
        "of several",
        _TABLE + '[bikes]\nkind = "table"\npath = "b.csv"\n' + _BEST + 'of = ["wine", "bikes"]',
        ("[best]", "expected one entry in 'of', got wine, bikes"),
    ),
    CatalogMistake(
        "of itself", _BEST + 'of = "best"', ("[best] of", "wait for each other, got best -> best")
    ),
    CatalogMistake(
        "of and files", _TABLE + 'of = "wine"', ("[wine] of", "unknown option", "known: kind, path")
    ),
    CatalogMistake(
        "files of an analysis",
        _TABLE + _BEST + 'of = "wine"\npath = "wine.csv"',
        ("[best] path", "unknown option", "known: kind, of, target, column"),
    ),
    CatalogMistake(
        "groups that overlap",
        _TABLE + _BEST + 'of = "wine"\nbad_max = 7\ngood_min = 3',
        ("[best]", "expected bad_max below good_min, got 7 and 3"),
    ),
    CatalogMistake(
        "threshold of text",
        _TABLE + _BEST + 'of = "wine"\nthreshold = "middle"',
        ("[best] threshold", "'mid'", "got 'middle'"),
    ),
    CatalogMistake(
        "a fit that cannot be",
        _TABLE + _FITS + 'fits = [{ name = "x", gradient = "my", learning_rate = 1, epochs = 1 }]',
        ("[lines] fits.0.gradient", "'hand-written' or 'autograd'", "got 'my'"),
    ),
    CatalogMistake("entry no table", "cats = 1", ("[cats]", "expected a table", "got 1")),
    CatalogMistake("toml broken", '[cats\nkind = "images"', ("expected TOML", "line 1")),
    CatalogMistake("entry twice", (_CATS + 'path = "a"\n') * 2, ("expected TOML", "line 4")),
    CatalogMistake("file missing", None, ("expected a catalog", "No such file")),
    CatalogMistake("file empty", "# nothing\n", ("expected at least one source", "empty")),
    CatalogMistake("file latin-1", "# café\n".encode("latin-1"), ("expected a catalog", "0xe9")),
)
