"""Each surface as a client uses it: one small class for each."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import sys
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, Protocol

import msgspec
import zeep
import zeep.helpers
from websockets.asyncio.client import connect

from gateway.errors import GatewayError
from gateway.invoke import Call
from gateway.surfaces.soap.names import operation_name
from tests.fixtures.rpc import Rpc
from tests.gateway.surfaces.soap.soap_client import SoapClient, extra
from tests.surfaces.cases import Speaker
from tests.surfaces.stage import Ask, Outcome, Stage, refused

EVERYBODY: frozenset[Speaker] = frozenset({"partner", "session", "nobody"})


class Driver(Protocol):
    """A surface's client."""

    speakers: frozenset[Speaker]
    """Who can speak over it."""
    by_proxy: bool
    """Whether it is a program that speaks for whoever's credentials it holds."""
    tells_reasons: bool
    """Whether it tells the reason beside the code of a refusal."""
    capabilities: frozenset[str] | None
    """Those it opens; None: all. One that opens some tells less of an answer, too."""

    async def __call__(self, ask: Ask) -> Outcome:
        """What the surface answers."""


class Invoke:
    """No surface: the one way in itself."""

    speakers = EVERYBODY
    by_proxy = False
    tells_reasons = True
    capabilities: frozenset[str] | None = None

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    async def __call__(self, ask: Ask) -> Outcome:
        account = ask.account if ask.speaker == "partner" else None
        body = msgspec.json.encode(ask.fields)
        call = Call(ask.capability, self._stage.principal(ask), body, account=account, idempotency_key=ask.key)
        try:
            answer = await self._stage.world.platform.invoke(call)
        except GatewayError as error:
            return refused(error.problem(""))
        return Outcome("ok", msgspec.to_builtins(answer))


class Rest:
    """JSON at each capability's own route."""

    speakers = EVERYBODY
    by_proxy = False
    tells_reasons = True
    capabilities: frozenset[str] | None = None

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    async def __call__(self, ask: Ask) -> Outcome:
        capability = self._stage.world.platform.capabilities[ask.capability]
        fields, headers = dict(ask.fields), self._stage.credentials(ask)
        path = re.sub(r"\{(\w+)\}", lambda name: str(fields.pop(name[1])), capability.path)
        if ask.speaker == "partner":
            headers["Tuila-User"] = ask.user
        if ask.key is not None:
            headers["Idempotency-Key"] = ask.key
        reads = capability.method == "GET"
        async with self._stage.http.request(
            capability.method, self._stage.url + path, params=fields if reads else None,
            json=None if reads else fields, headers=headers,
        ) as response:  # fmt: skip
            answer = await response.json(content_type=None)
            return Outcome("ok", answer) if response.status == 200 else refused(answer)


class WebSocket:
    """JSON-RPC over a connection of its own for each call."""

    speakers = EVERYBODY
    by_proxy = False
    tells_reasons = True
    capabilities: frozenset[str] | None = None

    def __init__(self, stage: Stage) -> None:
        self._address = f"{stage.url.replace('http', 'ws', 1)}/v1/ws"
        self._stage = stage

    async def __call__(self, ask: Ask) -> Outcome:
        meta = {} if ask.key is None else {"idempotency_key": ask.key}
        if ask.speaker == "partner":
            meta["user"] = ask.user
        headers = self._stage.credentials(ask)
        opened = connect(self._address, compression=None, additional_headers=headers, open_timeout=30)
        rpc = Rpc(await opened)
        try:
            told = await rpc(ask.capability, meta, **ask.fields)
        finally:
            await rpc.end()
        return refused(told["error"]["data"]) if "error" in told else Outcome("ok", told["result"])


class Mcp:
    """A tool of the Model Context Protocol."""

    speakers = EVERYBODY
    by_proxy = True
    tells_reasons = True
    capabilities: frozenset[str] | None = None

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    async def __call__(self, ask: Ask) -> Outcome:
        arguments = dict(ask.fields)
        tool = ask.capability.replace(".", "_")
        if ask.speaker == "partner" and "tuila_user" in await self._arguments(ask, tool):
            arguments["tuila_user"] = ask.user
        if ask.key is not None:
            arguments["tuila_key"] = ask.key
        told = await self._post(ask, "tools/call", {"name": tool, "arguments": arguments})
        if "error" in told:
            return refused(told["error"]["data"])
        result = told["result"]
        return (
            refused(json.loads(result["content"][1]["text"]))
            if result["isError"]
            else Outcome("ok", result["structuredContent"])
        )

    async def _arguments(self, ask: Ask, tool: str) -> dict[str, Any]:
        listed = await self._post(ask, "tools/list", {})
        return next((one["inputSchema"]["properties"] for one in listed["result"]["tools"] if one["name"] == tool), {})

    async def _post(self, ask: Ask, method: str, params: dict[str, Any]) -> Any:
        headers = {**self._stage.credentials(ask), "MCP-Protocol-Version": "2025-11-25"}
        message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        async with self._stage.http.post(f"{self._stage.url}/mcp", json=message, headers=headers) as response:
            return await response.json()


class Soap:
    """An operation of the WSDL, called by zeep."""

    speakers = EVERYBODY
    by_proxy = False
    tells_reasons = True
    capabilities: frozenset[str] | None = None

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._clients: dict[str, SoapClient] = {}

    async def __call__(self, ask: Ask) -> Outcome:
        client, operation = await self._client(ask), operation_name(ask.capability)
        call = {} if ask.key is None else {"IdempotencyKey": ask.key}
        if ask.speaker == "partner":
            call["User"] = ask.user
        try:
            answer = await client(operation, call or None, **ask.fields)
        except zeep.exceptions.Fault as fault:
            problem = client.typed(operation, fault)
            facts = {} if problem.extra is None else extra(problem)
            return refused({"code": problem.code, "reason": facts["reason"][0] if "reason" in facts else None})
        return Outcome("ok", _plain(zeep.helpers.serialize_object(answer)))

    async def _client(self, ask: Ask) -> SoapClient:
        who = "partner" if ask.speaker == "partner" else ask.account
        if who not in self._clients:
            token = self._stage.credentials(ask).get("Authorization", "").removeprefix("Bearer ") or None
            self._clients[who] = await asyncio.to_thread(SoapClient, self._stage.url, "Soap12", token=token)
        return self._clients[who]


def _plain(value: Any) -> Any:
    """What zeep read, in the form that JSON has."""
    if isinstance(value, dict):
        if value.keys() == {"item"}:
            return [_plain(one) for one in value["item"]]
        return {name: _plain(one) for name, one in value.items()}
    return value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value


class Tmf:
    """Orders in the words of TMF622."""

    speakers: frozenset[Speaker] = frozenset({"partner", "nobody"})
    by_proxy = False
    tells_reasons = True
    capabilities: frozenset[str] | None = frozenset({"orders.place", "orders.get", "orders.cancel"})

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    async def __call__(self, ask: Ask) -> Outcome:
        fields = ask.fields
        if ask.capability == "orders.get":
            return await self._send(ask, "GET", f"/productOrder/{fields['id']}?relatedParty.id={ask.user}")
        if ask.capability == "orders.cancel":
            body = {"productOrder": {"id": fields["id"]}}
            return await self._send(ask, "POST", f"/cancelProductOrder?relatedParty.id={ask.user}", body)
        actions = {"subscribe": "add", "unsubscribe": "delete"}
        wanted = fields.get("action", "subscribe")
        item = {"id": "1", "action": actions.get(wanted, wanted), "productOffering": {"id": fields["offer"]}}
        parties = [_customer(ask.user)] if ask.speaker == "partner" else []
        order = {"productOrderItem": [item], "relatedParty": parties}
        return await self._send(ask, "POST", "/productOrder", {**order, "externalId": fields.get("partner_ref")})

    async def _send(self, ask: Ask, method: str, path: str, body: Any = None) -> Outcome:
        headers = self._stage.credentials(ask) | ({} if ask.key is None else {"Idempotency-Key": ask.key})
        url = f"{self._stage.url}/tmf-api/productOrderingManagement/v4{path}"
        async with self._stage.http.request(method, url, json=body, headers=headers) as response:
            answer = await response.json(content_type=None)
        if response.status >= 400:
            reason = re.search(r"\breason=(\w+)", answer["message"])
            return refused({"code": answer["code"], "reason": reason and reason[1]})
        if ask.capability == "orders.cancel":
            return Outcome("ok", {"id": answer["id"]})
        offering = answer["productOrderItem"][0]["productOffering"]
        told = {
            "id": answer["id"],
            "offer": offering["id"],
            "name": offering["name"],
            "state": _STATES[answer["state"]],
        }
        return Outcome("ok", {**told, "partner_ref": answer.get("externalId")})


def _customer(user: str) -> dict[str, str]:
    return {"id": user, "role": "customer", "@referredType": "Individual"}


_STATES = {
    "pending": "awaiting_confirmation", "inProgress": "accepted", "cancelled": "cancelled", "completed": "completed",
    "failed": "failed",
}  # fmt: skip


# `tuila call …` with the interpreter kept: a line of arguments in, exit code, output and complaint out.
_COMMANDS = """
import contextlib, io, json, sys
from gateway import logs
from gateway.cli import app
logs.configure()
for line in sys.stdin:
    out, err, code = io.StringIO(), io.StringIO(), 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            app(json.loads(line), standalone_mode=False)
        except SystemExit as ended:
            code = ended.code
    print(json.dumps([code, out.getvalue(), err.getvalue()]), flush=True)
"""


class Cli:
    """The operator's command line, in a process of its own over the same database."""

    speakers: frozenset[Speaker] = frozenset({"partner", "session"})
    by_proxy = False
    tells_reasons = False
    capabilities: frozenset[str] | None = None

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def __call__(self, ask: Ask) -> Outcome:
        arguments = ["call", ask.capability, json.dumps(ask.fields), "--account", ask.account]
        if ask.key is not None:
            arguments += ["--key", ask.key]
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None and stdout is not None
        stdin.write(json.dumps(arguments).encode() + b"\n")
        code, out, err = json.loads(await stdout.readline())
        refusal = re.search(r"^([a-z-]+): ", err, re.MULTILINE)
        return Outcome("ok", json.loads(out)) if code == 0 else Outcome(refusal[1] if refusal else err)


@contextlib.asynccontextmanager
async def command_line(stage: Stage) -> AsyncIterator[Cli]:
    """The command line on the stage's database."""
    settings = stage.world.settings
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("TUILA_")},
        "TUILA_DATA_DIR": str(settings.data_dir),
        "TUILA_DATABASE_URL": settings.database_url.get_secret_value(),
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _COMMANDS, env=environment,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield Cli(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()
