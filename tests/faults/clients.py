"""Clients that keep at it: a partner's server repeats its key until it is answered, a person says it again."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import count
from random import Random
from typing import Any, NamedTuple

import aiohttp

from gateway.capabilities.partners import Credentials
from tests.faults.gateway_process import ORIGIN, Gateway, Stage

OFFERS = (
    "TM-TRAFFIC-10", "TM-TRAFFIC-5", "TM-SMS-5", "TM-VOICE-10", "TM-READ-5", "TM-NEWS-3", "TM-MAIL-5", "TM-CLOUD-6",
    "TM-COMIC-5", "TM-GAME-DAY-1", "TM-MUSIC-6", "TM-READ-KIDS-8", "TM-NEWS-FIN-8", "TM-TRAFFIC-DAY-2",
)  # fmt: skip
_SETTLED = {"replied", "silent"}


class Answer(NamedTuple):
    """What a partner's server was told."""

    status: int
    body: dict[str, Any]


class PartnerServer:
    """A partner's server: asks for a token when it has none, repeats a request until it is answered, by any process."""

    def __init__(self, gateways: Sequence[Gateway], credentials: Credentials, rng: Random) -> None:
        self.promised: list[tuple[str, str]] = []
        self.refused = 0
        self._gateways = gateways
        self._credentials = credentials
        self._rng = rng
        self._token = ""
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5))

    @property
    def client_id(self) -> str:
        """Whose server it is."""
        return self._credentials.client_id

    async def place(self, user: str, offer: str, key: str) -> str | None:
        """Place an order; its id, or None where the offer is refused."""
        answer = await self.insist("POST", "/v1/orders", user, key, {"offer": offer, "partner_ref": key})
        if answer.status == 409:
            self.refused += 1
            return None
        assert answer.status == 200, answer
        self.promised.append((answer.body["id"], key))
        return str(answer.body["id"])

    async def place_many(self, users: Sequence[str], offer: str, key: str) -> list[str]:
        """Place an order for each user as one batch, again with what was not taken down; the ids, in the users' order."""
        items = [
            {"user": user, "key": f"{key}-{user}", "offer": offer, "partner_ref": f"{key}-{user}"} for user in users
        ]
        ids: dict[str, str] = {}
        while items:
            answer = await self.insist("POST", "/v1/orders/batch", body={"items": items})
            assert answer.status == 200, answer
            again = []
            for item, result in zip(items, answer.body["items"], strict=True):
                if result["order"] is None:
                    assert result["problem"]["status"] == 503, result
                    again.append(item)
                else:
                    self.promised.append((result["order"]["id"], item["key"]))
                    ids[item["user"]] = result["order"]["id"]
            items = again
        return [ids[user] for user in users]

    async def state(self, user: str, order_id: str) -> str:
        """Where an order stands."""
        answer = await self.insist("GET", f"/v1/orders/{order_id}", user)
        assert answer.status == 200, answer
        return str(answer.body["state"])

    async def insist(
        self, method: str, path: str, user: str | None = None, key: str | None = None,
        body: dict[str, Any] | None = None, token: str | None = None,
    ) -> Answer:  # fmt: skip
        """The answer, however often gateways die before it comes; `token` is a session's, by default it is the partner's."""
        while True:
            try:
                answer = await self._once(method, path, user, key, body, token)
            except (aiohttp.ClientError, OSError):
                answer = None
            if answer is not None and answer.status not in (401, 429, 503):
                return answer
            if answer is not None and answer.status == 401:
                self._token = ""
            await asyncio.sleep(self._rng.uniform(0.02, 0.1))  # a client's backoff

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()

    async def fresh_token(self, gateway: Gateway) -> str:
        """A new access token.

        Raises:
            OSError: the gateway gives none now.
        """
        credentials = self._credentials
        form = {
            "grant_type": "client_credentials",
            "client_id": credentials.client_id,
            "client_secret": credentials.client_secret,
        }
        async with self._session.post(f"{gateway.url}/oauth/token", data=form) as response:
            if response.status in (429, 503):
                raise OSError("no token now")
            assert response.status == 200, await response.text()
            return str((await response.json())["access_token"])

    async def _once(
        self, method: str, path: str, user: str | None, key: str | None, body: dict[str, Any] | None, token: str | None
    ) -> Answer | None:
        gateway = self._rng.choice(self._gateways)
        if token is None and not self._token:
            self._token = await self.fresh_token(gateway)
        headers = {"Authorization": f"Bearer {token or self._token}"}
        if user is not None:
            headers["Tuila-User"] = user
        if key is not None:
            headers["Idempotency-Key"] = key
        async with self._session.request(method, gateway.url + path, json=body, headers=headers) as response:
            return Answer(response.status, await response.json(content_type=None))


async def insist_on_saying(stage: Stage, person: int, text: str) -> str:
    """Say it until the account took it in; the reply, empty where it comes later."""
    while True:
        delivery = await stage.say(person, text)
        if delivery["outcome"] in _SETTLED:
            return str(delivery["reply"] or "")


class Visitor:
    """A person at a page of the partner, who is bound there and says yes in person."""

    def __init__(self, server: PartnerServer, token: str) -> None:
        self._server = server
        self._token = token

    @classmethod
    async def enter(cls, stage: Stage, server: PartnerServer, gateway: Gateway, number: int) -> Visitor:
        """Open the page as the subscriber of that number."""
        url, page = f"{gateway.url}/v1/sessions", {"Origin": ORIGIN}
        fields = {"client_id": server.client_id}
        async with stage.http.post(url, json=fields, headers=page) as response:
            opened = await response.json()
        await stage.world.bind(opened["account"], number)
        token = {"Authorization": f"Bearer {opened['token']}"}
        async with stage.http.post(url, json=fields, headers={**page, **token}) as response:
            return cls(server, (await response.json())["token"])

    async def confirm(self, order_id: str) -> None:
        """Say yes to an order, until it is heard."""
        answer = await self._server.insist("POST", f"/v1/orders/{order_id}/confirm", token=self._token)
        # One whose answer was lost had its effect: a further yes comes too late.
        assert answer.status in (200, 409), answer


class Shopper:
    """A person whose orders come by the partner, and who says yes in the chat."""

    def __init__(self, stage: Stage, server: PartnerServer, person: int) -> None:
        self._stage = stage
        self._server = server
        self._person = person

    async def shop(self, offers: Sequence[str], stop: asyncio.Event) -> None:
        """Order and confirm one offer after the other, to the end of the offers or until told to stop."""
        user = f"user-{self._person}"
        for number, offer in zip(count(1), offers, strict=False):
            if stop.is_set():
                return
            order_id = await self._server.place(user, offer, f"key-{self._person}-{number}")
            while order_id is not None and await self._server.state(user, order_id) == "awaiting_confirmation":
                # A yes soon after another is taken for the same one, so the person names what they say yes to.
                await insist_on_saying(self._stage, self._person, f"订{offer}")
                await insist_on_saying(self._stage, self._person, "是")


class Chatter:
    """A person who asks for recommendations, orders the first and says yes."""

    def __init__(self, stage: Stage, person: int) -> None:
        self.rounds = 0
        self._stage = stage
        self._person = person

    async def shop(self, stop: asyncio.Event) -> None:
        """Go round until told to stop."""
        while not stop.is_set():
            for text in ("推荐", "订1", "是"):
                await insist_on_saying(self._stage, self._person, text)
            self.rounds += 1
