"""A kind of one's own: each third letter of a text, with the eight before it, and its chapter."""

import re

import numpy as np

import ptm

BEFORE, STEP = 8, 3


def analyze(options, artifacts):
    [text] = artifacts.values()
    letters, ids = text.tables["characters"]["character"], text.tensors["char_ids"]
    spelled = "".join(letters.to_numpy()[ids.numpy()])
    headings = [found.start() for found in re.finditer("\n\nchapter ", spelled)]
    windows = ids.unfold(0, BEFORE + 1, STEP)
    places = np.arange(len(windows)) * STEP + BEFORE
    return ptm.Block(
        {"before": windows[:, :BEFORE], "target": windows[:, BEFORE].long()},
        rows={"chapter": np.searchsorted(headings, places)},
        facts={"known": len(letters)},
    )
