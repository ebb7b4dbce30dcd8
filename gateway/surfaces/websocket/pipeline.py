"""The order of a connection's calls: taken up as they come, run side by side, answered as they end."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from gateway.surfaces.websocket import jsonrpc
from gateway.surfaces.websocket.connection import Connection
from gateway.surfaces.websocket.jsonrpc import Request


@dataclass(slots=True)
class _Reply:
    """The answer to one message, while its calls run."""

    waiting: int
    batch: bool
    answers: list[bytes] = field(default_factory=list)

    def add(self, answer: bytes) -> bytes:
        """Take the answer to one call (empty: it has none); gives what is to be sent now, if anything."""
        self.waiting -= 1
        if answer:
            self.answers.append(answer)
        if self.waiting or not self.answers:
            return b""
        return jsonrpc.batch(self.answers) if self.batch else self.answers[0]


class Pipeline:
    """The calls of one connection.

    So many run at a time. As long as calls wait, or the peer does not take its answers, nothing more is read from it: what
    it can make us keep is bounded. A call that must run alone is done before anything sent after it begins.
    """

    __slots__ = (
        "_alone",
        "_at_once",
        "_connection",
        "_inbox",
        "_is_alone",
        "_leaving",
        "_locale",
        "_next",
        "_running",
        "_serve",
    )

    def __init__(
        self,
        serve: Callable[[Request], Awaitable[bytes]],
        is_alone: Callable[[Request], bool],
        *,
        at_once: int,
        locale: str,
    ) -> None:
        """`serve` gives the answer to a call and raises nothing; `is_alone` tells whether it must run alone."""
        self._serve = serve
        self._is_alone = is_alone
        self._at_once = at_once
        self._locale = locale
        self._connection: Connection | None = None
        self._inbox: deque[str] = deque()
        self._next: deque[tuple[Request, _Reply]] = deque()
        self._running: set[asyncio.Task[None]] = set()
        self._alone = False
        self._leaving: Callable[[], None] | None = None

    def begin(self, connection: Connection) -> None:
        """Answer over this connection."""
        self._connection = connection

    def received(self, text: str) -> None:
        """Take up a message."""
        self._inbox.append(text)
        self.go_on()

    def leave(self, then: Callable[[], None]) -> None:
        """Begin nothing new, and call `then` when what is under way has been answered."""
        self._leaving = then
        self.go_on()

    def end(self) -> None:
        """The connection is gone. What is under way ends by itself: its effects are wanted, only nobody hears of them."""
        self._connection = None
        self._inbox.clear()
        self._next.clear()

    def go_on(self) -> None:
        """Begin what can begin now."""
        connection = self._connection
        if connection is None:
            return
        if self._leaving is not None:
            if not self._running:
                self._leaving()
            return
        while connection.is_writable and self._begin_one():
            pass
        connection.hold(bool(self._next or self._inbox))

    def _begin_one(self) -> bool:
        if self._next:
            if self._alone or len(self._running) >= self._at_once:
                return False
            self._start(*self._next.popleft())
        elif self._inbox:
            self._take_up(self._inbox.popleft())
        else:
            return False
        return True

    def _take_up(self, text: str) -> None:
        message = jsonrpc.read(text, self._locale)
        reply = _Reply(len(message.calls), message.batch)
        for call in message.calls:
            if isinstance(call, bytes):
                self._answer(reply, call)
            else:
                self._next.append((call, reply))

    def _start(self, request: Request, reply: _Reply) -> None:
        self._alone = self._is_alone(request)
        task = asyncio.create_task(self._run(request, reply))
        self._running.add(task)
        task.add_done_callback(self._ran)

    async def _run(self, request: Request, reply: _Reply) -> None:
        answer = await self._serve(request)
        if self._is_alone(request):
            self._alone = False
        self._answer(reply, b"" if request.id is None else answer)

    def _ran(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self.go_on()

    def _answer(self, reply: _Reply, answer: bytes) -> None:
        whole = reply.add(answer)
        if whole and self._connection is not None:
            self._connection.send(whole)
