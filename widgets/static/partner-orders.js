// A partner's orders on its page: those placed one by one, those handed in as files, and what reconciliation found.

import { make, focusOn } from "./look.js";
import { download } from "./partner-calls.js";
import { ask, asking, at, button, locale, paged, texts, trying, when } from "./partner-view.js";
import { priceText } from "./texts.js";

/** Show the orders that meet the conditions typed in. */
export function showOrders() {
  const conditions = { partner_ref: at("orders-ref").value.trim(), user: at("orders-user").value.trim() };
  return paged(at("orders-list"), {
    caption: texts.order,
    heads: [texts.time, texts.offer, texts.action, texts.price, texts.state, texts.user, texts.ref],
    none: texts.noOrders,
    page: (cursor) => ask("GET", asking("/v1/orders/search", { ...conditions, cursor })),
    row: (one) => [when(one.created_at), `${one.name} (${one.offer})`, one.action, priceText(one.price_fen, one.period, locale), one.state, one.user, one.partner_ref],
  });
}

/** Show the order files. */
export function showFiles() {
  return paged(at("files-list"), {
    caption: at("files-title").textContent,
    heads: [texts.time, texts.state, texts.progress, texts.placed, texts.rejected, texts.actions],
    none: texts.noFiles,
    page: (cursor) => ask("GET", asking("/v1/order-files", { cursor })),
    row: (one) => [when(one.created_at), one.problem ? `${one.state}: ${one.problem}` : one.state, `${one.progress_pct}%`, String(one.placed), String(one.refused), one.result_bytes > 0 ? button(texts.results, texts.resultsOf(one.id), () => fetchResults(one)) : "–"],
  });
}

function fetchResults(file) {
  return trying(at("files-told"), async () => {
    const url = URL.createObjectURL(await download(file.results, locale));
    make("a", { href: url, download: `${file.id}.results.csv` }).click();
    setTimeout(() => URL.revokeObjectURL(url), 60_000); // the browser reads it after the click
    return texts.downloaded;
  });
}

/** Show the comparisons, each with a way to the partner's differences. */
export function showReconciliations() {
  at("differences-list").replaceChildren();
  return paged(at("reconciliation-list"), {
    caption: at("reconciliation-title").textContent,
    heads: [texts.day, texts.state, texts.compared, texts.actions],
    none: texts.noReconciliations,
    page: (cursor) => ask("GET", asking("/v1/reconciliations", { cursor })),
    row: (one) => [one.day, one.problem ? `${one.state}: ${one.problem}` : one.state, String(one.compared), button(texts.show, texts.showOf(one.day), () => showDifferences(one))],
  });
}

async function showDifferences(one) {
  const place = at("differences-list");
  await paged(place, {
    caption: texts.differencesOf(one.day),
    heads: [texts.order, texts.kind, texts.ours, texts.theirs, texts.repair, texts.state],
    none: texts.noDifferences(one.day),
    page: async (cursor) => {
      const { differences, next } = await ask("GET", asking(`/v1/reconciliations/${one.id}`, { cursor }));
      return { items: differences, next };
    },
    row: (found) => [found.number, found.kind, found.ours, found.theirs, found.repair, found.state],
  });
  focusOn(place.firstElementChild);
}

at("orders-form").addEventListener("submit", (event) => {
  event.preventDefault();
  showOrders();
});
