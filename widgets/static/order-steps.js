// The steps of an order that both elements take: placing it, asking for the yes, following it to its end.

import { confirmOrder } from "./confirmation.js";
import { pause } from "./session.js";

/** States that an order does not leave. */
export const ENDED = new Set(["completed", "failed", "cancelled", "expired"]);

/** States in which the subscriber may still give an order up. */
export const CANCELLABLE = new Set(["acknowledged", "awaiting_confirmation", "awaiting_recipient", "accepted", "booked"]);

const FIRST_PAUSE_MS = 400;
const LONGEST_PAUSE_MS = 5000;
const GIVE_UP_AFTER_MS = 90_000;

/** Place an order; where one for the same offer is under way already, that one. */
export async function placeOrder(session, { offer, action, impression, key, locale, signal }) {
  const body = { offer, action, attribution: impression ? { impression } : {} };
  try {
    return await session.call("POST", "/v1/orders", { body, key, locale, signal });
  } catch (problem) {
    if (problem.code !== "order-already-open" || !problem.body.order_id) throw problem;
    return session.call("GET", `/v1/orders/${problem.body.order_id}`, { locale, signal });
  }
}

/** Ask for the confirmation if the order awaits one; the order as it then is. */
export async function settleConfirmation(root, session, order, locale) {
  return order.state === "awaiting_confirmation" ? confirmOrder(root, session, order, locale) : order;
}

/**
 * Follow an order until it has ended, asking less and less often, for a minute and a half at most.
 *
 * `changed(order)` hears every new state. Returns the last known order.
 */
export async function followOrder(session, order, { locale, signal, changed }) {
  let known = order;
  let wait = FIRST_PAUSE_MS;
  const until = Date.now() + GIVE_UP_AFTER_MS;
  while (!ENDED.has(known.state) && Date.now() < until) {
    await pause(wait * (0.8 + 0.4 * Math.random()), signal);
    wait = Math.min(wait * 1.6, LONGEST_PAUSE_MS);
    const now = await session.call("GET", `/v1/orders/${known.id}`, { locale, signal });
    if (now.state !== known.state) changed(now);
    known = now;
  }
  return known;
}

/** "good", "warn" or "" for a state. */
export function toneOf(state) {
  if (state === "completed") return "good";
  return state === "failed" || state === "awaiting_confirmation" ? "warn" : "";
}
