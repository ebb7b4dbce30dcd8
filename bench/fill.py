"""Subscribers for benchmarks: plain bulk inserts, each bound to one partner's user."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from rich.progress import track
from sqlalchemy import Connection, insert

from gateway.capabilities.bindings import bindings
from gateway.capabilities.consents import consents
from gateway.capabilities.offers import Catalog, put_offers
from gateway.capabilities.orders import subscriptions
from gateway.capabilities.recommendations import incidence, profile_items, train, usage_items
from gateway.capabilities.recommendations.live import put_model
from gateway.capabilities.subscribers import Profile, profiles, subscribers
from gateway.demo.generator import DemoSubscriber, generate
from gateway.platform import CATALOG_FILES, Platform
from gateway.store import Unit, metadata

PARTNER = "bench"
LEARNT_FROM = 20_000
"""Subscribers the model is trained on; what it costs to rank does not depend on how many."""


async def fill(platform: Platform, number: int, *, account: str = f"partner:{PARTNER}:u") -> None:
    """Make the schema, put the catalog on sale, and add subscribers 1 to `number`, bound to ACCOUNT1, ACCOUNT2 …"""
    await platform.store.write(metadata.create_all)
    catalog = Catalog.load(CATALOG_FILES)
    unit = Unit()
    put_offers(unit, catalog, platform.clock())
    await platform.store.commit(unit)
    made = 0
    pairs: list[tuple[int, str]] = []
    chunks: Iterator[list[DemoSubscriber]] = generate(catalog, number, 7, platform.clock().date())
    for chunk in track(chunks, total=-(-number // 4096), description=f"{number} subscribers", transient=True):
        await platform.store.write(_insert, platform, chunk, made, account)
        if made < LEARNT_FROM:
            pairs += [(made + at, item) for at, one in enumerate(chunk) for item in _items(one)]
        made += len(chunk)
    learnt = Unit()
    put_model(learnt, train(*incidence(pairs), catalog.codes), platform.clock())
    await platform.store.commit(learnt)
    await platform.refresh()


def _items(one: DemoSubscriber) -> list[str]:
    used = usage_items(one.usage, one.traffic_used_pct)
    return [*one.held, *used, *profile_items(one.brand, one.region)]


def _insert(connection: Connection, platform: Platform, chunk: list[DemoSubscriber], made: int, account: str) -> None:
    now, ids = platform.clock(), platform.ids
    numbered = list(enumerate(chunk, made + 1))
    connection.execute(insert(subscribers), [
        {"id": number, "ref": one.ref, "brand": one.brand, "region": one.region, "joined_on": one.joined_on,
         "suspended": False, "created_at": now}
        for number, one in numbered
    ])  # fmt: skip
    connection.execute(insert(profiles), [
        {"subscriber_id": number, "updated_at": now, "body": msgspec.json.encode(
            Profile(one.usage, one.traffic_used_pct, list(one.device_abilities))).decode()}
        for number, one in numbered
    ])  # fmt: skip
    connection.execute(insert(bindings), [
        {"id": ids(), "account": f"{account}{number}", "subscriber_id": number, "how": "bench", "bound_at": now}
        for number, one in numbered
    ])  # fmt: skip
    connection.execute(insert(consents), [
        {"subscriber_id": number, "purpose": "recommend", "seq": 0, "granted": True, "text_version": "bench",
         "channel": "bench", "at": now}
        for number, one in numbered
    ])  # fmt: skip
    held = [
        {"id": ids(), "subscriber_id": number, "offer_code": code, "started_at": now}
        for number, one in numbered for code in one.held
    ]  # fmt: skip
    if held:
        connection.execute(insert(subscriptions), held)
