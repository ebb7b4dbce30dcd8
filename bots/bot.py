"""Answers messages, and remembers before it speaks."""

from __future__ import annotations

import msgspec

from bots.claims import Claims
from bots.conversation import Answered, Incoming, Reply, State
from bots.dialogue import Dialogue
from bots.tables import fetch_states, put_state
from bots.turns import Turns
from gateway.kit.clock import Clock
from gateway.store import Loader, Store, Unit

_NEW = State()
_QUESTIONS = ("asked", "order", "step", "wish", "confirmed", "locale")


class Bot:
    """One conversation for each account, kept in the store.

    What a person has been told is durable before they hear it. A message that comes again after that, even after a
    crash, gets the same answer; one that comes again before it finds its effects by their idempotency keys.
    """

    def __init__(self, dialogue: Dialogue, store: Store, claims: Claims, clock: Clock) -> None:
        self._dialogue = dialogue
        self._store = store
        self._clock = clock
        self._states: Loader[str, State] = Loader(store, fetch_states)
        self._turns = Turns(claims)

    async def answer(self, incoming: Incoming) -> Reply:
        """The answer to one message; empty if there is nothing to say.

        Raises:
            StoreUnavailable: nothing can be remembered now, so nothing may be said.
        """
        account = incoming.account
        await self._turns.take(account)
        try:
            state = await self._states.get(account) or _NEW
            last = state.last
            if last is not None and last.message_id == incoming.message_id:
                return last.reply
            reply, after = await self._dialogue.answer(incoming, state)
            if _moved(state, after):
                after = msgspec.structs.replace(after, last=Answered(incoming.message_id, reply))
            if after != state:
                unit = Unit(durable=False)  # a power cut may take the last words with it; a crash of ours may not
                put_state(unit, account, after, self._clock())
                await self._store.commit(unit)
            return reply
        finally:
            await self._turns.give(account)


def _moved(before: State, after: State) -> bool:
    """Whether a question was opened or closed. Else the answer can be worked out again, and need not be kept."""
    return any(getattr(before, name) != getattr(after, name) for name in _QUESTIONS)
