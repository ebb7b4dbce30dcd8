"""What a subscriber can grant to a partner, in words, and the consent that goes with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from auth.policy import covers

OPENID = "openid"
MASKED_PHONE = "phone:masked"


class Grantable(msgspec.Struct, frozen=True):
    """One scope as the consent page shows it."""

    words: Mapping[str, str]
    """What the partner may then do, in `zh` and `en`."""
    purpose: str | None = None
    """The consent that is given with it, for this partner alone."""


GRANTABLE: Mapping[str, Grantable] = {
    OPENID: Grantable(
        {
            "zh": "用一个专为它生成的编号认出您，其他合作方看不到这个编号",
            "en": "Know you again, by an id made for it alone that no other partner sees",
        }
    ),
    MASKED_PHONE: Grantable(
        {
            "zh": "看到您手机号的前三位和后四位",
            "en": "See the first three and last four digits of your number",
        },
        "profile",
    ),
    "recommendations:read": Grantable(
        {"zh": "看到为您推荐的业务和推荐理由", "en": "See what is recommended to you, and why"}, "recommend"
    ),
    "recommendations:write": Grantable(
        {"zh": "告诉我们您点了什么、对什么不感兴趣", "en": "Tell us what you clicked and what does not interest you"}
    ),
    "orders:read": Grantable({"zh": "查看它为您下的订单", "en": "See the orders it placed for you"}),
    "orders:write": Grantable(
        {
            "zh": "为您下单和取消订单；每一单都要您本人另行确认才会办理",
            "en": "Place and cancel orders for you; each one still waits for your own yes",
        },
        "order",
    ),
    "subscriptions:read": Grantable({"zh": "查看您已开通的业务", "en": "See the services you hold"}),
}
"""Scopes in the order in which they are shown. What is not here, no subscriber can grant."""


def not_grantable(asked: Iterable[str], registered: frozenset[str]) -> list[str]:
    """The scopes that this partner cannot be granted: unknown, or beyond what the operator registered it for."""
    return sorted(
        scope for scope in asked if scope not in GRANTABLE or not (scope == OPENID or covers(registered, scope))
    )


def purpose_of(scope: str, partner_id: str) -> str | None:
    """The consent that goes with a scope, None: none."""
    purpose = GRANTABLE[scope].purpose
    return None if purpose is None else f"{purpose}:{partner_id}"


def purposes_of(partner_id: str) -> list[str]:
    """Every consent that can be given to the partner at a sign-in."""
    return [purpose for scope in GRANTABLE if (purpose := purpose_of(scope, partner_id)) is not None]
