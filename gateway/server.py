"""Serving a Sanic application inside a running event loop, on an address that is known once it listens."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Any

from sanic import Sanic
from sanic.config import Config

from gateway.surfaces.rest import Server

_BACKLOG = 1024


def new_server(name: str, *, body_bytes: int) -> Server:
    """A bare Sanic application: nothing is read from the environment, bodies and waits are bounded."""
    config = Config(env_prefix="")  # settings have one source, and it is not here
    config.update(
        ACCESS_LOG=False,
        REQUEST_MAX_SIZE=body_bytes,
        REQUEST_TIMEOUT=30,
        RESPONSE_TIMEOUT=60,
        KEEP_ALIVE_TIMEOUT=75,
        FALLBACK_ERROR_FORMAT="json",
        MOTD=False,
        # Sanic rewrites its own methods at the first start in a process, and cannot read them again for a second one.
        TOUCHUP=not getattr(Sanic, "__touched__", False),
    )
    return Sanic(name, config=config, configure_logging=False)


def listen(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """A listening socket; with `shared`, several processes may listen on the same port and the kernel deals out."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if shared:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.bind((host, port))
    listener.listen(_BACKLOG)
    listener.setblocking(False)
    return listener


@contextlib.asynccontextmanager
async def serving(app: Server, listener: socket.socket) -> AsyncIterator[str]:
    """Serve on the listener while the context lasts; gives the base URL. Leaving it lets open requests finish."""
    server: Any = await app.create_server(sock=listener, return_asyncio_server=True, access_log=False)
    if server is None:
        raise RuntimeError("the server did not start")
    await server.startup()
    await server.before_start()
    await server.start_serving()
    await server.after_start()
    host, port = listener.getsockname()[:2]
    try:
        yield f"http://{f'[{host}]' if ':' in host else host}:{port}"
    finally:
        await server.before_stop()
        server.close()
        await server.wait_closed()
        await server.after_stop()
        Sanic.unregister_app(app)
