// What the sections of the partners' page are built of: tables that page, places that load, secrets shown once.

import { make } from "./look.js";
import { TEXTS } from "./partner-texts.js";
import { call } from "./partner-calls.js";
import { languageOf, problemText, timeText } from "./texts.js";

export const locale = languageOf(document.documentElement.lang);
export const texts = TEXTS[locale];
export const at = (id) => document.getElementById(id);
export const when = (iso) => (iso ? timeText(iso, locale) : "–");
export const ask = (method, path, body) => call(method, path, { body, locale });

/** The path of a capability with the parameters that say something. */
export function asking(path, parameters) {
  const query = new URLSearchParams(Object.entries(parameters).filter(([, value]) => value !== null && value !== undefined && value !== ""));
  return query.size ? `${path}?${query}` : path;
}

/** What a person reads of a refusal. */
export function wordsOf(problem) {
  const words = problemText(problem, locale);
  return problem.reason === "scope_missing" ? texts.noScope(words) : words;
}

/** Say something where screen readers hear it; `bad`: it went wrong. */
export function tell(place, words, bad = false) {
  place.classList.toggle("bad", bad);
  place.replaceChildren(words);
}

/** A secret, or several named ones, with the words that go before. Each can be copied. */
export function shown(words, pairs) {
  return make("span", { class: "shown" }, make("span", {}, words),
    ...Object.entries(pairs).map(([name, value]) => {
      const code = make("code", { tabindex: "0" }, value);
      return make("span", {}, `${name}: `, code, " ", copying(name, code));
    }));
}

/** A button that copies a text; where the browser does not let it, the text is marked instead. */
function copying(name, code) {
  const copy = button(texts.copy, texts.copyOf(name), async () => {
    try {
      await navigator.clipboard.writeText(code.textContent);
      copy.textContent = texts.copied;
    } catch {
      getSelection().selectAllChildren(code);
      code.focus();
      copy.textContent = texts.marked;
    }
    copy.setAttribute("aria-label", `${copy.textContent}: ${name}`);
  });
  return copy;
}

/** Run something that may be refused; its refusal is told in `place`. A token that has expired is told to the page. */
export async function trying(place, act) {
  tell(place, texts.working);
  try {
    tell(place, (await act()) ?? "");
  } catch (problem) {
    refused(problem);
    tell(place, wordsOf(problem), true);
  }
}

function refused(problem) {
  if (problem.name !== "Problem") throw problem;
  if (problem.status === 401) document.dispatchEvent(new Event("token-spent"));
}

/** Fill a place with what `load` gives; while it loads it is busy, and a failure can be tried again. */
export async function loading(place, load) {
  place.setAttribute("aria-busy", "true");
  place.replaceChildren(make("p", { class: "soft" }, texts.loading));
  try {
    place.replaceChildren(...[await load()].flat());
  } catch (problem) {
    refused(problem);
    const again = make("button", { type: "button", on: { click: () => loading(place, load) } }, texts.retry);
    place.replaceChildren(make("p", { role: "alert" }, wordsOf(problem)), again);
  }
  place.removeAttribute("aria-busy");
}

export const empty = (words) => make("p", { class: "soft empty" }, words);

/** A table that can be scrolled by the keyboard; a row is a list of texts and nodes, the first one names it. */
export function table(caption, heads, rows) {
  return make("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": caption },
    make("table", {}, make("caption", {}, caption),
      make("thead", {}, make("tr", {}, ...heads.map((head) => make("th", { scope: "col" }, head)))),
      make("tbody", {}, ...rows.map(rowOf))));
}

function rowOf([name, ...cells]) {
  return make("tr", {}, make("th", { scope: "row" }, name), ...cells.map((cell) => make("td", {}, cell ?? "–")));
}

/** Fill a place with a table, page by page: `page(cursor)` gives `{items, next}`, `row(item)` the cells. */
export function paged(place, { caption, heads, none, page, row }) {
  return loading(place, async () => {
    let { items, next } = await page();
    if (items.length === 0) return empty(none);
    const view = table(caption, heads, items.map(row));
    const told = make("p", { class: "told", role: "status" });
    const more = make("button", { type: "button", hidden: next === null }, texts.more);
    more.addEventListener("click", () => trying(told, async () => {
      ({ items, next } = await page(next));
      const rows = items.map((item) => rowOf(row(item)));
      view.querySelector("tbody").append(...rows);
      rows[0]?.setAttribute("tabindex", "-1");
      rows[0]?.focus();
      more.hidden = next === null;
    }));
    return [view, more, told];
  });
}

export const button = (words, label, click) => make("button", { type: "button", "aria-label": label, on: { click } }, words);

/** What was typed into a form's fields; null, with the first missing one focused, when a required one is empty. */
export function filled(form, told) {
  const fields = [...form.querySelectorAll("input, textarea, select")];
  for (const field of fields) field.setAttribute("aria-invalid", String(field.required && !field.value.trim()));
  const missing = fields.find((field) => field.required && !field.value.trim());
  if (!missing) return Object.fromEntries(fields.map((field) => [field.id, field.value.trim()]));
  tell(told, texts.missing, true);
  missing.focus();
  return null;
}

/** The words of a text, or its lines. */
export const wordsIn = (text) => text.split(/\s+/).filter(Boolean);
