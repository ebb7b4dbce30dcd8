"""The callback codec agrees with wechatpy on everything genuine and refuses everything else in one way."""

import base64
import hashlib
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given, settings
from hypothesis import strategies as st
from wechatpy.crypto import PrpCrypto, WeChatCrypto

from bots.wechat.codec import CallbackRefused, Codec
from bots.wechat.xml import MAX_BODY_BYTES
from tests.bots.wechat_samples import collected, vectors

TOKEN = "sample-token"
KEY = "TuilaSampleKeyTuilaSampleKeyTuilaSampleKey0"
OLD_KEY = "TuilaFormerKeyTuilaFormerKeyTuilaFormerKey0"
APPID = "wx0123456789abcdef"
RANDOM16 = b"0123456789abcdef"
TIMESTAMP, NONCE = "1760000000", "nonce-1"

codec = Codec(TOKEN, [KEY], APPID, random_bytes=lambda n: RANDOM16[:n])
reference = WeChatCrypto(TOKEN, KEY, APPID)


def encrypt_buffer(buffer: bytes, key: str = KEY) -> str:
    """AES-256-CBC over a buffer exactly as given, so that a test can lie in any part of it."""
    raw = base64.b64decode(key + "=")
    return base64.b64encode(Cipher(algorithms.AES(raw), modes.CBC(raw[:16])).encryptor().update(buffer)).decode()


def padded(content: bytes) -> bytes:
    count = 32 - len(content) % 32
    return content + bytes([count]) * count


def envelope(
    cipher: str, before: str = "<ToUserName><![CDATA[gh_0a1b2c3d4e5f]]></ToUserName>", after: str = ""
) -> bytes:
    return f"<xml>{before}<Encrypt><![CDATA[{cipher}]]></Encrypt>{after}</xml>".encode()


def reason_of(call: Any, *args: Any) -> str:
    with pytest.raises(CallbackRefused) as refused:
        call(*args)
    return refused.value.reason


# Agreement with vectors and with wechatpy


@pytest.mark.parametrize("vector", vectors())
def test_published_vectors_open_and_seal_to_the_same_bytes(vector: dict[str, str]) -> None:
    ours = Codec(vector["token"], [vector["encoding_aes_key"]], vector["appid"])
    plain = vector["plaintext"].encode()
    assert ours.decrypt(vector["encrypt"]) == plain
    ours.verify(vector["msg_signature"], vector["timestamp"], vector["nonce"], vector["encrypt"])
    if "random16" in vector:
        assert ours.encrypt(plain, random16=vector["random16"].encode()).decode() == vector["encrypt"]


@pytest.mark.parametrize("path", collected("encrypted-*.xml"))
@pytest.mark.parametrize("vector", vectors())
def test_collected_envelopes_open_as_the_vector_they_carry(path: Any, vector: dict[str, str]) -> None:
    ours = Codec(vector["token"], [vector["encoding_aes_key"]], vector["appid"])
    if ours.encrypted_part(path.read_bytes()) != vector["encrypt"]:
        return
    opened = ours.open(path.read_bytes(), vector["msg_signature"], vector["timestamp"], vector["nonce"])
    assert opened == vector["plaintext"].encode()


@settings(deadline=None)
@given(text=st.text())
def test_what_we_encrypt_wechatpy_decrypts(text: str) -> None:
    cipher = codec.encrypt(text.encode(), random16=RANDOM16)
    assert PrpCrypto(reference.key).decrypt(cipher, APPID) == text


@settings(deadline=None)
@given(text=st.text())
def test_what_wechatpy_encrypts_we_decrypt(text: str) -> None:
    assert codec.decrypt(PrpCrypto(reference.key).encrypt(text, APPID)) == text.encode()


@settings(deadline=None)
@given(text=st.text(min_size=1), nonce=st.text("abcXYZ0189-_]>", min_size=1, max_size=20))
def test_a_sealed_reply_opens_with_wechatpy_and_with_us(text: str, nonce: str) -> None:
    sealed = codec.seal(text.encode(), 1760000000, nonce)
    signature = codec.signature(TIMESTAMP, nonce, codec.encrypted_part(sealed))
    assert reference.decrypt_message(sealed, signature, TIMESTAMP, nonce) == text
    assert codec.open(sealed, signature, TIMESTAMP, nonce) == text.encode()
    assert signature.encode() in sealed


@settings(deadline=None)
@given(text=st.text(min_size=1))
def test_a_message_sealed_by_wechatpy_opens(text: str) -> None:
    sealed = reference.encrypt_message(text, NONCE, TIMESTAMP).encode()
    cipher = codec.encrypted_part(sealed)
    assert codec.open(sealed, codec.signature(TIMESTAMP, NONCE, cipher), TIMESTAMP, NONCE) == text.encode()


@settings(deadline=None)
@given(message=st.binary(max_size=400), random16=st.binary(min_size=16, max_size=16))
def test_any_bytes_of_any_length_survive_encryption(message: bytes, random16: bytes) -> None:
    assert codec.decrypt(codec.encrypt(message, random16=random16)) == message


def test_the_random_bytes_come_from_the_source_that_was_given() -> None:
    assert codec.encrypt(b"hello", random16=RANDOM16) in codec.seal(b"hello", 1760000000, NONCE)


def test_random_bytes_of_the_wrong_length_are_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="16"):
        codec.encrypt(b"hello", random16=b"short")


# Keys


def test_the_previous_key_still_opens_and_the_current_one_seals() -> None:
    rotated = Codec(TOKEN, [KEY, OLD_KEY], APPID)
    former = Codec(TOKEN, [OLD_KEY], APPID)
    assert rotated.decrypt(former.encrypt(b"before", random16=RANDOM16)) == b"before"
    assert codec.decrypt(rotated.encrypt(b"after", random16=RANDOM16)) == b"after"


def test_a_withdrawn_key_opens_nothing() -> None:
    cipher = Codec(TOKEN, [OLD_KEY], APPID).encrypt(b"before", random16=RANDOM16)
    assert reason_of(codec.decrypt, cipher) == "bad_padding"


def test_with_two_keys_the_refusal_is_that_of_the_key_that_got_furthest() -> None:
    cipher = Codec(TOKEN, [OLD_KEY], "wxfedcba9876543210").encrypt(b"hello", random16=RANDOM16)
    assert reason_of(Codec(TOKEN, [KEY, OLD_KEY], APPID).decrypt, cipher) == "wrong_appid"


@pytest.mark.parametrize(
    "keys, problem",
    [
        ([], "at least one"),
        (["short"], "43 characters"),
        ([KEY + "="], "43 characters"),
        (["*" * 43], "base64"),
        ([KEY, "é" * 43], "ASCII"),
    ],
)
def test_unusable_keys_are_found_at_start(keys: list[str], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        Codec(TOKEN, keys, APPID)


# Signatures


def test_the_signature_is_sha1_over_the_sorted_parts() -> None:
    expected = hashlib.sha1("".join(sorted([TOKEN, TIMESTAMP, NONCE])).encode()).hexdigest()
    assert codec.signature(TIMESTAMP, NONCE) == expected
    codec.verify(expected, TIMESTAMP, NONCE)


@pytest.mark.parametrize("signature", ["", "0" * 40, "签名", "\ud800", "a" * 100_000])
def test_a_wrong_signature_is_refused(signature: str) -> None:
    assert reason_of(codec.verify, signature, TIMESTAMP, NONCE) == "bad_signature"
    assert reason_of(codec.open, envelope("AAAA"), signature, TIMESTAMP, NONCE) == "bad_signature"


def test_a_signature_in_capitals_is_refused() -> None:
    assert reason_of(codec.verify, codec.signature(TIMESTAMP, NONCE).upper(), TIMESTAMP, NONCE) == "bad_signature"


@settings(deadline=None)
@given(parts=st.lists(st.text(st.characters()), min_size=3, max_size=4))
def test_no_query_makes_verification_fail_in_another_way(parts: list[str]) -> None:
    assert reason_of(codec.verify, *parts) == "bad_signature"


def test_the_signature_is_checked_before_anything_is_decrypted() -> None:
    assert reason_of(codec.open, envelope("not base64 at all"), "0" * 40, TIMESTAMP, NONCE) == "bad_signature"


# The envelope


@pytest.mark.parametrize(
    "body",
    [
        envelope("AbC+/=="),
        b"\n<xml>\n  <ToUserName><![CDATA[gh_1]]></ToUserName>\n  <Encrypt><![CDATA[AbC+/==]]></Encrypt>\n</xml>\n",
        b"<xml><Encrypt>AbC+/==</Encrypt></xml>",
        b"<xml><Encrypt> AbC+/==\n</Encrypt><ToUserName/></xml>",
        b'<?xml version="1.0"?><xml><Encrypt><![CDATA[AbC]]><![CDATA[+/==]]></Encrypt></xml>',
        envelope("AbC+/==", before="<Content><![CDATA[<Encrypt>AAAA</Encrypt>]]></Content><MsgId>1</MsgId>"),
        envelope("AbC+/==", after="<Content>&lt;Encrypt&gt;<![CDATA[<Encrypt><![CDATA[AAAA]]></Content>"),
        envelope("AbC+/==", before="<Inner><Encrypt><![CDATA[AAAA]]></Encrypt></Inner>"),
        envelope("AbC+/==", before="<!-- <Encrypt><![CDATA[AAAA]]></Encrypt> -->"),
    ],
)
def test_the_cipher_is_found_in_usual_and_unusual_envelopes(body: bytes) -> None:
    assert codec.encrypted_part(body) == "AbC+/=="


@pytest.mark.parametrize(
    "body, reason",
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"<xml></xml>", "malformed"),
        (b"<xml><ToUserName>gh_1</ToUserName></xml>", "missing_field"),
        (b"<xml><Encrypt/></xml>", "missing_field"),
        (b"<xml><Encrypt><a>AAAA</a></Encrypt></xml>", "missing_field"),
        (b"<xml><Encrypt>AAAA</Encrypt><Encrypt>BBBB</Encrypt></xml>", "missing_field"),
        (envelope("AAAA") + envelope("BBBB"), "malformed"),
        (b"<!DOCTYPE xml><xml><Encrypt>AAAA</Encrypt></xml>", "doctype"),
        (b"<xml><Encrypt>" + b"A" * 10_000_000 + b"</Encrypt></xml>", "too_large"),
    ],
)
def test_a_body_without_one_cipher_is_refused(body: bytes, reason: str) -> None:
    assert reason_of(codec.encrypted_part, body) == reason


# The cipher


@pytest.mark.parametrize(
    "cipher, reason",
    [
        ("", "bad_cipher_length"),
        ("AAAA", "bad_cipher_length"),
        ("A", "bad_base64"),
        ("=AAA", "bad_base64"),
        ("AA AA", "bad_base64"),
        ("密文", "bad_base64"),
        (b"\xff\xfe", "bad_base64"),
        ("A" * (MAX_BODY_BYTES + 1), "too_large"),
        ("A" * 10_000_000, "too_large"),
    ],
)
def test_text_that_is_no_cipher_is_refused(cipher: str | bytes, reason: str) -> None:
    assert reason_of(codec.decrypt, cipher) == reason


HEADER = RANDOM16 + (5).to_bytes(4, "big")


@pytest.mark.parametrize(
    "buffer, reason",
    [
        (padded(HEADER + b"hello" + b"wxfedcba9876543210"), "wrong_appid"),
        (padded(HEADER + b"hello"), "wrong_appid"),
        (padded(HEADER + b"hello" + APPID.encode() + b"x"), "wrong_appid"),
        (padded(RANDOM16 + (4).to_bytes(4, "big") + b"hello" + APPID.encode()), "wrong_appid"),
        (padded(RANDOM16 + (100).to_bytes(4, "big") + b"hello" + APPID.encode()), "bad_length_field"),
        (padded(RANDOM16 + b"\xff\xff\xff\xff" + b"hello" + APPID.encode()), "bad_length_field"),
        (padded(b"too short"), "bad_length_field"),
        (b"\x20" * 32, "bad_length_field"),
        (b"\x00" * 64, "bad_padding"),
        (b"\x21" * 64, "bad_padding"),
        (b"x" * 62 + b"\x01\x02", "bad_padding"),
    ],
)
def test_a_buffer_that_lies_is_refused(buffer: bytes, reason: str) -> None:
    assert reason_of(codec.decrypt, encrypt_buffer(buffer)) == reason


@pytest.mark.parametrize("kept", range(0, 96, 16))
def test_a_cipher_cut_short_is_refused(kept: int) -> None:
    whole = base64.b64decode(codec.encrypt(b"a message of several blocks" * 2, random16=RANDOM16))
    assert kept < len(whole)
    assert reason_of(codec.decrypt, base64.b64encode(whole[:kept])) in ("bad_cipher_length", "bad_padding")


@settings(deadline=None, max_examples=300)
@given(junk=st.binary(max_size=256))
def test_random_bytes_are_refused_at_every_door(junk: bytes) -> None:
    reason_of(codec.decrypt, junk)
    reason_of(codec.decrypt, base64.b64encode(junk))
    reason_of(codec.decrypt, encrypt_buffer(junk[: len(junk) // 32 * 32]))
    reason_of(codec.decrypt, encrypt_buffer(padded(junk)))
    reason_of(codec.open, junk, "0" * 40, TIMESTAMP, NONCE)
    reason_of(codec.encrypted_part, junk)


@settings(deadline=None)
@given(data=st.data())
def test_a_changed_byte_never_yields_another_failure(data: st.DataObject) -> None:
    body = bytearray(envelope(codec.encrypt("验证 hello".encode(), random16=RANDOM16).decode()))
    body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    try:
        codec.decrypt(codec.encrypted_part(bytes(body)))
    except CallbackRefused:
        pass
