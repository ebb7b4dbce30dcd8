"""Point reads that wait for one another: what many callers ask for at once is one question to the database."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Generic, TypeVar

from sqlalchemy import Connection

if TYPE_CHECKING:
    from gateway.store.engine import Store

K = TypeVar("K")
V = TypeVar("V")


class Loader(Generic[K, V]):
    """Reads values by key in batches.

    `fetch(connection, keys)` answers a mapping of the keys it found. A key asked for while a read is under way waits
    for the next one, so an answer is never older than its question.
    """

    def __init__(
        self, store: Store, fetch: Callable[[Connection, Sequence[K]], Mapping[K, V]], *, batch: int = 256
    ) -> None:
        self._store = store
        self._fetch = fetch
        self._batch = batch
        self._waiting: dict[K, list[asyncio.Future[V | None]]] = {}
        self._task: asyncio.Task[None] | None = None

    async def get(self, key: K) -> V | None:
        """The value of `key`, or None where there is none."""
        # Each asks on a future of its own: one that gives up takes no other's answer along.
        future: asyncio.Future[V | None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(key, []).append(future)
        if self._task is None:
            self._task = asyncio.create_task(self._drain())
        return await future

    async def _drain(self) -> None:
        try:
            while self._waiting:
                keys = list(self._waiting)[: self._batch]
                asked = {key: self._waiting.pop(key) for key in keys}
                try:
                    found = await self._store.read(self._fetch, keys)
                except Exception as error:  # noqa: BLE001 - handed on to each waiting caller
                    _fail(chain.from_iterable(asked.values()), error)
                else:
                    for key, futures in asked.items():
                        for future in futures:
                            if not future.done():
                                future.set_result(found.get(key))
        finally:
            self._task = None


def _fail(futures: Iterable[asyncio.Future[V | None]], error: Exception) -> None:
    for future in futures:
        if not future.done():
            future.set_exception(error)
            future.exception()  # a caller that went away must not make the loop complain
