"""Token signing keys as they are now: a changed key file and a key whose hour has come are taken over without a restart."""

from __future__ import annotations

import asyncio
from pathlib import Path

import structlog

from auth.keys import KeyRing, KeysRefused
from auth.tokens import TokenIssuer, TokenVerifier
from config.settings import Settings
from gateway.kit.clock import Clock

_log = structlog.get_logger("signing_keys")


class LiveSigningKeys:
    """Hands the keys of the hour to who signs and who verifies."""

    def __init__(
        self, settings: Settings, keys: KeyRing, issuer: TokenIssuer, verifier: TokenVerifier, clock: Clock
    ) -> None:
        self._settings = settings
        self._keys = keys
        self._issuer = issuer
        self._verifier = verifier
        self._clock = clock
        self._file: Path | None = None if settings.keys.token_signing is not None else settings.key_file
        self._seen = _state(self._file)

    async def refresh(self) -> None:
        """Take over what has changed."""
        await asyncio.to_thread(self._read)
        now_used = self._keys.signing_keys(self._clock())
        if self._issuer.use(now_used):
            self._verifier.trust(self._issuer.jwks())
            _log.info("signing keys changed", signs=now_used[0].kid, published=[key.kid for key in now_used])

    def _read(self) -> None:
        state = _state(self._file)
        if state == self._seen:
            return
        self._seen = state
        settings = self._settings
        try:
            self._keys = KeyRing.load_or_create(
                settings.key_file, environment=settings.environment, given=settings.keys
            )
        except KeysRefused as error:  # what is in use stays in use
            _log.error("the key file is not taken over", error=str(error))


def _state(path: Path | None) -> tuple[int, int] | None:
    try:
        found = None if path is None else path.stat()
    except FileNotFoundError:
        return None
    return None if found is None else (found.st_ino, found.st_mtime_ns)
