"""Access tokens as the platform gives them out, with its limits."""

import hmac
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from typing import NamedTuple

from adapters.wechat.platform.account import Account, ApiError

_LIFETIME = timedelta(seconds=7200)
_OLD_ONE_LIVES = timedelta(minutes=5)
_FORCED_APART = timedelta(seconds=30)
_DAILY = {"token": 2_000, "stable": 500_000, "forced": 20}
_PER_MINUTE = 10_000
_CHINA = timezone(timedelta(hours=8))


class Granted(NamedTuple):
    """A token and the seconds it still lives."""

    value: str
    expires_in: int


class TokenDesk:
    """Gives tokens out and checks them. Both ways of asking keep a token of their own, and neither spoils the other's.

    Source: https://developers.weixin.qq.com/doc/offiaccount/Basic_Information/Get_access_token.html
    """

    def __init__(self, account: Account, clock: Callable[[], datetime], new_value: Callable[[], str]) -> None:
        self._account = account
        self._clock = clock
        self._new_value = new_value
        self._ends: dict[str, datetime] = {}
        self._replaced: set[str] = set()
        self._latest: dict[str, str] = {}
        self._calls: Counter[tuple[str, date | datetime]] = Counter()
        self._forced_at = datetime.min.replace(tzinfo=UTC)
        self.made = 0
        """Tokens made so far."""

    def ordinary(self, appid: str, secret: str) -> Granted:
        """A new token; the one before lives on for five minutes."""
        self._check_account(appid, secret)
        self._count("token")
        before = self._latest.get("token")
        if before is not None:
            self._ends[before] = min(self._ends[before], self._clock() + _OLD_ONE_LIVES)
            self._replaced.add(before)
        return self._make("token")

    def stable(self, appid: str, secret: str, *, force: bool) -> Granted:
        """The same token for all until five minutes before its end; forced, a new one that ends the one before."""
        self._check_account(appid, secret)
        self._count("stable")
        now = self._clock()
        current = self._latest.get("stable")
        if force:
            if now - self._forced_at < _FORCED_APART:
                raise ApiError(45011, "api minute-quota reach limit, must slower, retry next minute")
            self._count("forced")
            self._forced_at = now
            if current is not None:
                self._ends[current] = now
                self._replaced.add(current)
            return self._make("stable")
        if current is not None and self._ends[current] - now > _OLD_ONE_LIVES:
            return Granted(current, int((self._ends[current] - now).total_seconds()))
        return self._make("stable")

    def check(self, value: str | None) -> None:
        """Raise the platform's error unless the token is good now."""
        if not value:
            raise ApiError(41001, "access_token missing")
        end = self._ends.get(value)
        if end is None:
            raise ApiError(40001, "invalid credential, access_token is invalid or not latest")
        if self._clock() >= end:
            if value in self._replaced:
                raise ApiError(40001, "invalid credential, access_token is invalid or not latest")
            raise ApiError(42001, "access_token expired")

    def _make(self, kind: str) -> Granted:
        value = self._new_value()
        self._ends[value] = self._clock() + _LIFETIME
        self._latest[kind] = value
        self.made += 1
        return Granted(value, int(_LIFETIME.total_seconds()))

    def _check_account(self, appid: str, secret: str) -> None:
        if appid != self._account.appid:
            raise ApiError(40013, "invalid appid")
        if not hmac.compare_digest(secret.encode(), self._account.secret.encode()):
            raise ApiError(40125, "invalid appsecret")

    def _count(self, kind: str) -> None:
        now = self._clock().astimezone(_CHINA)
        if kind == "stable":
            minute = (kind, now.replace(second=0, microsecond=0))
            self._calls[minute] += 1
            if self._calls[minute] > _PER_MINUTE:
                raise ApiError(45011, "api minute-quota reach limit, must slower, retry next minute")
        self._calls[kind, now.date()] += 1
        if self._calls[kind, now.date()] > _DAILY[kind]:
            raise ApiError(45009, "reach max api daily quota limit")
