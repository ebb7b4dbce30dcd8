"""A box opens with its key, purpose and context, and with nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth.secret_box import BoxRefused, SecretBox

OLD, NEW = {"2025": bytes(range(32))}, {"2026": bytes(range(32, 64))}


def box(keys: dict[str, bytes], current: str, purpose: str = "test") -> SecretBox:
    return SecretBox(keys, current, purpose=purpose)


@given(st.binary(max_size=200), st.binary(max_size=50), st.text(min_size=1, max_size=40))
def test_what_was_sealed_is_found_again(secret: bytes, context: bytes, key_id: str) -> None:
    keys = {key_id: bytes(32)}
    assert box(keys, key_id).open(box(keys, key_id).seal(secret, context), context) == secret


@given(st.data())
def test_a_changed_or_cut_box_does_not_open(data: st.DataObject) -> None:
    sealed = box(OLD, "2025").seal(b"secret", b"row 1")
    place = data.draw(st.integers(0, len(sealed) * 8 - 1))
    changed = bytearray(sealed)
    changed[place // 8] ^= 1 << (place % 8)
    for forged in (bytes(changed), sealed[: place // 8]):
        with pytest.raises(BoxRefused):
            box(OLD, "2025").open(forged, b"row 1")


def test_a_box_moved_to_another_row_or_use_does_not_open() -> None:
    sealed = box(OLD, "2025").seal(b"secret", b"row 1")
    with pytest.raises(BoxRefused):
        box(OLD, "2025").open(sealed, b"row 2")
    with pytest.raises(BoxRefused):
        box(OLD, "2025", "other").open(sealed, b"row 1")


def test_old_boxes_open_after_a_rotation_until_their_key_is_gone() -> None:
    sealed = box(OLD, "2025").seal(b"secret", b"")
    rotated = box(OLD | NEW, "2026")
    assert rotated.open(sealed, b"") == b"secret"
    assert rotated.is_outdated(sealed)
    assert not rotated.is_outdated(rotated.seal(b"secret", b""))
    with pytest.raises(BoxRefused, match="unknown key '2025'"):
        box(NEW, "2026").open(sealed, b"")


def test_keys_of_a_wrong_length_are_refused() -> None:
    for keys, current in (({"k": b"short"}, "k"), ({"": bytes(32)}, ""), (OLD, "2026")):
        with pytest.raises(ValueError, match="key"):
            box(keys, current)
