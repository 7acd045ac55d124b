"""Quotes followed through blocks: what is in them is what a byte-by-byte machine says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ptm.readers.delimited.quotes import Quotes


def outside(text: bytes) -> list[bool]:
    """Whether each byte is outside of quotes; of quotes themselves it means nothing."""
    found, state = [], "begin"  # of a field; then "plain", "open", or "closing"
    for byte in text.decode("latin-1"):
        if state == "open":
            state = "closing" if byte == '"' else "open"
        elif byte == '"' and state in ("begin", "closing"):
            state = "open"
        else:
            state = "begin" if byte in ",\r\n" else "plain"
        found.append(state != "open")
    return found


@given(
    text=st.text('a,"""\n\r', min_size=1, max_size=60).map(str.encode),
    cuts=st.lists(st.integers(1, 7), min_size=1, max_size=9),
)
@example(text=b'a"' + b'"\n,"x\ny', cuts=[2])  # a stray quote at the end of a block
@example(text=b'a"b,"x\n' + b'y\n",\n', cuts=[7])  # one before a quote that stays open
@example(text=b'"a"b",\n' + b'"""\n"', cuts=[1])
@settings(deadline=None, max_examples=400)
def test_quotes_in_blocks(text: bytes, cuts: list[int]) -> None:
    """The borders of the blocks change nothing."""
    quotes, found, place = Quotes(","), [], 0
    while place < len(text):
        size = cuts[len(found) % len(cuts)]
        block = np.frombuffer(text[place : place + size], np.uint8)
        told = quotes.outside(block)
        found += [True] * len(block) if told is None else told.tolist()
        place += size
    same = [(a, b) for a, b, byte in zip(found, outside(text), text, strict=True) if byte != 34]
    assert all(a == b for a, b in same)


@pytest.mark.parametrize("count", [1, 7, 8, 9, 63, 64, 65, 127, 128, 129, 1000])
@pytest.mark.parametrize("stray", [b"", b'x"y,'])
def test_blocks_of_every_length(count: int, stray: bytes) -> None:
    """Bits are looked at 64 at once: no length is special."""
    text = stray + (b'"a\n""",b\n,"\r"\n' * count)[:count]
    told = Quotes(",").outside(np.frombuffer(text, np.uint8))
    assert told is not None
    same = [a == b for a, b, byte in zip(told, outside(text), text, strict=True) if byte != 34]
    assert all(same)
