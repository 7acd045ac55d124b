"""Images whose labels, masks or pairs are missing, doubled, or not as they should be."""

from __future__ import annotations

from pathlib import Path

from tests.support.bad_inputs.building import BadInput, Build, both, cut, file, photo

CATS = both(photo("1.png"), photo("2.png"))
GOOD = "file,label\n1.png,cat\n2.png,dog\n"


def inside(folder: str, build: Build) -> Build:
    """The same in a folder below."""

    def built(above: Path) -> None:
        (above / folder).mkdir(parents=True, exist_ok=True)
        build(above / folder)

    return built


def labelled(
    name: str,
    content: str | bytes,
    more: str,
    *says: str,
    table: str = "labels.csv",
    lines: int = 1,
) -> BadInput:
    """Two images and a table of their labels."""
    entry = f'kind = "images"\npath = "{{here}}"\nlabels = "{table}"\n{more}'
    return BadInput(name, both(CATS, file(table, content)), entry, says, lines)


def beside(name: str, build: Build, more: str, *says: str, lines: int = 1) -> BadInput:
    """Two images with other pictures."""
    return BadInput(
        name, both(CATS, build), f'kind = "images"\npath = "{{here}}"\n{more}', says, lines
    )


def _masks(*names: str) -> Build:
    return inside("masks", both(*(photo(name, "L") for name in names)))


MASKS = 'masks = "masks/{stem}.png"'
BAD_LABELS = (
    labelled("labels-row-missing", GOOD[:-10], "", "2.png", "a row in labels.csv", "got none"),
    labelled(
        "labels-file-missing",
        GOOD + "3.png,ape\n",
        "",
        *("labels-file-missing/labels.csv", "row 3", "name of one file, for '3.png'", "got none"),
    ),
    labelled(
        "labels-both-missing",
        GOOD.replace("2.png", "3.png"),
        "",
        *("2.png", "labels.csv", "row 2", "'3.png'"),
        lines=3,
    ),
    labelled("labels-row-twice", GOOD + "1.png,cat\n", "", "1.png", "one row", "row 1 and row 3"),
    labelled(
        "labels-row-twice-else", GOOD + "1.png,ape\n", "", "1.png", "one row", "row 1 and row 3"
    ),
    labelled("labels-blank", GOOD.replace("dog", " "), "", "2.png", "a label", "a blank one"),
    labelled("labels-header-only", "file,label\n", "", "labels.csv", "rows", "none"),
    labelled("labels-empty", "", "", "labels.csv", "expected text", "got an empty file"),
    labelled("labels-latin", GOOD.replace("cat", "çat").encode("latin-1"), "", "utf-8", "0xe7"),
    labelled("labels-row-long", GOOD + "3.png,a,b\n", "", "labels.csv", "row 3", "got 3"),
    labelled(
        "labels-of-others",
        "file,label\na.png,cat\nb.png,dog\n",
        "",
        *("labels.csv", "expected one column whose values name the files", "file, label"),
    ),
    labelled(
        "labels-two-columns",
        "file,breed,size\n1.png,cat,S\n2.png,dog,L\n",
        "",
        *("labels.csv", "expected", "label_column", "breed, size"),
    ),
    labelled(
        "labels-no-file-column",
        GOOD,
        'file_column = "name"',
        *("labels.csv", "header", "expected a column 'name'", "file, label"),
    ),
    labelled(
        "labels-no-label-column",
        GOOD,
        'label_column = "breed"',
        *("labels.csv", "header", "expected a column 'breed'", "file, label"),
    ),
    labelled("labels-no-number", GOOD, "regression = true", "1.png", "a number", "'cat'", lines=3),
    labelled(
        "labels-number-nan",
        "file,label\n1.png,3\n2.png,nan\n",
        "regression = true",
        *("2.png", "a number", "got 'nan'"),
    ),
    labelled(
        "labels-number-blank",
        "file,label\n1.png,3\n2.png,\n",
        "regression = true",
        *("2.png", "a number", "got a blank"),
    ),
    labelled(
        "labels-flag-of-two",
        "file,a,b\n1.png,0,1\n2.png,2,0\n",
        'label_column = ["a", "b"]',
        *("2.png", "'a'", "0 or 1", "got '2'"),
    ),
    labelled(
        "labels-flag-blank",
        "file,a,b\n1.png,0,1\n2.png,,0\n",
        'label_column = ["a", "b"]',
        *("2.png", "'a'", "0 or 1", "got ''"),
    ),
    labelled(
        "labels-json-cut",
        '{"file": "1.png", "label": "cat"}\n{"file": "2.png", "la',
        "",
        *("labels.jsonl", "line 2", "an object of JSON"),
        table="labels.jsonl",
    ),
    labelled(
        "labels-json-null",
        '{"file": "1.png", "label": "cat"}\n{"file": "2.png", "label": null}\n',
        "",
        *("2.png", "a label", "a blank one"),
        table="labels.jsonl",
    ),
    BadInput(
        "labels-no-table",
        CATS,
        'kind = "images"\npath = "{here}"\nlabels = "labels.csv"',
        ("labels-no-table", "expected", "labels.csv", "got none"),
    ),
    BadInput(
        "labels-no-folder",
        both(photo("1.png"), inside("dogs", photo("2.png"))),
        'kind = "images"\npath = "{here}"\nlabels = "folder"',
        ("labels-no-folder/1.png", "a folder that is its class", "got none"),
    ),
    BadInput(
        "labels-no-match",
        both(photo("cat1.png"), photo("cow1.png")),
        'kind = "images"\npath = "{here}"\nlabels = "^(cat|dog)"',
        ("labels-no-match/cow1.png", "a class by '^(cat|dog)'", "got none"),
    ),
    BadInput(
        "labels-match-of-nothing",
        both(photo("cat1.png"), photo("1.png")),
        'kind = "images"\npath = "{here}"\nlabels = "^([a-z]*)"',
        ("labels-match-of-nothing/1.png", "a class by '^([a-z]*)'", "got"),
    ),
    beside("mask-missing", _masks("1.png"), MASKS, "2.png", "one mask", MASKS[:5], "got none"),
    beside("masks-missing", _masks("5.png"), MASKS, "1.png", "2.png", "masks/5.png", lines=4),
    beside("mask-more", _masks("1.png", "2.png", "3.png"), MASKS, "masks/3.png", "image", "none"),
    beside(
        "mask-two",
        both(_masks("1.png", "2.png"), inside("masks", photo("2.tif", "L"))),
        'masks = "masks"',
        *("2.png", "one", "masks/2.png", "masks/2.tif"),
    ),
    beside(
        "mask-size",
        both(_masks("1.png"), inside("masks", photo("2.png", "L", height=41))),
        MASKS,
        *("mask-size/2.png", "mask masks/2.png", "40 x 50 pixels as its image", "got 41 x 50"),
    ),
    beside(
        "mask-of-colors",
        both(_masks("1.png"), inside("masks", photo("2.png", "RGB"))),
        MASKS,
        *("mask-of-colors/2.png", "masks/2.png", "a palette, or of gray", "got colours"),
    ),
    beside(
        "mask-cut",
        both(_masks("1.png", "2.png"), inside("masks", cut("2.png", 0.6))),
        MASKS,
        *("mask-cut/2.png", "mask masks/2.png", "expected a whole image", "cut short"),
    ),
    beside(
        "mask-text",
        both(_masks("1.png"), inside("masks", file("2.png", "no mask"))),
        MASKS,
        *("mask-text/2.png", "mask masks/2.png", "expected a whole image"),
    ),
    beside(
        "mask-16-bit",
        both(_masks("1.png"), inside("masks", photo("2.png", "I;16"))),
        MASKS,
        *("mask-16-bit/2.png", "mask masks/2.png", "from 0 to 255", "got up to 65535"),
    ),
    beside(
        "pair-missing",
        inside("clean", photo("1.png")),
        'pairs = "clean/{stem}.png"',
        *("pair-missing/2.png", "one pair", "clean/{stem}.png", "got none"),
    ),
    beside(
        "pair-gray",
        inside("clean", both(photo("1.png"), photo("2.png", "L"))),
        'pairs = "clean/{stem}.png"',
        *("pair-gray/2.png", "3 channels", "its pair 40 x 50 pixels with 1 channel"),
    ),
    beside(
        "pair-empty",
        inside("clean", both(photo("1.png"), file("2.png", b""))),
        'pairs = "clean/{stem}.png"',
        *("pair-empty/2.png", "pair clean/2.png", "expected a whole image", "an empty file"),
    ),
)
