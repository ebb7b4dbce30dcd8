"""Whatever is done to a sealed log, the chain shows it and names the block."""

import hashlib
from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from auth.audit_chain import (
    GENESIS,
    AuditEntry,
    Block,
    Break,
    Head,
    entry_digest,
    seal_block,
    verify_chain,
    verify_entries,
)

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
ENTRY = AuditEntry("1", NOON, "partner:shop", "orders.place", "partner:shop:u", 7, "api", "ok", "t", "{}")

entries = st.builds(
    AuditEntry,
    st.text(),
    st.datetimes(timezones=st.just(UTC)),
    st.text(),
    st.text(),
    st.none() | st.text(),
    st.none() | st.integers(0, 2**53),
    st.text(),
    st.text(),
    st.text(),
    st.text(),
)
digests = st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=4)


def sealed(groups: list[list[bytes]]) -> list[Block]:
    chain: list[Block] = []
    for group in groups:
        chain.append(seal_block(chain[-1] if chain else None, group))
    return chain


chains = st.lists(digests, min_size=1, max_size=6).map(sealed)


def head_of(chain: list[Block]) -> Head:
    return Head(chain[-1].seq, chain[-1].hash)


@given(chains)
def test_an_untouched_chain_holds(chain: list[Block]) -> None:
    assert verify_chain(chain) is None
    assert verify_chain(chain, head_of(chain)) is None
    assert verify_chain(chain, Head(1, chain[0].hash)) is None  # an older note is good too
    assert verify_chain(chain, Head(0, GENESIS)) is None


def test_an_empty_chain_holds_unless_something_was_in_it() -> None:
    assert verify_chain([]) is None
    assert verify_chain([], Head(1, bytes(32))) == Break(1, "head")


@given(chains, st.data())
def test_a_changed_byte_is_named_at_its_block(chain: list[Block], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(chain) - 1))
    block = chain[place]
    field = data.draw(st.sampled_from(["previous", "hash", "digest"]))
    flip = data.draw(st.integers(0, 255))
    if field == "digest":
        number = data.draw(st.integers(0, len(block.digests) - 1))
        changed = [*block.digests]
        changed[number] = flipped(changed[number], flip)
        forged = msgspec.structs.replace(block, digests=tuple(changed))
    else:
        forged = msgspec.structs.replace(block, **{field: flipped(getattr(block, field), flip)})
    found = verify_chain([*chain[:place], forged, *chain[place + 1 :]])
    assert found is not None and found.seq == block.seq


@given(chains, st.data())
def test_a_change_hashed_anew_is_named_at_the_block_after_it(chain: list[Block], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(chain) - 1))
    forged = seal_block(chain[place - 1] if place else None, [*chain[place].digests, bytes(32)])
    found = verify_chain([*chain[:place], forged, *chain[place + 1 :]], head_of(chain))
    assert found is not None
    assert found == (Break(place + 2, "link") if place + 1 < len(chain) else Break(place + 1, "head"))


@given(chains, st.data())
def test_a_removed_block_is_seen(chain: list[Block], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(chain) - 1))
    found = verify_chain([*chain[:place], *chain[place + 1 :]], head_of(chain))
    assert found is not None and found.seq == place + 1


@given(chains, st.data())
def test_blocks_in_another_order_or_doubled_are_seen(chain: list[Block], data: st.DataObject) -> None:
    moved = data.draw(st.permutations(chain))
    assume(moved != chain)
    assert verify_chain(moved, head_of(chain)) is not None
    place = data.draw(st.integers(0, len(chain) - 1))
    assert verify_chain([*chain[: place + 1], chain[place], *chain[place + 1 :]]) == Break(place + 2, "sequence")


@given(st.lists(entries, min_size=1, max_size=4, unique_by=msgspec.json.encode), st.data())
def test_entries_changed_removed_added_or_moved_are_seen(log: list[AuditEntry], data: st.DataObject) -> None:
    block = seal_block(None, [entry_digest(entry) for entry in log])
    assert verify_entries(block, log) is None
    broken = Break(1, "entries")
    place = data.draw(st.integers(0, len(log) - 1))
    changed = msgspec.structs.replace(log[place], outcome=log[place].outcome + "!")
    assert verify_entries(block, [*log[:place], changed, *log[place + 1 :]]) == broken
    assert verify_entries(block, [*log[:place], *log[place + 1 :]]) == broken
    assert verify_entries(block, [*log, log[0]]) == broken
    moved = data.draw(st.permutations(log))
    assume(moved != log)
    assert verify_entries(block, moved) == broken


@given(entries, entries)
def test_two_entries_share_a_digest_only_when_equal(first: AuditEntry, second: AuditEntry) -> None:
    assert (entry_digest(first) == entry_digest(second)) is (first == second)


def test_a_digest_is_of_the_moment_and_not_of_its_zone() -> None:
    shanghai = msgspec.structs.replace(ENTRY, at=NOON.astimezone(timezone(timedelta(hours=8))))
    assert entry_digest(shanghai) == entry_digest(ENTRY)
    with pytest.raises(ValueError, match="zone"):
        entry_digest(msgspec.structs.replace(ENTRY, at=NOON.replace(tzinfo=None)))


def test_the_digests_are_the_documented_ones() -> None:
    text = (
        b'{"id":"1","at":"2026-01-01T12:00:00Z","principal":"partner:shop","capability":"orders.place",'
        b'"account":"partner:shop:u","subscriber_id":7,"channel":"api","outcome":"ok","trace_id":"t","detail":"{}"}'
    )
    digest = hashlib.sha256(b"tuila.audit.entry.v1\0" + text).digest()
    assert entry_digest(ENTRY) == digest
    expected = hashlib.sha256(b"tuila.audit.block.v1\0" + bytes(32) + bytes(7) + b"\1" + digest).digest()
    assert seal_block(None, [digest]) == Block(1, GENESIS, (digest,), expected)


def test_a_block_of_nothing_or_of_odd_digests_is_refused() -> None:
    for odd in ([], [b"short"]):
        with pytest.raises(ValueError, match="32 bytes"):
            seal_block(None, odd)


def flipped(value: bytes, bit: int) -> bytes:
    changed = bytearray(value)
    changed[bit // 8] ^= 1 << (bit % 8)
    return bytes(changed)
