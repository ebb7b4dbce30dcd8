// A partner's webhooks on its page: endpoints, secrets, deliveries, replay.

import { make } from "./look.js";
import { ask, asking, at, button, empty, filled, loading, paged, shown, tell, texts, trying, when, wordsIn } from "./partner-view.js";

/** Show the endpoints; there are at most twenty. */
export function showWebhooks() {
  return loading(at("webhooks-list"), async () => {
    const { items } = await ask("GET", asking("/v1/webhooks", { limit: 100 }));
    return items.length ? items.map(endpointView) : empty(texts.noWebhooks);
  });
}

function endpointView(one) {
  const told = make("p", { class: "told", role: "status" });
  const deliveries = make("div");
  const path = `/v1/webhooks/${one.id}`;
  const state = one.enabled ? (one.failing_since ? texts.failing(when(one.failing_since)) : texts.enabled) : texts.disabled(one.disabled_because);
  const act = (words, work) => button(words, `${words} · ${one.url}`, () => trying(told, work));
  return make("details", { class: "operation", "data-id": one.id },
    make("summary", {}, make("code", { class: "path" }, one.url), make("span", { class: "title" }, state)),
    make("div", { class: "inside" },
      make("p", { class: "soft" }, `${texts.type}: ${one.types.join(" ") || texts.allTypes}`),
      make("div", { class: "row" },
        act(texts.test, async () => {
          await ask("POST", `${path}/test`, {});
          return texts.tested;
        }),
        act(texts.deliveries, async () => showDeliveries(one, deliveries, told)),
        act(texts.rotate, async () => shown(texts.secretOf, { [texts.secret]: (await ask("POST", `${path}/secrets`, {})).secret })),
        act(one.enabled ? texts.disable : texts.enable, () => change(() => ask("PATCH", path, { enabled: !one.enabled }), texts.changed)),
        act(texts.remove, () => (confirm(texts.removeSure) ? change(() => ask("DELETE", path), texts.removed) : "")),
      ),
      replayForm(one, told), told, deliveries));
}

async function change(work, words) {
  await work();
  await showWebhooks();
  tell(at("webhooks-told"), words);
}

function replayForm(one, told) {
  const input = (name, words, required) => {
    const id = `${name}-${one.id}`;
    return make("div", {}, make("label", { for: id }, words), make("input", { id, type: "datetime-local", required }));
  };
  const form = make("form", { novalidate: true, "aria-label": `${texts.replayRange} · ${one.url}` },
    make("h3", {}, texts.replayRange),
    make("div", { class: "fields" }, input("since", texts.since, true), input("until", texts.until, false)),
    make("div", { class: "row" }, make("button", { type: "submit" }, texts.replay)));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const said = filled(form, told);
    if (!said) return;
    const moment = (text) => (text ? new Date(text).toISOString() : null);
    const range = { since: moment(said[`since-${one.id}`]), until: moment(said[`until-${one.id}`]) };
    trying(told, async () => {
      const { events, next } = await ask("POST", `/v1/webhooks/${one.id}/replay`, range);
      return next ? texts.replayMore(events) : texts.replayed(events);
    });
  });
  return form;
}

function showDeliveries(one, place, told) {
  const replay = (event) => button(texts.replay, texts.replayOf(event), () => trying(told, async () => {
    const { events } = await ask("POST", `/v1/webhooks/${one.id}/replay`, { event });
    return texts.replayed(events);
  }));
  return paged(place, {
    caption: texts.deliveries,
    heads: [texts.time, texts.type, texts.state, texts.attempts, texts.status, texts.actions],
    none: texts.noDeliveries,
    page: (cursor) => ask("GET", asking(`/v1/webhooks/${one.id}/deliveries`, { cursor })),
    row: (sent) => [when(sent.at), sent.type, sent.state, String(sent.attempts), sent.error ?? String(sent.status_code ?? "–"), replay(sent.event)],
  });
}

at("webhook-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const told = at("webhook-told");
  const said = filled(event.target, told);
  if (!said) return;
  trying(told, async () => {
    const { secret } = await ask("POST", "/v1/webhooks", { url: said["webhook-url"], types: wordsIn(said["webhook-types"]) });
    await showWebhooks();
    return shown(texts.newSecret, { [texts.secret]: secret });
  });
});
