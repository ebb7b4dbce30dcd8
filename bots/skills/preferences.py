"""What a person allows: marketing messages, recommendations."""

from __future__ import annotations

from bots.conversation import Reply
from bots.skills.skill import Skill
from bots.turn import Turn
from gateway.capabilities.consents import SetConsent


def _consent(purpose: str, granted: bool, key: str) -> Skill:
    async def set_consent(turn: Turn) -> Reply:
        await turn.ask("consents.set_one", SetConsent(purpose.format(channel=turn.incoming.channel), granted))
        turn.remember(bound=True)
        return turn.reply(key)

    return set_consent


SKILLS: dict[str, Skill] = {
    "stop_marketing": _consent("marketing:{channel}", False, "marketing_stopped"),
    "resume_marketing": _consent("marketing:{channel}", True, "marketing_resumed"),
    "stop_recommending": _consent("recommend", False, "recommending_ended"),
    "resume_recommending": _consent("recommend", True, "recommending_resumed"),
}
