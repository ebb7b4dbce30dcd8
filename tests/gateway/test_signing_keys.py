"""Changing the token signing key: published first, then signing, then gone; running processes follow, tokens stay good."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import ECKey

from auth.key_rotation import PUBLISHED_FOR, KeyTimes, RotationUnderWay, in_use, rotated
from auth.keys import KeyRing, KeysRefused
from auth.principal import Principal
from auth.tokens import TokenIssuer, TokenRefused, TokenVerifier, generate_signing_key
from gateway.platform import Platform
from tests.fixtures.world import NOON, World

HALF_DAY = timedelta(hours=12)
SHOP = Principal("partner", "shop", frozenset({"orders:read"}), partner_id="shop")


def rotate(world: World, *, compromised: bool = False) -> None:
    KeyRing.rotate_token_signing(
        world.settings.key_file, world.clock(), tokens_last=HALF_DAY, compromised=compromised
    )  # fmt: skip


def token(world: World, platform: Platform, ttl: timedelta = HALF_DAY) -> str:
    return platform.parts.get(TokenIssuer).issue(SHOP, token_id=world.platform.ids(), now=world.clock(), ttl=ttl)


def signer(platform: Platform) -> str:
    return str(platform.parts.get(TokenIssuer).jwks()["keys"][0]["kid"])


def published(platform: Platform) -> list[str]:
    return [str(key["kid"]) for key in platform.parts.get(TokenIssuer).jwks()["keys"]]


def check(world: World, platform: Platform, shown: str) -> None:
    platform.parts.get(TokenVerifier).verify(shown, world.clock())


async def test_running_processes_take_a_new_key_over_and_old_tokens_stay_good(world: World) -> None:
    other = world.another()
    (old,) = published(world.platform)
    before = token(world, other)
    check(world, world.platform, before)
    rotate(world)
    await world.platform.refresh()
    await other.refresh()
    assert len(published(other)) == 2 and signer(other) == old
    with pytest.raises(KeysRefused):
        rotate(world)
    world.clock.advance(seconds=PUBLISHED_FOR.total_seconds())
    last_of_old = token(world, other)
    await world.platform.refresh()
    new = signer(world.platform)
    assert new != old
    check(world, other, token(world, world.platform))  # one that has not looked at the clock yet
    await other.refresh()
    check(world, other, before)
    world.clock.advance(seconds=HALF_DAY.total_seconds() - 1)
    await other.refresh()
    check(world, other, last_of_old)
    world.clock.advance(seconds=62)
    await other.refresh()
    assert published(other) == [new]
    late = world.another()
    assert signer(late) == new
    await late.close()
    await other.close()


async def test_a_key_that_others_know_is_dropped_at_once(world: World) -> None:
    stolen = token(world, world.platform)
    check(world, world.platform, stolen)
    rotate(world, compromised=True)
    await world.platform.refresh()
    with pytest.raises(TokenRefused):
        check(world, world.platform, stolen)
    check(world, world.platform, token(world, world.platform))


async def test_a_spoilt_key_file_changes_nothing_in_a_running_process(world: World) -> None:
    before = published(world.platform)
    world.settings.key_file.write_text("{}")
    await world.platform.refresh()
    assert published(world.platform) == before
    check(world, world.platform, token(world, world.platform))


KEYS = [generate_signing_key(f"k{number}") for number in range(12)]


@given(st.lists(st.integers(1, 200_000), min_size=1, max_size=10))
def test_no_verifier_that_looked_five_minutes_ago_meets_a_key_it_does_not_know(steps: list[int]) -> None:
    """Any sequence of rotations and waits: what signs was published for at least ten minutes, what signed stays to the end."""
    keys: tuple[ECKey, ...] = (KEYS[0],)
    times, now = dict[str, KeyTimes](), NOON
    signed: list[tuple[str, datetime]] = []
    for number, step in enumerate(steps, 1):
        known = {key.kid for key in in_use(keys, times, now)}
        try:
            keys, times = rotated(keys, times, KEYS[number], now, HALF_DAY)
        except RotationUnderWay:
            pass
        for part in (timedelta(minutes=5), timedelta(seconds=step)):
            if part == timedelta(minutes=5):
                assert in_use(keys, times, now + part)[0].kid in known
            now += part
            used = in_use(keys, times, now)
            signed.append((str(used[0].kid), now + HALF_DAY))
            still = {key.kid for key in used}
            assert all(kid in still for kid, good_until in signed if good_until > now)
