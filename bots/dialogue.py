"""From an intent to its skill, and from a capability's refusal to a sentence that says what to do next."""

from __future__ import annotations

import msgspec

from bots import understanding
from bots.conversation import SILENCE, Incoming, Intent, Reply, State
from bots.skills import SKILLS
from bots.skills.binding import begin_binding
from bots.turn import Invoke, Turn
from gateway.capabilities.offers.live import LiveCatalog
from gateway.errors import Forbidden, GatewayError, KeyReused, TooManyRequests
from gateway.kit.clock import Clock

_KEEPS_QUESTION = frozenset({"yes", "agree", "no", "which_yes", "which_no"})


class Dialogue:
    """Answers a message, given what is remembered. Holds nothing itself."""

    def __init__(self, invoke: Invoke, catalog: LiveCatalog, clock: Clock) -> None:
        self._invoke = invoke
        self._catalog = catalog
        self._clock = clock

    async def answer(self, incoming: Incoming, state: State) -> tuple[Reply, State]:
        """The answer, and what is to be remembered after it.

        Raises:
            StoreUnavailable: nothing can be read or written now.
        """
        if incoming.event == "unfollow":
            return SILENCE, State(locale=state.locale)
        intent = _intent(incoming, state)
        turn = Turn(self._invoke, self._catalog.current, incoming, _aged(state, intent), intent, self._clock())
        reply = await _run(turn)
        if turn.then is not None:
            turn.intent, turn.then = turn.then, None
            rest = await _run(turn)
            reply = Reply(f"{reply.text}\n{rest.text}", rest.choices)
        return reply, turn.state


async def _run(turn: Turn) -> Reply:
    try:
        return await SKILLS[turn.intent.name](turn)
    except GatewayError as error:
        return _excuse(turn, error)


def _intent(incoming: Incoming, state: State) -> Intent:
    match incoming.event:
        case "":
            return understanding.understand(incoming.text, state)
        case "click":
            return Intent(incoming.key if incoming.key in SKILLS else "help")
        case event:
            return Intent(event, words=incoming.key)


def _aged(state: State, intent: Intent) -> State:
    """The state with its open question moved into the background when the person speaks of something else."""
    if not state.asked or intent.name in _KEEPS_QUESTION:
        return state
    asked = "order_earlier" if state.asked in ("order", "order_earlier") else ""
    return state if asked == state.asked else msgspec.structs.replace(state, asked=asked)


def _excuse(turn: Turn, error: GatewayError) -> Reply:
    if isinstance(error, Forbidden):
        reason = error.extra.get("reason")
        if reason in ("binding_required", "binding_suspended"):
            return begin_binding(turn, wish=turn.intent)
        if reason == "consent_missing":
            return turn.reply("recommending_stopped")
    if isinstance(error, TooManyRequests):
        return turn.reply("too_fast", seconds=int(error.extra.get("retry_after", 60)))
    if isinstance(error, KeyReused):
        return turn.reply("handled", "orders")
    if error.status >= 500:
        return turn.reply("fault")
    return Reply(f"{error.words(turn.locale)}。\n{turn.say('menu')}")
