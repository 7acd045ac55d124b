"""Where the quotes of delimited text are open, followed through a file block by block."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

QUOTE, FEED, RETURN = b'"\n\r'
LETTER = ord("x")  # any that is neither quote nor separator


class Quotes:
    """Tells what is in quotes. A quote opens at the begin of a field alone, as in `rows.pieces`.

    Where every quote that would open one stands there, or is the second of a doubled one, each
    quote opens or closes in turn. Else, as with 5" in a field without quotes, they are looked at
    one by one.
    """

    def __init__(self, delimiter: str) -> None:
        self._is_open = False
        self._behind = FEED  # the last byte before the block; a quote there is one that closed
        self._delimiter = ord(delimiter)

    def outside(self, block: NDArray[np.uint8]) -> NDArray[np.bool_] | None:
        """What of the next block is outside of quotes, bool [byte]; None where all of it is.

        Of quotes themselves it says nothing.
        """
        import numpy as np

        if not self._is_open and QUOTE not in block.tobytes():
            self._behind = int(block[-1])
            return None
        quotes = block == QUOTE
        begins = (block == self._delimiter) | (block == FEED) | (block == RETURN)
        begins[1:] = begins[:-1].copy()  # behind a separator
        begins[0] = self._behind in (self._delimiter, FEED, RETURN)
        follows = np.empty_like(quotes)  # behind a quote
        follows[1:] = quotes[:-1]
        follows[0] = self._behind == QUOTE
        is_open = _parity(quotes, self._is_open)
        if ((quotes & is_open) > (begins | follows)).any():
            quotes = self._one_by_one(quotes, begins)
            is_open = _parity(quotes, self._is_open)
        self._is_open = bool(is_open[-1])
        is_stray = block[-1] == QUOTE and not quotes[-1]
        self._behind = LETTER if is_stray else int(block[-1])
        return ~is_open

    def _one_by_one(
        self, quotes: NDArray[np.bool_], begins: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        """The quotes that open or close, of those that there are."""
        import numpy as np

        places = np.flatnonzero(quotes)
        is_open, closed = self._is_open, -1 if self._behind == QUOTE else -2
        told = []
        for place, is_begin in zip(places.tolist(), begins[places].tolist(), strict=True):
            if is_open:
                is_open, closed = False, place
                told.append(place)
            elif is_begin or place == closed + 1:
                is_open = True
                told.append(place)
        found = np.zeros_like(quotes)
        found[told] = True
        return found


class NoQuotes:
    """The same where no line ends are in quotes."""

    def outside(self, block: NDArray[np.uint8]) -> None:
        """All of it is."""


def _parity(marks: NDArray[np.bool_], is_odd: bool) -> NDArray[np.bool_]:
    """Whether the marks up to each place, it included, are odd in number; 64 places at once.

    Args:
        marks: bool [place].
        is_odd: whether those before the first place are.
    """
    import numpy as np

    packed = np.packbits(marks, bitorder="little")
    words = np.zeros(-(-len(packed) // 8), "<u8")
    words.view(np.uint8)[: len(packed)] = packed
    for step in (1, 2, 4, 8, 16, 32):
        words ^= words << np.uint64(step)
    odd = np.bitwise_xor.accumulate(np.append(np.uint64(is_odd), words[:-1] >> np.uint64(63)))
    words ^= -odd  # all bits of the words that begin odd
    parity = np.unpackbits(words.view(np.uint8), count=len(marks), bitorder="little")
    return parity.view(np.bool_)
