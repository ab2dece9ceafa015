"""Blocks of rows from data over the memory budget: one is gathered while another one trains."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from dlcli.training.memory import empty_aligned

# A larger block would hide nothing more of the gathering, and the first one of an epoch hides none.
MAX_BLOCK_BYTES = 32 * 2**20
BLOCKS_IN_MEMORY = 4
"""Two of the training part and two of the validation part."""

Leaves = Sequence[NDArray[Any]]
"""The arrays of one part, in the order in which a tree of them flattens."""
ToDevice = Callable[[NDArray[Any]], Any]
"""Host array to tensor, which may share the array's memory."""


@dataclass(frozen=True, kw_only=True)
class Block:
    """Rows on the device, and which batches of them to take."""

    arrays: list[Any]
    batch_size: int
    first: int
    """The first batch to take; a block may begin with one that the block before it had."""
    stop: int


class Feed(Protocol):
    """One part of the data, read as blocks."""

    leaves: Leaves
    """The part in host memory."""
    num_blocks: int
    """Blocks of an epoch, without the short last batch that comes beside them."""
    block_rows: dict[int, int]
    """Batch size to the rows of every block that holds batches of it."""

    def read(
        self, order: NDArray[np.int32] | None = None, *, first: int = 0, epoch: int = 0
    ) -> Iterator[Block]:
        """Yield the blocks of an epoch; each is valid until the next one is asked for."""


@dataclass(frozen=True, kw_only=True)
class _Piece:
    """Where a block stands in an epoch."""

    rows: slice
    batch_size: int
    first: int
    stop: int

    @property
    def num_rows(self) -> int:
        return int(self.rows.stop - self.rows.start)


class StreamedBlocks:
    """Blocks of whole batches from host memory, all of one shape, held two at a time.

    What is left over after the last full batch comes as a block of its own, one short batch.
    """

    def __init__(
        self,
        leaves: Leaves,
        *,
        batch_size: int,
        block_bytes: int,
        to_device: ToDevice,
        num_rows: int | None = None,
    ) -> None:
        """Take the part, or some rows of one that has `num_rows` of them."""
        self.leaves = leaves
        rows = len(leaves[0]) if num_rows is None else num_rows
        batch_bytes = _num_bytes(leaves) * batch_size // len(leaves[0])
        most = max(1, block_bytes // max(1, batch_bytes))
        self.num_blocks = max(1, -(-(rows // batch_size) // most))
        self._pieces = _pieces(rows, batch_size=batch_size, num_blocks=self.num_blocks)
        self.block_rows = {piece.batch_size: piece.num_rows for piece in self._pieces}
        self._to_device = to_device
        self._buffers: list[list[NDArray[Any]]] = []

    def read(
        self, order: NDArray[np.int32] | None = None, *, first: int = 0, epoch: int = 0
    ) -> Iterator[Block]:
        """Yield the blocks of an epoch while a thread gathers the one that follows."""
        if not self._buffers:
            self._buffers = [self._make_buffers() for _ in self._pieces[:2]]
        with ThreadPoolExecutor(1, thread_name_prefix="blocks") as executor:
            coming = executor.submit(self._load, first, order, epoch)
            for following in range(first + 1, len(self._pieces) + 1):
                block = coming.result()
                if following < len(self._pieces):
                    coming = executor.submit(self._load, following, order, epoch)
                else:
                    coming = Future()  # or it would hold the last block
                yield block
                del block

    def _make_buffers(self) -> list[NDArray[Any]]:
        rows = max(self.block_rows.values())
        return [empty_aligned((rows, *leaf.shape[1:]), leaf.dtype) for leaf in self.leaves]

    def _load(self, index: int, order: NDArray[np.int32] | None, epoch: int) -> Block:
        piece = self._pieces[index]
        arrays = []
        for leaf, buffer in zip(self.leaves, self._buffers[index % 2], strict=True):
            rows = buffer[: piece.num_rows]
            if order is None:
                np.copyto(rows, leaf[piece.rows])
            else:
                # Any other mode gathers into one more array first.
                np.take(leaf, order[piece.rows], axis=0, out=rows, mode="clip")
            arrays.append(self._to_device(rows))
        return _block(piece, arrays)


class StoredLeaves(Protocol):
    """The training part on disk, in an order that is as good as any."""

    @property
    def num_rows(self) -> int: ...

    @property
    def shuffles(self) -> bool:
        """Whether every epoch takes the rows in a new order."""

    @property
    def seed(self) -> int: ...

    def read(self, start: int, stop: int) -> Leaves:
        """Read the rows from `start` on, before `stop`, as they are trained on."""


class StoredBlocks(StreamedBlocks):
    """Blocks of whole batches from disk, all of one shape, held two at a time.

    A block is always made of the same stretch of rows. Every epoch takes the blocks in another
    order, and the rows of each in another one too; what is left over after the last full batch
    stays one short batch at the end.
    """

    def __init__(
        self,
        stored: StoredLeaves,
        leaves: Leaves,
        *,
        batch_size: int,
        block_bytes: int,
        to_device: ToDevice,
    ) -> None:
        """Take some rows as `leaves` beside the stored ones, for shapes and types."""
        super().__init__(
            leaves,
            batch_size=batch_size,
            block_bytes=block_bytes,
            to_device=to_device,
            num_rows=stored.num_rows,
        )
        self._stored = stored

    def _load(self, index: int, order: NDArray[np.int32] | None, epoch: int) -> Block:
        assert order is None
        turn = self._turn(index, epoch)
        piece = self._pieces[turn]
        # Beside them, the batches of another block, which make the shapes equal, are not run.
        own = slice(piece.first * piece.batch_size, piece.stop * piece.batch_size)
        found = self._stored.read(piece.rows.start + own.start, piece.rows.start + own.stop)
        rows = np.arange(own.stop - own.start)
        if self._stored.shuffles:
            rows = _random(self._stored.seed, epoch, turn + 1).permutation(len(rows))
        arrays = []
        for leaf, buffer in zip(found, self._buffers[index % 2], strict=True):
            np.take(leaf, rows, axis=0, out=buffer[own], mode="clip")
            arrays.append(self._to_device(buffer[: piece.num_rows]))
        return _block(piece, arrays)

    def _turn(self, index: int, epoch: int) -> int:
        """Return which block is the one at `index` of an epoch."""
        full = sum(piece.batch_size == self._pieces[0].batch_size for piece in self._pieces)
        if not self._stored.shuffles or index >= full:
            return index
        return int(_random(self._stored.seed, epoch, 0).permutation(full)[index])


def _random(seed: int, epoch: int, block: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64([seed, epoch, block]))


class KeptBlocks:
    """A part that stays on the device whole, read as if it were streamed."""

    num_blocks = 1

    def __init__(self, leaves: Leaves, *, batch_size: int, to_device: ToDevice) -> None:
        self.leaves = leaves
        pieces = _pieces(len(leaves[0]), batch_size=batch_size, num_blocks=1)
        self.block_rows = {piece.batch_size: piece.num_rows for piece in pieces}
        self._blocks = [
            _block(piece, [to_device(leaf[piece.rows]) for leaf in leaves]) for piece in pieces
        ]

    def read(
        self, order: NDArray[np.int32] | None = None, *, first: int = 0, epoch: int = 0
    ) -> Iterator[Block]:
        """Yield the same blocks at every time, in the order of the rows."""
        assert order is None
        return iter(self._blocks[first:])


def feed_parts(
    train: Leaves,
    validation: Leaves | None,
    *,
    batch_size: int,
    budget_bytes: int,
    to_device: ToDevice,
    stored: StoredLeaves | None = None,
) -> tuple[Feed, Feed | None]:
    """Return what feeds training, and validation, kept whole where it takes half the budget at most.

    What is `stored` trains in the place of `train`, which are some of its rows.
    """
    keeps = validation is not None and _num_bytes(validation) <= budget_bytes // 2
    kept_bytes = _num_bytes(validation) if validation is not None and keeps else 0
    block_bytes = min(MAX_BLOCK_BYTES, (budget_bytes - kept_bytes) // BLOCKS_IN_MEMORY)

    def stream(leaves: Leaves) -> Feed:
        return StreamedBlocks(
            leaves, batch_size=batch_size, block_bytes=block_bytes, to_device=to_device
        )

    feed = (
        stream(train)
        if stored is None
        else StoredBlocks(
            stored, train, batch_size=batch_size, block_bytes=block_bytes, to_device=to_device
        )
    )
    if validation is None:
        return feed, None
    if keeps:
        return feed, KeptBlocks(validation, batch_size=batch_size, to_device=to_device)
    return feed, stream(validation)


def _pieces(rows: int, *, batch_size: int, num_blocks: int) -> list[_Piece]:
    full, rest = divmod(rows, batch_size)
    length = -(-full // num_blocks)
    bounds = [full * index // num_blocks for index in range(num_blocks + 1)]
    pieces = []
    for first, stop in pairwise(bounds):
        if first < stop:
            # All blocks have one shape, or each would be compiled; the last ends with the batches.
            start = min(first, full - length)
            pieces.append(
                _Piece(
                    rows=slice(start * batch_size, (start + length) * batch_size),
                    batch_size=batch_size,
                    first=first - start,
                    stop=stop - start,
                )
            )
    if rest:
        short = slice(full * batch_size, rows)
        pieces.append(_Piece(rows=short, batch_size=rest, first=0, stop=1))
    return pieces


def _block(piece: _Piece, arrays: list[Any]) -> Block:
    return Block(arrays=arrays, batch_size=piece.batch_size, first=piece.first, stop=piece.stop)


def _num_bytes(leaves: Leaves) -> int:
    return sum(leaf.nbytes for leaf in leaves)
