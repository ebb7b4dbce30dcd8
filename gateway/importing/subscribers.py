"""Subscribers: new ones are added, known ones (by ref) brought up to date; an empty cell changes nothing."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, select

from auth.phone_number import NotAPhoneNumber, PhoneVault, normalise
from gateway.bulk import is_among, put_profiles, put_subscribers, subscriber_ids
from gateway.capabilities.subscribers import subscribers
from gateway.importing.fields import Field
from gateway.importing.rows import Rows
from gateway.importing.run import Batch, Conclude
from gateway.kit.clock import Clock
from gateway.store import Store

_ASKED_AT_ONCE = 2_000


class SubscriberImporter:
    """Writes `subscribers`, and the abilities of their devices into `profiles`."""

    kind = "subscribers"
    fields: tuple[Field, ...] = (
        Field("ref", "text", required=True, longest=64),
        Field("phone", "text", longest=64),
        Field("brand", "text", longest=40),
        Field("region", "text", longest=40),
        Field("joined_on", "date"),
        Field("device_abilities", "list"),
    )

    def __init__(self, store: Store, vault: PhoneVault, clock: Clock, batch_rows: int = 20_000) -> None:
        self.batch_rows = batch_rows
        self._store = store
        self._vault = vault
        self._clock = clock

    async def begin(self, run: str, position: int) -> None:
        """Everything is written in the database's own transactions: there is nothing to forget."""

    async def take(self, batch: Batch, conclude: Conclude) -> None:
        unreadable, phones = self._sealed(batch.rows)
        await self._store.write(self._write, batch.rows, phones, unreadable, conclude)

    def _sealed(self, rows: Rows) -> tuple[dict[int, str], dict[int, tuple[bytes, bytes]]]:
        """What is wrong with phone numbers, and the others as (cipher, hash), by place."""
        unreadable: dict[int, str] = {}
        phones: dict[int, tuple[bytes, bytes]] = {}
        if rows.fields["phone"].null_count == len(rows):
            return unreadable, phones
        for at, text in enumerate(rows.fields["phone"].to_pylist()):
            if text is None:
                continue
            try:
                e164 = normalise(text)
            except NotAPhoneNumber as error:
                unreadable[at] = f"phone: {error}"
            else:
                phones[at] = self._vault.encrypt(e164), self._vault.digest(e164)
        return unreadable, phones

    def _write(
        self,
        connection: Connection,
        rows: Rows,
        phones: dict[int, tuple[bytes, bytes]],
        unreadable: dict[int, str],
        conclude: Conclude,
    ) -> None:
        refs: list[str] = rows.fields["ref"].to_pylist()
        reasons = unreadable | _taken_phones(connection, refs, phones)
        names = ("brand", "region", "joined_on", "device_abilities")
        columns = [rows.fields[name].to_pylist() for name in names]
        now = self._clock()
        found: list[dict[str, Any]] = []
        abilities: dict[str, list[str]] = {}
        for at, (ref, brand, region, joined_on, able) in enumerate(zip(refs, *columns, strict=True)):
            if at in reasons:
                continue
            cipher, digest = phones.get(at, (None, None))
            found.append(
                {
                    "ref": ref, "phone_cipher": cipher, "phone_hash": digest, "brand": brand or "",
                    "region": region or "", "joined_on": joined_on, "suspended": False, "created_at": now,
                }
            )  # fmt: skip
            if able is not None:
                abilities[ref] = able
        put_subscribers(connection, found)
        if abilities:
            self._put_abilities(connection, abilities)
        conclude(connection, rows.reject(reasons))

    def _put_abilities(self, connection: Connection, abilities: dict[str, list[str]]) -> None:
        ids = subscriber_ids(connection, abilities)
        put_profiles(
            connection,
            {ids[ref]: {"device_abilities": sorted(set(filter(None, able)))} for ref, able in abilities.items()},
            self._clock,
        )


def _taken_phones(connection: Connection, refs: list[str], phones: dict[int, tuple[bytes, bytes]]) -> dict[int, str]:
    """Places whose number is somebody else's at that moment of the file: a number is one subscriber's only."""
    if not phones:
        return {}
    owner: dict[bytes, str] = {}
    number_of: dict[str, bytes] = {}
    digests = [digest for _, digest in phones.values()]
    columns = select(subscribers.c.ref, subscribers.c.phone_hash)
    for first in range(0, len(digests), _ASKED_AT_ONCE):
        some = subscribers.c.phone_hash.in_(digests[first : first + _ASKED_AT_ONCE])
        for ref, digest in connection.execute(columns.where(some)):
            owner[digest], number_of[ref] = ref, digest
    with_phone = [refs[at] for at in phones]
    theirs = columns.where(is_among(connection, subscribers.c.ref, with_phone), subscribers.c.phone_hash.is_not(None))
    for ref, digest in connection.execute(theirs):
        owner[digest], number_of[ref] = ref, digest
    reasons = {}
    for at, (_, digest) in phones.items():
        ref = refs[at]
        if owner.setdefault(digest, ref) != ref:
            reasons[at] = f"phone: the number is that of subscriber {owner[digest]}"
            continue
        if ref in number_of and number_of[ref] != digest:
            owner.pop(number_of[ref], None)
        number_of[ref] = digest
    return reasons
