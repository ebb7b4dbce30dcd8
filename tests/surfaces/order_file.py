"""Orders in a file of one line each: the surface whose answer is fetched, not waited for."""

from __future__ import annotations

import csv
import io
from hashlib import sha256
from itertools import count
from typing import Any

from gateway.store.outbox import OutboxWorker
from tests.surfaces.cases import Speaker
from tests.surfaces.stage import Ask, Outcome, Stage, refused
from tests.waiting import wait_for


class OrderFile:
    """A partner's file of one order: announced, uploaded, worked through, and its result fetched."""

    speakers: frozenset[Speaker] = frozenset({"partner"})
    by_proxy = False
    tells_reasons = False
    capabilities: frozenset[str] | None = frozenset({"orders.place"})

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._numbers = count()
        platform = stage.world.platform
        self._worker = OutboxWorker(platform.store, platform.order_files.handlers(), clock=platform.clock)

    async def __call__(self, ask: Ask) -> Outcome:
        content = self._content(ask)
        announced = {"sha256": sha256(content).hexdigest(), "bytes": len(content), "format": "csv", "locale": "en"}
        file = await self._send(ask, "POST", "/v1/order-files", json=announced)
        file = await self._send(ask, "PUT", file["content"], data=content)

        async def is_done() -> bool:
            await self._worker.run_due()
            return bool((await self._send(ask, "GET", f"/v1/order-files/{file['id']}"))["state"] == "done")

        await wait_for(is_done)
        async with self._stage.http.get(
            self._stage.url + file["results"], headers=self._stage.credentials(ask)
        ) as response:
            (row,) = csv.DictReader(io.StringIO(await response.text()))
        if row["status"] == "placed":
            return Outcome("ok", {"id": row["order_id"], "state": row["state"]})
        assert row["words"]
        # A reason of `forbidden` stands in place of its code.
        return refused({"code": "forbidden" if "_" in row["code"] else row["code"]})

    def _content(self, ask: Ask) -> bytes:
        fields = dict(ask.fields)
        fields |= fields.pop("attribution", {})
        # A file is its content: a column that is not ours makes each file another.
        line = {**fields, "user": ask.user, "key": ask.key or "", "batch": next(self._numbers)}
        text = io.StringIO()
        writer = csv.DictWriter(text, list(line))
        writer.writeheader()
        writer.writerow(line)
        return text.getvalue().encode()

    async def _send(self, ask: Ask, method: str, path: str, **body: Any) -> Any:
        headers = self._stage.credentials(ask)
        async with self._stage.http.request(method, self._stage.url + path, headers=headers, **body) as response:
            answer = await response.json()
            assert response.status < 300, answer
            return answer
