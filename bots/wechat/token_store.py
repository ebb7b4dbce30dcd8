"""The access token in hot state, shared by the processes that share it."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import timedelta

import msgspec

from adapters.wechat.token import AccessToken
from gateway.store.hot import HotState

_KEPT = 4 * 3600.0
_FOR_EVER = 10 * 365 * 86_400.0
_decode = msgspec.json.Decoder(AccessToken).decode


class HotTokenStore:
    """`TokenStore` of one account over hot state.

    The lease is a claim under a word that is new each time, so that only its holder gives it back. The fencing number
    is drawn after the claim is won and counts only if the claim is still held then.
    """

    def __init__(self, hot: HotState, appid: str, *, new_word: Callable[[], str] = secrets.token_hex) -> None:
        self._hot = hot
        self._token_key = f"wx:token:{appid}"
        self._lease_key = f"wx:token-lease:{appid}"
        self._fencing_key = f"wx:token-fencing:{appid}"
        self._new_word = new_word
        self._leases: dict[tuple[str, int], bytes] = {}

    async def get(self) -> AccessToken | None:
        held = await self._hot.get(self._token_key)
        return None if held is None else _decode(held)

    async def put(self, token: AccessToken) -> bool:
        encoded = msgspec.json.encode(token)
        while True:
            held = await self._hot.get(self._token_key)
            if held is not None:
                if _decode(held).version > token.version:
                    return False
                # Taken away only as it was read, so that a newer token put meanwhile stays and is seen above.
                await self._hot.delete(self._token_key, held)
            if await self._hot.add(self._token_key, encoded, _KEPT):
                return True

    async def acquire(self, owner: str, ttl: timedelta) -> int | None:
        word = f"{owner}:{self._new_word()}".encode()
        if not await self._hot.add(self._lease_key, word, ttl.total_seconds()):
            return None
        fencing = await self._hot.count(self._fencing_key, _FOR_EVER)
        if await self._hot.get(self._lease_key) != word:
            return None
        self._leases = {(owner, fencing): word}
        return fencing

    async def release(self, owner: str, fencing: int) -> None:
        word = self._leases.pop((owner, fencing), None)
        if word is not None:
            await self._hot.delete(self._lease_key, word)
