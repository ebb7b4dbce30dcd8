"""One-time codes: when one may be sent, and what an answer to it is worth.

These are rules over facts. Whoever keeps the facts must make them hold when requests race: a try is recorded under a
unique (code, number of the try) before its outcome is told, a use under a unique code, a sending under the numbers of
sendings counted here.
"""

import hmac
import re
import secrets
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from config.settings import CodeLimits

__all__ = ["CodeLimits", "Outcome", "Refusal", "SentCode", "check", "digest", "generate", "may_send"]

_CODE = re.compile(r"[0-9]{6}")


class Outcome(StrEnum):
    """What an answer to a code is worth."""

    ACCEPTED = "accepted"
    WRONG = "wrong"
    MALFORMED = "malformed"
    """Not six digits, so it says nothing about the code and costs no try."""
    EXPIRED = "expired"
    EXHAUSTED = "exhausted"
    """Its tries are used up."""
    USED = "used"

    @property
    def words(self) -> Mapping[str, str]:
        """The outcome for people, in `zh` and `en`."""
        return _OUTCOME_WORDS[self]

    @property
    def costs_a_try(self) -> bool:
        """Whether the try must be recorded."""
        return self in (Outcome.ACCEPTED, Outcome.WRONG)


_OUTCOME_WORDS: Mapping[Outcome, Mapping[str, str]] = {
    Outcome.ACCEPTED: {"zh": "验证成功", "en": "verified"},
    Outcome.WRONG: {"zh": "验证码不正确", "en": "that is not the code"},
    Outcome.MALFORMED: {"zh": "请输入 6 位数字验证码", "en": "the code has six digits"},
    Outcome.EXPIRED: {"zh": "验证码已过期，请重新获取", "en": "the code has expired; ask for a new one"},
    Outcome.EXHAUSTED: {"zh": "输错次数过多，请重新获取验证码", "en": "too many wrong tries; ask for a new code"},
    Outcome.USED: {"zh": "验证码已使用，请重新获取", "en": "the code was used; ask for a new one"},
}


class Refusal(msgspec.Struct, frozen=True):
    """Why no code may be sent now, and when one may."""

    reason: str
    """`too_soon`, `number_hourly`, `number_daily`, `account_hourly` or `account_daily`."""
    retry_after: timedelta
    """Longer than zero."""
    words: Mapping[str, str]


class SentCode(msgspec.Struct, frozen=True):
    """What is kept of a code that was sent."""

    digest: bytes
    salt: bytes
    """Ties the code to its use: the code's id, the account that asked, the number's hash."""
    sent_at: datetime
    tries: int = 0
    """Answers counted so far."""
    used: bool = False


def generate(below: Callable[[int], int] = secrets.randbelow) -> str:
    """A new code, six digits. `below(n)` gives a uniform random integer from 0 to n - 1."""
    return f"{below(1_000_000):06d}"


def digest(code: str, salt: bytes, pepper: bytes) -> bytes:
    """The 32 bytes kept of a code. A million codes are soon tried, so only the pepper, a key kept elsewhere, hides it."""
    return hmac.digest(pepper, b"tuila.code.v1\0" + len(salt).to_bytes(4, "big") + salt + code.encode(), "sha256")


def may_send(
    number_history: Sequence[datetime], account_history: Sequence[datetime], now: datetime, limits: CodeLimits
) -> Refusal | None:
    """None if a code may be sent, else the refusal that lasts longest.

    The histories are the times of earlier sendings, in any order: to this number by anyone, and by this account to any
    number, over the last 24 hours at least.
    """
    minute, hour, day = limits.resend_after, timedelta(hours=1), timedelta(days=1)
    waits = [
        ("too_soon", max(_wait(number_history, 1, minute, now), _wait(account_history, 1, minute, now))),
        ("number_hourly", _wait(number_history, limits.number_per_hour, hour, now)),
        ("number_daily", _wait(number_history, limits.number_per_day, day, now)),
        ("account_hourly", _wait(account_history, limits.account_per_hour, hour, now)),
        ("account_daily", _wait(account_history, limits.account_per_day, day, now)),
    ]
    reason, wait = max(waits, key=lambda pair: pair[1])
    return Refusal(reason, wait, _refusal_words(wait)) if wait > timedelta() else None


def check(sent: SentCode, given: str, pepper: bytes, now: datetime, limits: CodeLimits) -> Outcome:
    """What the answer `given` to a sent code is worth. Full-width digits and spaces are read as people mean them."""
    if sent.used:
        return Outcome.USED
    if now - sent.sent_at >= limits.lifetime:
        return Outcome.EXPIRED
    if sent.tries >= limits.tries:
        return Outcome.EXHAUSTED
    code = "".join(unicodedata.normalize("NFKC", given[:32]).split())
    if not _CODE.fullmatch(code):
        return Outcome.MALFORMED
    right = hmac.compare_digest(digest(code, sent.salt, pepper), sent.digest)
    return Outcome.ACCEPTED if right else Outcome.WRONG


def _wait(history: Sequence[datetime], allowed: int, window: timedelta, now: datetime) -> timedelta:
    """How long until fewer than `allowed` sendings lie within the window; zero if that is so now."""
    recent = sorted(sent for sent in history if now - sent < window)
    return recent[-allowed] + window - now if len(recent) >= allowed else timedelta()


def _refusal_words(wait: timedelta) -> Mapping[str, str]:
    seconds = -(-wait // timedelta(seconds=1))
    if seconds < 120:
        return {"zh": f"发送过于频繁，请 {seconds} 秒后再试", "en": f"too many codes; try again in {seconds} s"}
    minutes = -(-seconds // 60)
    if minutes < 120:
        return {
            "zh": f"验证码次数已达上限，请 {minutes} 分钟后再试",
            "en": f"too many codes; try again in {minutes} min",
        }
    hours = -(-minutes // 60)
    return {"zh": f"验证码次数已达上限，请 {hours} 小时后再试", "en": f"too many codes; try again in {hours} h"}
