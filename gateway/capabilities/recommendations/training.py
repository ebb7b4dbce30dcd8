"""Learn which items go together: co-occurrence, lift and popularity over all subscribers.

    lift(a → t) = P(t | a) / P(t)

Source: Brin, Motwani, Ullman, Tsur, "Dynamic itemset counting and implication rules for market basket data",
SIGMOD 1997, where lift is called interest.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from scipy import sparse

SHRINKAGE = 10.0
"""Imagined holders of every item who take targets as everyone does; keeps small counts from shouting."""

_SMALLEST_LIFT = 1e-3


class ItemModel(Struct, frozen=True, eq=False):
    """What holders of one item also take, compared with everyone.

    Attributes:
        items: names of the rows.
        targets: names of the columns; each is an offer code.
        similarity: float32, (n_items, n_targets); natural logarithm of the shrunk lift, 0 = no influence, 0 for an
            item on itself.
        together: int32, (n_items, n_targets); subscribers having both.
        support: int32, (n_items,); subscribers having the item.
        popularity: float32, (n_targets,); share of all subscribers having the target, (count + 1) / (n + 2).
        subscribers: number of subscribers learnt from.
        version: name of these very numbers.
    """

    items: tuple[str, ...]
    targets: tuple[str, ...]
    similarity: NDArray[np.float32]
    together: NDArray[np.int32]
    support: NDArray[np.int32]
    popularity: NDArray[np.float32]
    subscribers: int
    version: str

    def dumps(self) -> bytes:
        """The model as the bytes of an npz archive."""
        archive = io.BytesIO()
        np.savez_compressed(
            archive,
            items=np.array(self.items, dtype=np.str_),
            targets=np.array(self.targets, dtype=np.str_),
            similarity=self.similarity,
            together=self.together,
            support=self.support,
            popularity=self.popularity,
            subscribers=np.int64(self.subscribers),
            version=np.str_(self.version),
        )
        return archive.getvalue()

    @classmethod
    def loads(cls, data: bytes) -> ItemModel:
        """The model written by ``dumps``.

        Raises:
            ValueError: not such an archive, or a damaged one.
        """
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as archive:
                return cls(
                    items=tuple(archive["items"].tolist()),
                    targets=tuple(archive["targets"].tolist()),
                    similarity=archive["similarity"],
                    together=archive["together"],
                    support=archive["support"],
                    popularity=archive["popularity"],
                    subscribers=int(archive["subscribers"]),
                    version=str(archive["version"]),
                )
        except Exception as error:  # the zip, zlib and npy readers each have their own errors for damaged bytes
            raise ValueError(f"not an item model: {error}") from error


def incidence(pairs: Iterable[tuple[int, str]]) -> tuple[sparse.csr_array, tuple[str, ...]]:
    """The matrix of (subscriber id, item) pairs: X of shape (n_subscribers, n_items) with 1 = has, and its items.

    Rows follow the first appearance of the subscribers, columns the sorted items; double pairs count once.
    """
    row_of: dict[int, int] = {}
    column_of: dict[str, int] = {}
    rows: list[int] = []
    columns: list[int] = []
    for subscriber, item in pairs:
        rows.append(row_of.setdefault(subscriber, len(row_of)))
        columns.append(column_of.setdefault(item, len(column_of)))
    items = sorted(column_of)
    place = np.empty(len(items), np.int64)
    for at, item in enumerate(items):
        place[column_of[item]] = at
    entries = (np.ones(len(rows), np.float32), (np.array(rows, np.int64), place[np.array(columns, np.int64)]))
    return _binary(sparse.csr_array(entries, shape=(len(row_of), len(items)))), tuple(items)


def train(
    subscriber_items: sparse.csr_array, items: Sequence[str], targets: Iterable[str], shrinkage: float = SHRINKAGE
) -> ItemModel:
    """Learn from ``subscriber_items``: X of shape (n_subscribers, n_items), every value that is not 0 meaning "has".

    ``items`` names the columns of X. Of ``targets`` those that nobody has are left out.
    """
    x = _binary(subscriber_items)
    if x.shape[1] != len(items):
        raise ValueError(f"{x.shape[1]} columns but {len(items)} items")
    column = {item: at for at, item in enumerate(items)}
    known = tuple(target for target in sorted(set(targets)) if target in column)
    columns = np.array([column[target] for target in known], np.int64)
    n = x.shape[0]
    together = (x.T @ x[:, columns]).toarray()
    support = np.asarray(x.sum(axis=0)).ravel()
    popularity = (support[columns] + 1) / (n + 2)
    similarity = _log_lift(together, support, popularity, shrinkage)
    similarity[columns, np.arange(len(known))] = 0
    return _versioned(tuple(items), known, similarity, together, support, popularity, n)


def _log_lift(
    together: NDArray[np.float32], support: NDArray[np.float32], popularity: NDArray[np.float32], shrinkage: float
) -> NDArray[np.float32]:
    given = (together + shrinkage * popularity) / (support + shrinkage)[:, None]
    logarithm: NDArray[np.float32] = np.log(np.maximum(given / popularity, _SMALLEST_LIFT)).astype(np.float32)
    return logarithm


def _versioned(
    items: tuple[str, ...],
    targets: tuple[str, ...],
    similarity: NDArray[np.float32],
    together: NDArray[np.float32],
    support: NDArray[np.float32],
    popularity: NDArray[np.float32],
    subscribers: int,
) -> ItemModel:
    counts = together.astype(np.int32)
    digest = hashlib.sha256("\n".join((*items, "", *targets, str(subscribers))).encode())
    digest.update(counts.tobytes())
    digest.update(similarity.tobytes())
    return ItemModel(
        items=items,
        targets=targets,
        similarity=similarity,
        together=counts,
        support=support.astype(np.int32),
        popularity=popularity.astype(np.float32),
        subscribers=subscribers,
        version=f"lift-{digest.hexdigest()[:12]}",
    )


def _binary(x: sparse.csr_array) -> sparse.csr_array:
    binary = sparse.csr_array(x, dtype=np.float32, copy=True)
    binary.sum_duplicates()
    binary.eliminate_zeros()
    binary.data[:] = 1
    return binary
