"""What the conversation can do: one function for each intent."""

from bots.skills import binding, general, offers, ordering, preferences
from bots.skills.skill import Skill

SKILLS: dict[str, Skill] = {
    **general.SKILLS,
    **offers.SKILLS,
    **ordering.SKILLS,
    **binding.SKILLS,
    **preferences.SKILLS,
}
"""Intent → skill."""
