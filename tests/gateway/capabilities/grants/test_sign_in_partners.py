"""Registering partners that sign subscribers in, and what a token that a subscriber gave may do."""

from __future__ import annotations

from typing import Any

import pytest

from auth.pairwise_subject import is_subject_id, subject_id
from auth.policy import Need, decide
from auth.principal import Principal, Subject, partner_account
from gateway.capabilities.partners.capability import PartnerIsPublic, RedirectUriInvalid
from tests.fixtures.world import NOON, OPERATOR, World

USER = subject_id(b"k" * 32, "shop", 1)
ACCOUNT = partner_account("shop", USER)
GIVEN = Principal("partner", "shop", frozenset({"orders:read"}), ACCOUNT, "shop", binding_id="b1", grant_id="g1")
OWN = Principal("partner", "shop", frozenset({"*"}), None, "shop")
READ = Need("orders.list", "orders:read", "required")


def reason(principal: Principal, need: Need, account: str, binding: str = "b1") -> str:
    return decide(principal, need, Subject(1, account, binding), {}, NOON, account=account).reason


def test_a_given_token_opens_its_account_within_its_scopes_while_the_binding_lasts():
    assert reason(GIVEN, READ, ACCOUNT) == "allowed"
    assert reason(GIVEN, READ, ACCOUNT, "b2") == "binding_ended"
    assert reason(GIVEN, Need("orders.place", "orders:write", "required", "write"), ACCOUNT) == "scope_missing"
    assert reason(GIVEN, Need("sessions.open", "public", "optional", "write"), ACCOUNT) == "scope_missing"
    for other in ("partner:shop:u1", "partner:other:" + USER, "web:1"):
        assert reason(GIVEN, READ, other) == "foreign_account"


def test_the_partners_own_token_opens_the_users_it_brought_and_no_others():
    assert reason(OWN, READ, "partner:shop:u1") == "allowed"
    assert reason(OWN, READ, ACCOUNT) == "foreign_account"


def test_subject_ids_differ_by_partner_subscriber_and_installation():
    made = {
        subject_id(key * 32, partner, number) for key in (b"a", b"b") for partner in ("p", "q") for number in (1, 2)
    }
    assert len(made) == 8 and all(map(is_subject_id, made))


async def test_a_bad_redirect_uri_is_named_and_registers_nothing(world: World) -> None:
    asked: dict[str, Any] = {"id": "shop", "name": "Shop", "scopes": ["orders:read"]}
    with pytest.raises(RedirectUriInvalid, match="http://shop"):
        await world.call(OPERATOR, "partners.create", **asked, redirect_uris=["http://shop.example/"])
    with pytest.raises(RedirectUriInvalid):
        await world.call(OPERATOR, "partners.create", **asked | {"id": "s" * 41}, redirect_uris=["https://a.example/"])
    assert (await world.call(OPERATOR, "partners.create", **asked)).client_secret


async def test_a_public_client_has_no_secret_and_gets_none(world: World) -> None:
    made = await world.call(
        OPERATOR, "partners.create", id="app", name="App", scopes=[], redirect_uris=["com.example.app:/back"], public=True
    )  # fmt: skip
    assert made.client_secret is None
    with pytest.raises(PartnerIsPublic):
        await world.call(OPERATOR, "partners.rotate_secret", id="app")
