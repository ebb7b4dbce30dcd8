"""Messages as calls and outcomes as bytes, against the examples of the specification and against anything at all."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import (
    Forbidden,
    Internal,
    MalformedRequest,
    NotFound,
    PreconditionFailed,
    TooManyRequests,
    Unavailable,
)
from gateway.surfaces.websocket import jsonrpc
from gateway.surfaces.websocket.jsonrpc import Request, RpcError

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


def calls(text: str) -> list[Request | bytes]:
    return jsonrpc.read(text, "en").calls


def refusal(text: str) -> tuple[int, Any]:
    (answer,) = calls(text)
    assert isinstance(answer, bytes)
    said = json.loads(answer)
    assert said["error"]["data"]["detail"]
    return said["error"]["code"], said["id"]


@pytest.mark.parametrize(
    "text, code, id",
    [
        ('{"jsonrpc": "2.0", "method": "foobar, "params": "bar", "baz]', -32700, None),
        (
            '[{"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"},{"jsonrpc": "2.0", "method"]',
            -32700,
            None,
        ),
        ("", -32700, None),
        ("[" * 100_000, -32700, None),
        ('{"jsonrpc": "2.0", "method": 1, "params": "bar"}', -32600, None),
        ("[]", -32600, None),
        ("[1]", -32600, None),
        ("7", -32600, None),
        ("null", -32600, None),
        ("{}", -32600, None),
        ('{"jsonrpc": "2.0", "id": 4}', -32600, 4),
        ('{"jsonrpc": "1.0", "method": "a", "id": 4}', -32600, 4),
        ('{"method": "a", "id": "x"}', -32600, "x"),
        ('{"jsonrpc": "2.0", "method": "a", "id": true}', -32600, None),
        ('{"jsonrpc": "2.0", "method": "a", "id": {}}', -32600, None),
        ('{"jsonrpc": "2.0", "method": "a", "id": 1, "params": "b"}', -32600, 1),
        ('{"jsonrpc": "2.0", "method": "a", "id": 1, "params": null}', -32600, 1),
        ('{"jsonrpc": "2.0", "method": "a", "id": 1, "params": [1]}', -32602, 1),
        ('{"jsonrpc": "2.0", "method": "a", "id": 1, "params": {"_meta": {"usr": "u1"}}}', -32602, 1),
        ('{"jsonrpc": "2.0", "method": "a", "id": 1, "params": {"_meta": {"idempotency_key": "a b"}}}', -32602, 1),
    ],
)
def test_what_is_no_call_gets_the_codes_of_the_specification(text: str, code: int, id: object) -> None:
    found = calls(text)
    assert refusal(text) == (code, id)
    assert len(found) == 1


def test_a_batch_is_bounded() -> None:
    one = {"jsonrpc": "2.0", "method": "a", "id": 1}
    assert len(calls(json.dumps([one] * jsonrpc.MOST_CALLS))) == jsonrpc.MOST_CALLS
    assert refusal(json.dumps([one] * (jsonrpc.MOST_CALLS + 1))) == (-32600, None)


@pytest.mark.parametrize("id", ['"a"', "1", "-7", "1.50", "1e2", "null", '"\\u4e2d"', "123456789012345678901234567890"])
def test_an_id_comes_back_as_it_was_written(id: str) -> None:
    (call,) = calls(f' {{"id" : {id} , "jsonrpc":"2.0","method":"a"}} ')
    assert isinstance(call, Request)
    assert call.id == id.encode()
    assert jsonrpc.result(call.id, {"x": 1}) == f'{{"jsonrpc":"2.0","id":{id},"result":{{"x":1}}}}'.encode()


def test_a_notification_has_no_answer_not_even_to_a_refusal() -> None:
    (call,) = calls('{"jsonrpc":"2.0","method":"a"}')
    assert isinstance(call, Request)
    assert call.id is None
    assert calls('{"jsonrpc":"2.0","method":"a","params":[1]}') == [b""]


def test_fields_and_what_surrounds_them_are_told_apart() -> None:
    (call,) = calls(
        '{"jsonrpc":"2.0","method":"orders.place","id":1,"params":{"offer":"中","n":1.50,'
        '"_meta":{"user":"u1","idempotency_key":"k","locale":"en","if_version":3}}}'
    )
    assert isinstance(call, Request)
    assert call.payload == '{"offer":"中","n":1.50}'.encode()
    assert call.meta == jsonrpc.CallMeta("u1", "k", "en", 3)


@pytest.mark.parametrize(
    "error, code",
    [
        (MalformedRequest(), -32602), (Forbidden(), -32003), (NotFound(), -32004), (PreconditionFailed(), -32012),
        (TooManyRequests(), -32029), (Internal(), -32603), (Unavailable(), -32053),
    ],
)  # fmt: skip
def test_refusals_keep_their_status_in_the_servers_range(error: Any, code: int) -> None:
    said = json.loads(jsonrpc.failure(b"1", error, "en"))
    assert said["error"]["code"] == code
    assert (said["error"]["data"]["code"], said["error"]["data"]["status"]) == (error.code, error.status)


@given(ANY_JSON | st.fixed_dictionaries({"jsonrpc": st.just("2.0")}, optional={"method": ANY_JSON, "id": ANY_JSON, "params": ANY_JSON}))  # fmt: skip
def test_any_json_is_calls_or_answers(value: Any) -> None:
    message = jsonrpc.read(json.dumps(value), "zh-CN")
    assert message.calls
    assert message.batch == (isinstance(value, list) and 1 <= len(value) <= jsonrpc.MOST_CALLS)
    for call in message.calls:
        if isinstance(call, Request):
            assert isinstance(json.loads(call.payload), dict)
        elif call:
            assert json.loads(call)["error"]["code"] in (-32600, -32602)


@given(st.text())
def test_any_text_is_taken(text: str) -> None:
    try:
        json.loads(text)
    except ValueError:
        assert refusal(text) == (-32700, None)
    else:
        assert calls(text)


def test_a_member_that_nothing_reads_is_refused() -> None:
    (call,) = calls('{"jsonrpc":"2.0","method":"a","id":1,"params":{"ofer":"x"}}')
    assert isinstance(call, Request)
    with pytest.raises(RpcError) as refused:
        jsonrpc.refuse_unknown_fields(call, frozenset({"offer"}))
    assert "ofer" in str(refused.value.error)
