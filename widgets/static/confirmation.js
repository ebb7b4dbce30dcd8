// The second confirmation: what is ordered, what it costs, how to stop it, and a yes in person.

import { focusOn, make } from "./look.js";
import { newKey } from "./session.js";
import { priceText, problemText, textsFor, timeText } from "./texts.js";

/**
 * Ask the visitor about an order that awaits confirmation, in a modal dialog inside `root`.
 *
 * Resolves to the order as it then is: accepted or further after a yes, cancelled after a no. Escape is a no.
 */
export async function confirmOrder(root, session, order, locale) {
  const texts = textsFor(locale);
  const offer = await session.call("GET", `/v1/offers/${encodeURIComponent(order.offer)}`, { locale });
  return new Promise((resolve) => {
    const keys = { confirm: newKey(), cancel: newKey() };
    const title = make("h2", { id: "confirm-title" }, texts.confirmTitle[order.action]);
    const wrong = make("p", { class: "wrong", role: "alert", hidden: true });
    const yes = make("button", { type: "button", class: "primary", part: "button confirm-button" }, texts.confirmYes[order.action]);
    const no = make("button", { type: "button", class: "second", part: "button" }, texts.confirmNo[order.action]);
    const dialog = make(
      "dialog",
      { part: "dialog", "aria-labelledby": "confirm-title", "aria-describedby": "confirm-lead" },
      make("div", { class: "inner" },
        make("div", {}, title, make("p", { id: "confirm-lead", class: "soft" }, texts.confirmLead[order.action])),
        facts(order, offer, locale, texts), wrong, make("div", { class: "row" }, yes, no)),
    );

    let busy = false;
    const answer = async (verb, button) => {
      if (busy) return;
      busy = true;
      wrong.hidden = true;
      const label = button.textContent;
      button.textContent = texts.working;
      button.setAttribute("aria-disabled", "true");
      try {
        finish(await session.call("POST", `/v1/orders/${order.id}/${verb}`, { body: {}, key: keys[verb], locale }));
      } catch (problem) {
        // A refusal is kept as this key's answer for a day; only what got no answer is asked again under the same key.
        if (problem.status >= 400 && problem.status < 500) keys[verb] = newKey();
        if (verb === "cancel" || problem.status === 409) return finish(await latest(session, order, locale));
        wrong.textContent = problemText(problem, locale);
        wrong.hidden = false;
        button.textContent = label;
        button.removeAttribute("aria-disabled");
        busy = false;
      }
    };
    const finish = (moved) => {
      dialog.close();
      dialog.remove();
      resolve(moved);
    };
    yes.addEventListener("click", () => answer("confirm", yes));
    no.addEventListener("click", () => answer("cancel", no));
    dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      answer("cancel", no);
    });
    root.append(dialog);
    dialog.showModal();
    focusOn(title); // not on the yes: a second Enter must not order
  });
}

function facts(order, offer, locale, texts) {
  const rows = [[texts.factOffer, order.name, "strong"], [texts.factPrice, priceText(order.price_fen, order.period, locale), "strong"]];
  if (order.action === "subscribe") {
    const terms = [texts.periods[order.period] ?? order.period];
    if (offer.trial_days) terms.push(texts.trial(offer.trial_days));
    if (offer.effective === "next_cycle") terms.push(texts.nextCycle);
    rows.push([texts.factPeriod, terms.join(texts.semicolon)], [texts.factCancel, offer.how_to_cancel]);
  }
  if (order.confirm_by) rows.push([texts.factUntil, texts.until(timeText(order.confirm_by, locale, "time"))]);
  return make("dl", { class: "facts", part: "facts" },
    ...rows.flatMap(([name, value, style]) => [make("dt", {}, name), make("dd", { class: style }, value)]));
}

/** The order as the gateway knows it; as it was when that cannot be asked. */
async function latest(session, order, locale) {
  try {
    return await session.call("GET", `/v1/orders/${order.id}`, { locale });
  } catch {
    return order; // it expires by itself, and the list of orders shows it
  }
}
