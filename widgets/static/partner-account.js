// A partner's account on its page: who it is, its quota and secrets, from where it is used, its calls and statement.

import { barChart } from "./bar-chart.js";
import { make } from "./look.js";
import { quotaNow } from "./partner-calls.js";
import { ask, asking, at, empty, loading, locale, shown, table, texts, trying, when, wordsIn } from "./partner-view.js";
import { priceText } from "./texts.js";

const PLACES = { origins: "origins", "redirect-uris": "redirect_uris", addresses: "addresses" };

/** Show the account; the answer. */
export async function showAccount() {
  const account = await ask("GET", "/v1/partner");
  draw(account);
  return account;
}

function draw(account) {
  const left = quotaNow();
  const calls = (window, limit) => (left?.[window] ? texts.left(left[window].left, left[window].limit) : texts.calls(limit));
  const facts = [
    [texts.clientId, account.client_id], [texts.name, account.name], [texts.scopes, account.scopes.join(" ")],
    [texts.perSecond, calls("second", account.per_second)], [texts.perDay, calls("day", account.per_day)],
  ];
  at("account-facts").replaceChildren(
    make("dl", { class: "facts" }, ...facts.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)])),
    table(texts.secrets, [texts.created, texts.ends], account.secrets.map((one) => [when(one.created_at), one.ends_at ? when(one.ends_at) : texts.noEnd])),
  );
  for (const [id, name] of Object.entries(PLACES)) at(id).value = account[name].join("\n");
}

async function savePlaces(event) {
  event.preventDefault();
  await trying(at("places-told"), async () => {
    const said = Object.fromEntries(Object.entries(PLACES).map(([id, name]) => [name, wordsIn(at(id).value)]));
    draw(await ask("PATCH", "/v1/partner", said));
    return texts.saved;
  });
}

async function renew() {
  if (!confirm(texts.confirmRenew)) return;
  await trying(at("renew-told"), async () => {
    const { client_secret: secret } = await ask("POST", "/v1/partner/secrets", {});
    await showAccount();
    return shown(texts.claimed, { [texts.clientSecret]: secret });
  });
}

/** Show the calls of the chosen time. */
export function showUsage() {
  return loading(at("usage-list"), async () => {
    const days = Number(at("usage-days").value);
    const usage = await ask("GET", asking("/v1/partner/usage", { days }));
    if (usage.calls === 0) return empty(texts.noCalls);
    const bars = barsOf(usage.hours, days);
    const figures = table(texts.total, [texts.time, texts.total, texts.refused], bars.filter((bar) => bar.whole).map((bar) => [bar.label, String(bar.whole), String(bar.bad)]));
    const outcomes = usage.outcomes.map((one) => [one.capability, one.outcome, String(one.calls)]);
    const words = texts.chart(usage.calls, usage.refused);
    return [make("p", {}, words), barChart(bars, words, texts.fold, figures), table(texts.outcomes, [texts.capability, texts.outcome, texts.total], outcomes)];
  });
}

// A day is drawn by hours, more by days of the visitor's clock; times without calls are bars too.
function barsOf(hours, days) {
  const byHour = days === 1;
  const format = new Intl.DateTimeFormat(locale, byHour ? { dateStyle: "short", timeStyle: "short" } : { dateStyle: "medium" });
  const step = byHour ? 3_600_000 : 86_400_000;
  const slot = (moment) => (byHour ? new Date(moment).setMinutes(0, 0, 0) : new Date(moment).setHours(0, 0, 0, 0));
  const now = Date.now();
  const bars = new Map();
  for (let back = byHour ? 24 : days; back >= 0; back -= 1) {
    const begins = slot(now - back * step);
    bars.set(begins, { label: format.format(begins), whole: 0, bad: 0 });
  }
  for (const hour of hours) {
    const bar = bars.get(slot(hour.at));
    if (bar) Object.assign(bar, { whole: bar.whole + hour.calls, bad: bar.bad + hour.refused });
  }
  return [...bars.values()];
}

/** Show the statement of the chosen month. */
export function showStatement() {
  const month = at("statement-month").value.trim();
  if (month && !/^20\d\d-(0[1-9]|1[0-2])$/.test(month)) {
    at("statement-list").replaceChildren(make("p", { role: "alert" }, texts.monthWrong));
    return at("statement-month").focus();
  }
  return loading(at("statement-list"), async () => {
    const statement = await ask("GET", asking("/v1/partner/statement", { month }));
    const states = Object.entries(statement.by_state);
    const byState = states.length ? table(texts.byState, [texts.state, texts.number], states.map(([state, count]) => [state, String(count)])) : null;
    if (statement.lines.length === 0) return [empty(texts.noStatement), byState].filter(Boolean);
    const yuan = (fen) => priceText(fen, "once", locale);
    const lines = statement.lines.map((one) => [`${one.name} (${one.offer})`, one.action, String(one.orders), yuan(one.amount_fen), yuan(one.commission_fen)]);
    lines.push([texts.sum, "", String(statement.orders), yuan(statement.amount_fen), yuan(statement.commission_fen)]);
    return [table(statement.month, [texts.offer, texts.action, texts.number, texts.amount, texts.commission], lines), byState].filter(Boolean);
  });
}

at("places-form").addEventListener("submit", savePlaces);
at("renew").addEventListener("click", renew);
at("usage-days").addEventListener("change", showUsage);
at("usage-form").addEventListener("submit", (event) => event.preventDefault());
at("statement-form").addEventListener("submit", (event) => {
  event.preventDefault();
  showStatement();
});
