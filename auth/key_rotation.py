"""Changing the token signing key by a timetable, so that nobody meets a token under a key it has not seen.

The new key is published behind the current one; it signs once verifiers had time to read it; the old one is dropped
when the last token it signed has expired. All of it is written down at once, and every process goes by the clock.
Source: RFC 7517 §4.5 and OpenID Connect Core 1.0 §10.1.1 (rotation of signing keys).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import msgspec
from joserfc.jwk import ECKey

PUBLISHED_FOR = timedelta(minutes=10)
"""From a key's publication to its first signature: twice as long as the published set may be kept."""
_MARGIN = timedelta(minutes=1)


class KeyTimes(msgspec.Struct, frozen=True, omit_defaults=True):
    """When one key is used; a key without times has signed since ever and has no end."""

    signs_from: datetime
    """UTC."""
    ends_at: datetime | None = None
    """UTC; from then on nothing signed with it is trusted."""


class RotationUnderWay(Exception):
    """A new key is published and does not sign yet."""


def in_use(keys: Sequence[ECKey], times: Mapping[str, KeyTimes], now: datetime) -> tuple[ECKey, ...]:
    """The keys to publish and trust now, the one that signs first."""
    live = [key for key in keys if (end := _times(key, times).ends_at) is None or now < end]
    signing = [key for key in live if _times(key, times).signs_from <= now] or live
    current = max(signing, key=lambda key: _times(key, times).signs_from)
    return (current, *(key for key in live if key is not current))


def rotated(
    keys: Sequence[ECKey], times: Mapping[str, KeyTimes], new: ECKey, now: datetime, tokens_last: timedelta
) -> tuple[tuple[ECKey, ...], dict[str, KeyTimes]]:
    """Keys and timetable with a new key on its way; keys whose time is over are left out.

    Raises:
        RotationUnderWay: wait until the last new key signs.
    """
    live = in_use(keys, times, now)
    if any(_times(key, times).signs_from > now for key in live):
        raise RotationUnderWay
    starts = now + PUBLISHED_FOR
    ends = starts + tokens_last + _MARGIN
    later = {str(key.kid): KeyTimes(_times(key, times).signs_from, _times(key, times).ends_at or ends) for key in live}
    return (*live, new), later | {str(new.kid): KeyTimes(starts)}


def replaced(new: ECKey, now: datetime) -> tuple[tuple[ECKey, ...], dict[str, KeyTimes]]:
    """Keys and timetable after the old ones became known to others: only the new one, at once. Every token ends."""
    return (new,), {str(new.kid): KeyTimes(now)}


_EVER = KeyTimes(datetime.fromisoformat("1970-01-01T00:00:00+00:00"))


def _times(key: ECKey, times: Mapping[str, KeyTimes]) -> KeyTimes:
    return times.get(str(key.kid), _EVER)
