"""Binding a phone number by a one-time code, and letting it go."""

from __future__ import annotations

from bots.conversation import Intent, Reply
from bots.skills.skill import Skill
from bots.turn import Turn
from gateway.capabilities.bindings import (
    BoundTo,
    CodeRefused,
    CodeSent,
    CodeTooSoon,
    ConfirmCode,
    EndBinding,
    NotASubscriber,
    PhoneNumberInvalid,
    RequestCode,
)


def begin_binding(turn: Turn, wish: Intent | None = None) -> Reply:
    """Ask for the phone number; `wish` is done once the account is bound."""
    turn.remember(step="phone", wish=wish, asked="", order="", bound=False)
    return turn.reply("ask_phone" if wish is None else "ask_phone_first")


def drop_binding(turn: Turn) -> Reply:
    """The person does not want to bind now."""
    turn.remember(step="", wish=None)
    return turn.reply("binding_dropped")


async def bind(turn: Turn) -> Reply:
    """The person wants to bind."""
    return begin_binding(turn, turn.state.wish)


async def phone(turn: Turn) -> Reply:
    """A phone number: send the code."""
    try:
        sent: CodeSent = await turn.ask("bindings.request_code", RequestCode(turn.intent.words))
    except PhoneNumberInvalid as error:
        turn.remember(step="phone")
        return turn.reply("phone_refused", why=error.words(turn.locale))
    except CodeTooSoon as error:
        return turn.reply("code_wait", why=error.words(turn.locale), seconds=error.extra["retry_after"])
    turn.remember(step="code")
    minutes = max(1, round((sent.expires_at - turn.now).total_seconds() / 60))
    return turn.reply("code_sent", to=sent.to, minutes=minutes, seconds=sent.resend_after_seconds)


async def code(turn: Turn) -> Reply:
    """The six digits: bind, and do what was wished for before."""
    if turn.state.step != "code":
        return turn.reply("stray_code")
    try:
        bound: BoundTo = await turn.ask("bindings.confirm_code", ConfirmCode(turn.intent.words))
    except (CodeRefused, NotASubscriber) as error:
        return turn.reply("code_refused", why=error.words(turn.locale))
    wish = turn.state.wish
    turn.remember(step="", wish=None, bound=True)
    done = turn.say("bound", phone=bound.phone)
    if wish is None:
        return Reply(done + turn.say("bound_next"), turn.choices("recommend"))
    turn.then = wish
    return Reply(done)


async def unbind(turn: Turn) -> Reply:
    """Ask before letting go."""
    turn.remember(asked="unbind", order="")
    return turn.reply("ask_unbind", "yes", "no")


async def unbind_now(turn: Turn) -> Reply:
    """End this account's binding, and with it all that is remembered of its subscriber."""
    await turn.ask("bindings.end", EndBinding())
    turn.remember(
        asked="", order="", step="", wish=None, bound=False, held=(), orders=(), listing="", confirmed="", shown=()
    )
    return turn.reply("unbound")


SKILLS: dict[str, Skill] = {"bind": bind, "phone": phone, "code": code, "unbind": unbind}
