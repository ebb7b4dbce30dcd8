"""One WebSocket connection: frames in and out, back-pressure, heartbeat, closing. What messages mean is told elsewhere.

It takes the socket over from the HTTP server after the upgrade and keeps nothing else of it, so that an idle connection
costs a few kilobytes. Frames are read and written by the `websockets` package. Messages are not compressed: the
windows of permessage-deflate would cost more memory than all the rest. Source: RFC 6455.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Protocol, cast

from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.server import ServerProtocol

NORMAL = 1000
GOING_AWAY = 1001
UNSUPPORTED_DATA = 1003
INVALID_TEXT = 1007
INTERNAL_ERROR = 1011
TRY_AGAIN_LATER = 1013

_CLOSING_TAKES = 5.0
"""Seconds that the peer has to take what is on its way to it and to answer the close frame."""
_CHUNK = bytearray(32_768)
"""Where bytes are received. They are used up before the loop turns, so all connections share it."""
_HIGH_WATER = 65_536
"""Unsent bytes above which a connection gets nothing more to send."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a connection waits, in seconds."""

    heartbeat: float
    """Silence after which the peer is pinged; after twice as much it is given up."""
    slow_reader: float
    """Time the peer may leave what was sent to it unread."""

    @property
    def tick(self) -> float:
        """Time between two looks at the clock."""
        return min(self.heartbeat, self.slow_reader) / 4


class Listener(Protocol):
    """Who the messages of a connection are for."""

    def received(self, text: str) -> None:
        """A message came."""

    def writable(self) -> None:
        """What was to be sent is on its way, there is room for more."""

    def tick(self) -> None:
        """Some seconds passed."""

    def ended(self, code: int | None) -> None:
        """The connection is over; the code that we closed it with, None where the peer did."""


class Connection(asyncio.BufferedProtocol):
    """The socket after the upgrade."""

    __slots__ = (
        "_frozen", "_heard", "_held", "_listener", "_loop", "_parts", "_patience", "_pinged", "_timer", "_transport", "_ws",
    )  # fmt: skip

    def __init__(self, ws: ServerProtocol, patience: Patience, listener: Listener) -> None:
        self._ws = ws
        self._patience = patience
        self._listener = listener
        self._loop = asyncio.get_running_loop()
        self._parts: list[bytes] = []
        self._heard = self._loop.time()
        self._pinged = False
        self._frozen: float | None = None
        self._held = False

    def take_over(self, transport: asyncio.Transport) -> None:
        """Receive what comes on this socket from now on."""
        self._transport = transport
        transport.set_write_buffer_limits(high=_HIGH_WATER)
        transport.set_protocol(self)
        self._timer = self._loop.call_later(self._patience.tick, self._tick)

    # --- for the listener -------------------------------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        """Whether messages can still be sent."""
        return self._ws.state is State.OPEN

    @property
    def is_writable(self) -> bool:
        """Whether messages can be sent, and the peer takes them."""
        return self._frozen is None and self.is_open

    def send(self, message: bytes) -> None:
        """Send a text message; lost where the connection is closing."""
        if self.is_open:
            self._ws.send_text(message)
            self._flush()

    def hold(self, held: bool) -> None:
        """Read no more from the peer, or again."""
        if held != self._held:
            self._held = held
            self._read_or_not()

    def close(self, code: int, reason: str) -> None:
        """Say goodbye; the socket is closed when the peer answers, or after five seconds."""
        if self.is_open:
            self._ws.send_close(code, reason)
            self._flush()
            self._let_go_soon()

    def abort(self) -> None:
        """Close the socket now."""
        self._transport.abort()

    # --- for the event loop -----------------------------------------------------------------------------------------

    def get_buffer(self, sizehint: int) -> bytearray:
        return _CHUNK

    def buffer_updated(self, nbytes: int) -> None:
        self.feed(bytes(_CHUNK[:nbytes]))

    def feed(self, data: bytes) -> None:
        """Take bytes that the peer sent."""
        self._heard, self._pinged = self._loop.time(), False
        was_open = self.is_open
        self._ws.receive_data(data)
        self._flush()
        for event in self._ws.events_received():
            self._take(cast("Frame", event))
        if was_open and not self.is_open:
            self._let_go_soon()

    def eof_received(self) -> bool:
        self._ws.receive_eof()
        self._flush()
        return False

    def pause_writing(self) -> None:
        self._frozen = self._loop.time()
        self._read_or_not()

    def resume_writing(self) -> None:
        self._frozen = None
        self._read_or_not()
        if self.is_open:
            self._listener.writable()

    def connection_lost(self, exc: Exception | None) -> None:
        self._timer.cancel()
        self._ws.receive_eof()
        sent = self._ws.close_sent
        self._listener.ended(None if sent is None or self._ws.close_rcvd_then_sent else sent.code)

    # --- inside -----------------------------------------------------------------------------------------------------

    def _take(self, frame: Frame) -> None:
        if not self.is_open or frame.opcode not in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            return
        if frame.opcode is Opcode.BINARY:
            self.close(UNSUPPORTED_DATA, "JSON-RPC goes in text messages")
            return
        self._parts.append(bytes(frame.data))
        if not frame.fin:
            return
        whole, self._parts = b"".join(self._parts), []
        try:
            text = whole.decode()
        except UnicodeDecodeError:
            self.close(INVALID_TEXT, "text messages are UTF-8")
            return
        self._listener.received(text)

    def _flush(self) -> None:
        for data in self._ws.data_to_send():
            if data:
                self._transport.write(data)
            else:
                self._transport.close()

    def _read_or_not(self) -> None:
        # Who does not take answers is not read from either: each ping would be one more answer.
        if self._transport.is_closing():
            return
        if self._held or self._frozen is not None:
            self._transport.pause_reading()
        else:
            self._heard = self._loop.time()
            self._transport.resume_reading()

    def _tick(self) -> None:
        self._timer = self._loop.call_later(self._patience.tick, self._tick)
        now = self._loop.time()
        if self._frozen is not None:
            if now - self._frozen >= self._patience.slow_reader:
                self.close(TRY_AGAIN_LATER, "what was sent is not being read; connect again and resume")
        elif not self._held:
            self._check_heart(now - self._heard)
        if self.is_open:
            self._listener.tick()

    def _check_heart(self, silence: float) -> None:
        if silence >= 2 * self._patience.heartbeat:
            self.close(INTERNAL_ERROR, "no sign of life")
        elif silence >= self._patience.heartbeat and not self._pinged and self.is_open:
            self._pinged = True
            self._ws.send_ping(b"")
            self._flush()

    def _let_go_soon(self) -> None:
        self._timer.cancel()
        self._timer = self._loop.call_later(_CLOSING_TAKES, self.abort)
