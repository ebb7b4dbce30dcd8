"""What a person allows: marketing messages, recommendations, applications that act for them."""

from __future__ import annotations

from bots.conversation import Reply
from bots.skills.skill import Skill
from bots.turn import Turn
from gateway.capabilities.consents import SetConsent
from gateway.capabilities.grants import GrantList, ListGrants


def _consent(purpose: str, granted: bool, key: str) -> Skill:
    async def set_consent(turn: Turn) -> Reply:
        await turn.ask("consents.set_one", SetConsent(purpose.format(channel=turn.incoming.channel), granted))
        turn.remember(bound=True)
        return turn.reply(key)

    return set_consent


async def grants(turn: Turn) -> Reply:
    """Whom the person lets act for them, and where that is ended."""
    given: GrantList = await turn.ask("grants.list_given", ListGrants())
    turn.remember(bound=True)
    if not given.items:
        return turn.reply("grants_none")
    lines = "\n".join(turn.say("grant_line", name=one.name, since=f"{one.since:%Y-%m-%d}") for one in given.items)
    return turn.reply("grants", list=lines, page=given.page)


SKILLS: dict[str, Skill] = {
    "grants": grants,
    "stop_marketing": _consent("marketing:{channel}", False, "marketing_stopped"),
    "resume_marketing": _consent("marketing:{channel}", True, "marketing_resumed"),
    "stop_recommending": _consent("recommend", False, "recommending_ended"),
    "resume_recommending": _consent("recommend", True, "recommending_resumed"),
}
