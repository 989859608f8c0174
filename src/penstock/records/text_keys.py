"""Which column a key names: thousands of keys of a body matched at once against those of the schema."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from penstock.records.refusal import Refused
from penstock.records.words import FIRST_BYTES, Indexes, Words, padded, words

_TRIES = 200
"""Multipliers tried for a table of one size before the next larger one is."""


class KeyTable:
    """A collision-free hash table of a schema's keys.

    A key is its length and its bytes, eight at a time, zeros beyond the end. The multipliers are searched for, when the
    schema is compiled, until no two keys share a slot. So a key of a body can only be the one in its slot, and that
    is then compared whole: nothing is taken for granted because hashes agree."""

    def __init__(self, keys: Sequence[str]) -> None:
        assert keys and len(set(keys)) == len(keys)
        raw = [key.encode() for key in keys]
        self._longest = max(map(len, raw))
        rounds = -(-self._longest // 8)
        table = np.zeros((rounds, len(raw) + 1), np.uint64)  # the last column stands for no key
        for column, key in enumerate(raw):
            table[:, column] = words(padded(key.ljust(rounds * 8, b"\0"), 0, 8))[: rounds * 8 : 8]
        self._words = table
        self._lengths = np.array([*map(len, raw), -1], np.int64)
        self._factors, self._shift, self._slots = _separate(table[:, :-1], self._lengths[:-1])

    def match(self, body: Words, starts: Indexes, lengths: Indexes) -> npt.NDArray[np.intp]:
        """The column of each key that begins at `starts` in the body whose words are given. Raises Refused when one is
        not in the schema."""
        if lengths.max() > self._longest:
            raise Refused
        first = body[starts] & FIRST_BYTES[np.minimum(lengths, 8)]
        hashes = first * self._factors[0] + lengths.astype(np.uint64) * self._factors[-1]
        later: list[tuple[npt.NDArray[np.intp], Words]] = []
        for i in range(1, len(self._words)):
            at = np.flatnonzero(lengths > 8 * i)
            if not len(at):
                break
            word = body[starts[at] + 8 * i] & FIRST_BYTES[np.minimum(lengths[at] - 8 * i, 8)]
            hashes[at] += word * self._factors[i]
            later.append((at, word))
        columns: npt.NDArray[np.intp] = self._slots[hashes >> self._shift]
        same = (self._words[0][columns] == first) & (self._lengths[columns] == lengths)
        if not same.all() or any((self._words[i][columns[at]] != word).any() for i, (at, word) in enumerate(later, 1)):
            raise Refused
        return columns


def _separate(table: Words, lengths: Indexes) -> tuple[Words, np.uint64, npt.NDArray[np.intp]]:
    """Multipliers for the words and, last, the length; the shift of the hash; and the slots: a column, or the
    number of columns where no key lies."""
    rounds, count = table.shape
    random = np.random.default_rng(1)
    bits = max(4, int(np.ceil(np.log2(count + 1) * 1.6)))
    while True:
        shift = np.uint64(64 - bits)
        for _ in range(_TRIES):
            factors = random.integers(0, 1 << 64, rounds + 1, np.uint64) | np.uint64(1)
            hashes = lengths.astype(np.uint64) * factors[-1]
            for i in range(rounds):
                hashes = hashes + table[i] * factors[i]
            at = hashes >> shift
            if len(np.unique(at)) == count:
                slots = np.full(1 << bits, count, np.intp)
                slots[at] = np.arange(count)
                return factors, shift, slots
        bits += 1
