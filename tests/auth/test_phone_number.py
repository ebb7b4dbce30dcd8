"""Numbers are read as people type them and kept so that a copy of the database tells none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth.phone_number import NotAPhoneNumber, PhoneVault, mask, normalise
from auth.secret_box import BoxRefused

VAULT = PhoneVault({"k1": bytes(32)}, "k1", bytes(range(32)))
numbers = st.integers(13_000_000_000, 19_999_999_999).map(str)


@pytest.mark.parametrize(
    "typed",
    [
        "13800138000", "138 0013 8000", "138-0013-8000", "+8613800138000", "+86 138 0013 8000", "0086 13800138000",
        "8613800138000", "１３８００１３８０００", "＋８６ １３８－００１３－８０００", "\u202a138 0013 8000\u202c", "  13800138000\n",
        "(+86)13800138000", "013800138000", "138.0013.8000",
    ],
)  # fmt: skip
def test_a_mobile_number_is_read_however_it_is_typed(typed: str) -> None:
    assert normalise(typed) == "+8613800138000"


@pytest.mark.parametrize(
    "typed",
    ["", "你好", "10086", "021-62345678", "1380013800", "138001380000", "12800138000", "13800138000x", "1" * 5000,
     "+", "++8613800138000", "+8610086", "１３８", "138 0013 800o", "٠١٢٣٤٥٦٧٨٩٠"],
)  # fmt: skip
def test_what_no_sms_can_reach_is_refused(typed: str) -> None:
    with pytest.raises(NotAPhoneNumber):
        normalise(typed)


def test_foreign_numbers_are_read_with_their_country() -> None:
    assert normalise("+852 9123 4567") == "+85291234567"
    assert normalise("+1 415 555 2671") == "+14155552671"
    assert normalise("9123 4567", "HK") == "+85291234567"
    assert normalise("+86 138 0013 8000", "HK") == "+8613800138000"


@given(numbers, st.lists(st.sampled_from([" ", "-", "\u3000", "\u200b", "–"]), min_size=11, max_size=11))
def test_spacing_never_changes_a_number(number: str, gaps: list[str]) -> None:
    typed = "".join(digit + gap for digit, gap in zip(number, gaps, strict=True))
    assert normalise(typed) == "+86" + number
    assert normalise(normalise(typed)) == "+86" + number


@given(st.text(max_size=80))
def test_any_text_is_a_number_or_refused(text: str) -> None:
    try:
        number = normalise(text)
    except NotAPhoneNumber:
        return
    assert number.startswith("+")
    assert number[1:].isascii()
    assert number[1:].isdigit()
    assert len(number) <= 16


def test_a_mask_keeps_the_ends() -> None:
    assert mask("+8613800138000") == "138****8000"
    assert mask("+85291234567") == "+85****4567"
    assert mask("+2909876") == "+29****76"


@given(numbers.map(lambda number: "+86" + number))
def test_a_number_is_found_again_and_never_stands_in_the_open(number: str) -> None:
    sealed, found = VAULT.encrypt(number), VAULT.digest(number)
    assert VAULT.decrypt(sealed, found) == number
    assert number[-8:].encode() not in sealed
    assert VAULT.encrypt(number) != sealed
    assert VAULT.digest(number) == found
    assert len(found) == 32


def test_a_number_swapped_into_another_row_does_not_open() -> None:
    with pytest.raises(BoxRefused):
        VAULT.decrypt(VAULT.encrypt("+8613800138000"), VAULT.digest("+8613800138001"))


def test_the_hash_cannot_be_made_without_its_key() -> None:
    other = PhoneVault({"k1": bytes(32)}, "k1", bytes(32))
    assert other.digest("+8613800138000") != VAULT.digest("+8613800138000")
    with pytest.raises(ValueError, match="32 bytes"):
        PhoneVault({"k1": bytes(32)}, "k1", b"")


def test_numbers_under_an_earlier_key_are_read_and_marked() -> None:
    rotated = PhoneVault({"k1": bytes(32), "k2": bytes(range(32))}, "k2", bytes(range(32)))
    sealed = VAULT.encrypt("+8613800138000")
    assert rotated.decrypt(sealed, rotated.digest("+8613800138000")) == "+8613800138000"
    assert rotated.is_outdated(sealed)
