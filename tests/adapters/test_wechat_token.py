"""One refresh per expiry, whoever asks and whoever dies."""

import asyncio
from datetime import timedelta

import pytest

from adapters.errors import UpstreamUnavailable
from adapters.wechat.errors import WeChatRefused
from adapters.wechat.token import AccessToken, AccessTokenKeeper, Fetched, LocalTokenStore
from tests.adapters.wechat_world import PERSON, Clock, platform

HOUR_TWO = timedelta(seconds=7200)


class Desk:
    """The platform's side: counts calls, gives t1, t2 …, and can hold one call up."""

    def __init__(self) -> None:
        self.calls: list[bool] = []
        self.current = 0
        self.hold: asyncio.Event | None = None
        self.asked = asyncio.Event()

    async def fetch(self, force: bool) -> Fetched:
        self.calls.append(force)
        self.current += 1
        value = f"t{self.current}"
        self.asked.set()
        hold, self.hold = self.hold, None
        if hold is not None:
            await hold.wait()
        return Fetched(value, HOUR_TWO)


class Together:
    """Two keepers, as in two processes, over one store and one desk."""

    def __init__(self) -> None:
        self.clock, self.desk = Clock(), Desk()
        self.store = LocalTokenStore(self.clock)

    def keeper(self, owner: str) -> AccessTokenKeeper:
        return AccessTokenKeeper(self.store, self.desk.fetch, owner, clock=self.clock, sleep=self.clock.sleep)


async def test_many_askers_in_two_processes_cause_one_refresh_per_expiry() -> None:
    here = Together()
    keepers = [here.keeper("p1"), here.keeper("p2")]
    for expiry in range(1, 4):
        tokens = await asyncio.gather(*(keeper.token() for keeper in keepers for _ in range(50)))
        assert {token.value for token in tokens} == {f"t{expiry}"}
        assert len(here.desk.calls) == expiry
        here.clock.advance(seconds=7200)


async def test_a_good_token_is_not_refreshed_until_shortly_before_its_end() -> None:
    here = Together()
    keeper = here.keeper("p1")
    await keeper.token()
    here.clock.advance(seconds=7200 - 201)
    assert (await keeper.token()).value == "t1"
    here.clock.advance(seconds=1)
    assert (await keeper.token()).value == "t2"


async def test_a_killed_refresher_loses_its_lease_and_another_goes_on() -> None:
    here = Together()
    # A killed process releases nothing: its lease stands until it runs out.
    assert await here.store.acquire("killed", timedelta(seconds=15)) == 1
    began = here.clock()
    token = await here.keeper("p2").token()
    assert (token.value, token.version) == ("t1", 2)
    assert here.clock() - began >= timedelta(seconds=15)


async def test_a_late_stale_refresher_does_not_overwrite_a_newer_token() -> None:
    here = Together()
    hold = here.desk.hold = asyncio.Event()
    late = asyncio.create_task(here.keeper("p1").token())
    await here.desk.asked.wait()
    assert (await here.keeper("p2").token()).value == "t2"  # p1's lease ran out while it hung
    hold.set()
    assert (await late).value == "t2"
    assert await here.store.get() == AccessToken("t2", (await late).expires_at, 2)


async def test_while_another_refreshes_a_token_near_its_end_still_serves() -> None:
    here = Together()
    await here.keeper("p1").token()
    here.clock.advance(seconds=7200 - 100)
    hold = here.desk.hold = asyncio.Event()
    here.desk.asked.clear()
    refreshing = asyncio.create_task(here.keeper("p1").token())
    await here.desk.asked.wait()
    assert (await here.keeper("p2").token()).value == "t1"
    hold.set()
    assert (await refreshing).value == "t2"


async def test_waiting_for_another_is_bounded() -> None:
    here = Together()
    await here.store.acquire("forever", timedelta(days=1))
    began = here.clock()
    with pytest.raises(UpstreamUnavailable):
        await here.keeper("p2").token()
    assert timedelta(seconds=20) <= here.clock() - began < timedelta(seconds=21)
    assert here.desk.calls == []


async def test_a_failed_refresh_gives_the_lease_back_and_reaches_every_asker() -> None:
    here = Together()

    async def fail(force: bool) -> Fetched:
        raise WeChatRefused(40125, "invalid appsecret")

    broken = AccessTokenKeeper(here.store, fail, "p1", clock=here.clock, sleep=here.clock.sleep)
    results = await asyncio.gather(broken.token(), broken.token(), return_exceptions=True)
    assert [type(result) for result in results] == [WeChatRefused, WeChatRefused]
    assert (await here.keeper("p2").token()).value == "t1"
    assert here.clock.slept == []


async def test_an_asker_that_gives_up_does_not_stop_the_refresh_for_the_others() -> None:
    here = Together()
    hold = here.desk.hold = asyncio.Event()
    keeper = here.keeper("p1")
    impatient, patient = asyncio.create_task(keeper.token()), asyncio.create_task(keeper.token())
    await here.desk.asked.wait()
    impatient.cancel()
    hold.set()
    assert (await patient).value == "t1"
    assert here.desk.calls == [False]


async def test_many_refusals_of_one_token_cause_one_renewal() -> None:
    here = Together()
    keepers = [here.keeper("p1"), here.keeper("p2")]
    refused = await keepers[0].token()
    tokens = await asyncio.gather(*(keeper.renew(refused) for keeper in keepers for _ in range(20)))
    assert {token.value for token in tokens} == {"t2"}
    assert here.desk.calls == [False, False]


async def test_renewal_is_forced_only_when_the_platform_repeats_the_refused_token() -> None:
    async with platform() as there:
        client = there.client()
        first = await client.keeper.token()
        renewed = await client.keeper.renew(first)
        assert renewed.value != first.value
        assert (await client.user_info(PERSON)).openid == PERSON


async def test_two_processes_on_the_platform_make_one_token_per_expiry_and_every_message_goes() -> None:
    async with platform() as there:
        store = LocalTokenStore(there.clock)
        clients = [there.client(store, owner) for owner in ("p1", "p2")]
        await there.do("subscribe")
        values = []
        for _ in range(2):
            await there.say("在吗")
            await asyncio.gather(*(client.send_text(PERSON, "在") for client in clients for _ in range(2)))
            token = await store.get()
            assert token is not None
            values.append((token.version, token.value))
            there.clock.advance(hours=2)
        texts = [bubble for bubble in await there.bubbles() if bubble["late"]]
        assert len(texts) == 8
        assert [version for version, _ in values] == [1, 2] and values[0] != values[1]


async def test_released_by_one_who_lost_it_the_lease_stays_with_the_other() -> None:
    clock = Clock()
    store = LocalTokenStore(clock)
    first = await store.acquire("p1", timedelta(seconds=15))
    clock.advance(seconds=15)
    second = await store.acquire("p2", timedelta(seconds=15))
    assert first is not None and second is not None and second > first
    await store.release("p1", first)
    assert await store.acquire("p3", timedelta(seconds=15)) is None


async def test_a_token_that_cannot_be_had_means_the_message_was_not_sent() -> None:
    async with platform() as there:
        await there.do("subscribe")
        await there.fail(lose_answer=1.0)
        with pytest.raises(UpstreamUnavailable):
            await there.client().send_text(PERSON, "在")
        assert [bubble for bubble in await there.bubbles() if bubble["late"]] == []
