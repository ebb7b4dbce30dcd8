"""A partner's server that follows its events over WebSocket, and goes on at the next process where one falls silent."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from itertools import cycle
from typing import Any

from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from tests.faults.clients import PartnerServer
from tests.faults.gateway_process import Gateway
from tests.faults.receiver import Told


class Follower:
    """Keeps the id of the last event, and resumes after it."""

    def __init__(self, server: PartnerServer, gateways: Sequence[Gateway]) -> None:
        self.told: list[Told] = []
        self.connections = 0
        self._server = server
        self._gateways = cycle(gateways)
        self._last: str | None = None

    async def follow(self) -> None:
        """Follow until cancelled, each time at the next process."""
        while True:
            try:
                await self._follow(next(self._gateways))
            except (OSError, WebSocketException, TimeoutError):
                await asyncio.sleep(0.05)  # a client's backoff

    async def _follow(self, gateway: Gateway) -> None:
        headers = {"Authorization": f"Bearer {await self._server.fresh_token(gateway)}"}
        address = f"{gateway.url.replace('http', 'ws')}/v1/ws"
        async with connect(address, additional_headers=headers, compression=None, open_timeout=5) as socket:
            params = {"types": ["order.*"], "after": self._last}
            await socket.send(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "rpc.subscribe", "params": params}))
            self.connections += 1
            async for text in socket:
                message = json.loads(text)
                if "error" in message:
                    if message["error"]["code"] == -32053:  # unavailable
                        return
                    raise AssertionError(message)
                if message.get("method") == "event":
                    self._note(message["params"])

    def _note(self, event: dict[str, Any]) -> None:
        data = event["data"]
        self.told.append(Told(event["id"], data["order"], data["version"], data["state"]))
        self._last = event["id"]
