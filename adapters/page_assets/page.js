// What the stand-ins' pages share: two languages, small DOM building, JSON calls, and asking again while the page is looked at.

const KEY = "tuila-sandbox-language";

/** The page's language, "zh-CN" or "en". */
export const language = () => document.documentElement.lang;

/** The text in the page's language. */
export const t = (zh, en) => (language() === "en" ? en : zh);

/** Wire the language button; `redraw` runs after each change. */
export function startLanguage(redraw) {
  const button = document.getElementById("language");
  const set = (lang) => {
    document.documentElement.lang = lang;
    document.title = t(document.body.dataset.titleZh, document.body.dataset.titleEn);
    button.textContent = lang === "en" ? "中文" : "English";
    button.setAttribute("aria-label", lang === "en" ? "切换到中文 (Chinese)" : "Switch to English");
    redraw();
  };
  button.addEventListener("click", () => {
    const lang = language() === "en" ? "zh-CN" : "en";
    localStorage.setItem(KEY, lang);
    set(lang);
  });
  set(localStorage.getItem(KEY) === "en" ? "en" : "zh-CN");
}

/** A new element: attributes by name, children as nodes or text (never as markup). */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== null) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

/** A JSON call; throws an Error with the service's own words. */
export async function call(method, url, body, signal) {
  const response = await fetch(url, {
    method,
    signal,
    headers: body === undefined ? {} : { "Content-Type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.reason || `HTTP ${response.status}`);
  return answer;
}

/** Run `job` now and every `milliseconds` after it ended, not while the page is hidden. Returns a function that runs it at once. */
export function keepAsking(job, milliseconds) {
  let timer;
  const run = async () => {
    clearTimeout(timer);
    if (!document.hidden) await job().catch((error) => console.warn(error));
    clearTimeout(timer);
    timer = setTimeout(run, milliseconds);
  };
  document.addEventListener("visibilitychange", () => document.hidden || run());
  run();
  return run;
}

/** A time of the service as the reader's clock shows it. */
export const clockTime = (iso) => new Date(iso).toLocaleString(language(), { dateStyle: "short", timeStyle: "medium" });
