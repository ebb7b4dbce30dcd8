"""The demo installation: catalog, made-up subscribers with a past, a trained model, and two demo partners.

Whatever is there already stays; a load that was interrupted goes on where it was. Memory does not grow with `n`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, insert, select, update

from auth.phone_number import PhoneVault
from auth.principal import Principal, partner_account
from gateway.bulk import past_id, put_completed, put_past_orders, put_profiles, put_subscribers, subscriber_ids, upsert
from gateway.capabilities.bindings import bindings
from gateway.capabilities.consents import CURRENT_TEXT, consents
from gateway.capabilities.offers import Catalog, put_offers
from gateway.capabilities.partners import Credentials, PartnerExists, Partners
from gateway.capabilities.partners.tables import partners
from gateway.capabilities.recommendations.live import models
from gateway.capabilities.subscribers import contact_of, subscribers
from gateway.demo.generator import CHUNK, DemoSubscriber, generate
from gateway.demo.partner_site import BACK
from gateway.importing.tables import import_runs
from gateway.invoke import Call
from gateway.kit.clock import Clock
from gateway.lake import UsageLake
from gateway.lake.learning import learn
from gateway.platform import CATALOG_FILES, Platform
from gateway.store import Unit

SEED = 7
PORTAL = "demo-portal"
"""The partner that the demo portal's pages belong to."""
APP = "demo-app"
"""The partner whose secret the documents' examples use; its users user-1, user-2 … are bound."""
APP_NAME = "晨读书店 Morning Books"
APP_BACK = f"http://127.0.0.1{BACK}"
"""Where people come back to its site, on whatever port that listens (RFC 8252 §7.3)."""
APP_USERS = 200
CREDENTIALS_FILE = "demo-credentials.json"

_APP_SCOPES = [
    "offers:*",
    "recommendations:*",
    "orders:*",
    "subscriptions:*",
    "bindings:*",
    "consents:*",
    "phone:masked",
]
_PORTAL_SCOPES = ["recommendations:*", "orders:*", "subscriptions:*", "bindings:*", "consents:*"]
_OPERATOR = Principal("operator", "demo", frozenset({"*"}))

Progress = Callable[[str, int, int], None]
"""Told what is being done, and how much of how much is done."""


class Demo(Struct, frozen=True):
    """What a demo installation has."""

    subscribers: int
    """Made-up subscribers there are now."""
    loaded: int
    """How many of them this load added."""
    free_phones: list[str]
    """Numbers, E.164, of subscribers that no chat or web account is bound to: for a stranger to bind with."""
    credentials: Path
    """File of `demo-app`'s client id and secret."""


async def load_demo(
    platform: Platform, n: int = 20_000, seed: int = SEED, progress: Progress = lambda what, done, of: None
) -> Demo:
    """Load what is missing of a demo with `n` subscribers. The schema is there already.

    Raises:
        ValueError: n is negative or above ten million.
    """
    catalog = Catalog.load(CATALOG_FILES)
    await put_catalog(platform, catalog)
    loaded = await load_subscribers(platform, catalog, n, seed, progress)
    await _bind_app_users(platform)
    await ensure_portal(platform)
    credentials = await ensure_app(platform)
    if loaded or not await platform.store.read(_has_model):
        await train_demo(platform, catalog, progress)
    await platform.refresh()
    there = await platform.store.read(_position, _run_id(seed))
    return Demo(there, loaded, await platform.store.read(_free_phones, platform.vault), credentials)


async def put_catalog(platform: Platform, catalog: Catalog) -> None:
    """Put the offers on sale that the store has not, or has otherwise."""
    await platform.catalog.refresh(platform.store)
    there = platform.catalog.current.by_code
    missing = [offer for offer in catalog if there.get(offer.code) != offer]
    unit = Unit()
    put_offers(unit, missing, platform.clock())
    await platform.store.commit(unit)
    await platform.catalog.refresh(platform.store)


async def load_subscribers(
    platform: Platform, catalog: Catalog, n: int, seed: int, progress: Progress = lambda what, done, of: None
) -> int:
    """Add the made-up subscribers that are missing of the first `n`, chunk by chunk; how many were."""
    run, today = _run_id(seed), platform.clock().date()
    before = there = await platform.store.read(_position, run)
    chunks = islice(generate(catalog, n, seed, today), there // CHUNK, None) if there < n else iter(())
    for number, chunk in enumerate(chunks, there // CHUNK):
        new = chunk[there - number * CHUNK :]
        there += len(new)
        await platform.store.write(_load_chunk, new, platform.vault, platform.clock, run, there)
        progress("subscribers", there, n)
    return there - before


async def train_demo(platform: Platform, catalog: Catalog, progress: Progress = lambda what, done, of: None) -> None:
    """Learn from what was loaded."""
    lake = UsageLake(platform.settings.data_dir)
    await learn(platform.store, lake, catalog.codes, platform.clock, lambda what, done: progress(what, done, 0))


async def ensure_portal(platform: Platform) -> None:
    """The portal's partner, with the origins under which this installation is reached."""
    origins = local_origins(platform.settings.public_url)
    asked = {"id": PORTAL, "name": "Demo portal", "scopes": _PORTAL_SCOPES, "origins": origins}
    try:
        await platform.invoke(Call("partners.create", _OPERATOR, asked, channel="demo"))
    except PartnerExists:
        await platform.store.write(_set_origins, PORTAL, origins)
        platform.parts.get(Partners).forget(PORTAL)


async def ensure_app(platform: Platform) -> Path:
    """The file of `demo-app`'s credentials; where it was lost, with a new secret. Only its owner may read it."""
    path = platform.settings.data_dir / CREDENTIALS_FILE
    asked: dict[str, Any] = {"id": APP, "name": APP_NAME, "scopes": _APP_SCOPES, "redirect_uris": [APP_BACK]}
    try:
        made = await platform.invoke(Call("partners.create", _OPERATOR, asked, channel="demo"))
    except PartnerExists:
        await platform.store.write(_set_redirect_uris, APP, [APP_BACK])
        platform.parts.get(Partners).forget(APP)
        if path.exists():
            return path
        made = await platform.invoke(Call("partners.rotate_secret", _OPERATOR, {"id": APP}, channel="demo"))
    _write_secretly(path, made)
    return path


def local_origins(public_url: str) -> list[str]:
    """The origin of an address, and where that is this very machine, under its other names as well."""
    parts = urlsplit(public_url)
    origin = f"{parts.scheme}://{parts.netloc}"
    port = f":{parts.port}" if parts.port else ""
    names = ("127.0.0.1", "localhost")
    others = [f"{parts.scheme}://{name}{port}" for name in names] if parts.hostname in names else []
    return list(dict.fromkeys([origin, *others]))


def _write_secretly(path: Path, made: Credentials) -> None:
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)
    with open(part, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(msgspec.json.format(msgspec.json.encode(made)) + b"\n")
    part.rename(path)


def _run_id(seed: int) -> str:
    return f"demo-{seed}"


def _position(connection: Connection, run: str) -> int:
    return connection.scalar(select(import_runs.c.position).where(import_runs.c.id == run)) or 0


def _has_model(connection: Connection) -> bool:
    return connection.scalar(select(models.c.name).limit(1)) is not None


def _load_chunk(
    connection: Connection, chunk: Sequence[DemoSubscriber], vault: PhoneVault, clock: Clock, run: str, there: int
) -> None:
    now = clock()
    put_subscribers(connection, [_subscriber_row(one, vault, now) for one in chunk])
    ids = subscriber_ids(connection, [one.ref for one in chunk])
    put_profiles(connection, {ids[one.ref]: _profile(one) for one in chunk}, clock)
    put_past_orders(connection, [row for one in chunk for row in _held_rows(one, ids[one.ref], now)], channel="demo")
    put_completed(connection, [taken for one in chunk for taken in _taken(one, ids[one.ref])], channel="demo")
    row = {
        "id": run, "kind": "demo", "file": "", "position": there, "taken": there, "left_out": 0, "rejected": 0,
        "report_bytes": 0, "started_at": now, "updated_at": now,
    }  # fmt: skip
    new = upsert(connection)(import_runs)
    moved = {name: new.excluded[name] for name in ("position", "taken", "updated_at")}
    connection.execute(new.on_conflict_do_update(index_elements=["id"], set_=moved), row)


def _subscriber_row(one: DemoSubscriber, vault: PhoneVault, now: datetime) -> dict[str, Any]:
    return {
        "ref": one.ref, "phone_cipher": vault.encrypt(one.phone), "phone_hash": vault.digest(one.phone),
        "brand": one.brand, "region": one.region, "joined_on": one.joined_on, "suspended": False, "created_at": now,
    }  # fmt: skip


def _profile(one: DemoSubscriber) -> dict[str, Any]:
    return {
        "usage": one.usage,
        "traffic_used_pct": one.traffic_used_pct,
        "device_abilities": list(one.device_abilities),
    }


def _held_rows(one: DemoSubscriber, number: int, now: datetime) -> Iterable[dict[str, Any]]:
    """Rows of `subscriptions`; what was taken longer ago than the orders go back began 400 days ago."""
    begun = {order.offer: order.placed_at for order in one.orders if order.state == "completed"}
    long_ago = now - timedelta(days=400)
    for code in one.held:
        started_at = begun.get(code, long_ago)
        yield {
            "id": past_id(started_at, "subscription", number, code), "subscriber_id": number, "offer_code": code,
            "order_id": None, "started_at": started_at, "ended_at": None,
        }  # fmt: skip


def _taken(one: DemoSubscriber, number: int) -> Iterable[tuple[int, str, datetime]]:
    held = set(one.held)
    for order in one.orders:
        if order.state == "completed" and order.action == "subscribe" and order.offer not in held:
            yield number, order.offer, order.placed_at


class _User(NamedTuple):
    subscriber_id: int
    account: str


async def _bind_app_users(platform: Platform) -> None:
    """Bind the first subscribers to `demo-app`'s users and note that they agreed to recommendations."""
    users = await platform.store.read(_unbound_app_users)
    if users:
        await platform.store.write(_bind, users, platform.clock(), [platform.ids() for _ in users])


def _unbound_app_users(connection: Connection) -> list[_User]:
    refs = [f"demo-{number:07d}" for number in range(1, APP_USERS + 1)]
    ids = subscriber_ids(connection, refs)
    wanted = [
        _User(ids[ref], partner_account(APP, f"user-{number}")) for number, ref in enumerate(refs, 1) if ref in ids
    ]
    # One that was unbound by its user stays so: whoever was ever bound is left alone.
    ever = set(connection.scalars(select(bindings.c.account).where(bindings.c.account.startswith(f"partner:{APP}:"))))
    return [user for user in wanted if user.account not in ever]


def _bind(connection: Connection, users: Sequence[_User], now: datetime, ids: Sequence[str]) -> None:
    connection.execute(
        insert(bindings),
        [
            {"id": binding, "account": user.account, "subscriber_id": user.subscriber_id, "how": "demo", "bound_at": now,
             "ended_at": None, "ended_because": None}
            for binding, user in zip(ids, users, strict=True)
        ],
    )  # fmt: skip
    agreed = [
        {"subscriber_id": user.subscriber_id, "purpose": "recommend", "seq": 0, "granted": True,
         "text_version": CURRENT_TEXT, "channel": "demo", "at": now}
        for user in users
    ]  # fmt: skip
    connection.execute(upsert(connection)(consents).on_conflict_do_nothing(), agreed)


def _set_origins(connection: Connection, partner_id: str, origins: list[str]) -> None:
    text = msgspec.json.encode(origins).decode()
    connection.execute(update(partners).where(partners.c.id == partner_id).values(origins=text))


def _set_redirect_uris(connection: Connection, partner_id: str, uris: list[str]) -> None:
    text = msgspec.json.encode(uris).decode()
    connection.execute(update(partners).where(partners.c.id == partner_id).values(redirect_uris=text))


def _free_phones(connection: Connection, vault: PhoneVault, most: int = 2) -> list[str]:
    bound = select(bindings.c.subscriber_id).where(
        bindings.c.subscriber_id == subscribers.c.id, bindings.c.ended_at.is_(None)
    )
    free = (
        select(subscribers.c.id)
        .where(subscribers.c.ref.startswith("demo-"), ~bound.exists())
        .order_by(subscribers.c.ref)
        .limit(most)
    )
    phones = (contact_of(connection, number).phone(vault) for number in connection.scalars(free).all())
    return [phone for phone in phones if phone is not None]
