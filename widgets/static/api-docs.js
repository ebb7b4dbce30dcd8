// The API documentation page, drawn from /openapi.json: every operation with its types, errors, an example and a way to try it.

import { SAMPLES } from "./code-samples.js";
import { make } from "./look.js";
import { newKey } from "./session.js";
import { fieldTable, resolve, rowsTable, sample } from "./schema-view.js";
import { languageOf } from "./texts.js";

const TEXTS = {
  "zh-CN": {
    name: "名称", type: "类型", meaning: "说明", required: "必填", or: " 或 ", anything: "任意", characters: " 字符", items: " 项",
    listOf: (type) => `${type} 列表`, mapOf: (type) => `${type} 映射`, byDefault: (value) => `默认 ${value}`,
    parameters: "参数", body: "请求内容", answer: "应答", errors: "错误", status: "状态码", code: "错误码", words: "含义", example: "应答示例",
    scope: (scope) => `权限 ${scope}`, isPublic: "无需凭证", tryIt: "试一试", send: "发送请求", sending: "正在发送…", sample: "代码示例", language: "语言", copy: "复制",
    copied: "已复制", notCopied: "请手动复制", bodyOf: "请求内容（JSON）", badJson: "请求内容不是合法的 JSON", noAnswer: "没有收到应答，请检查网络",
    answered: (status, ms) => `应答 ${status}，用时 ${ms} 毫秒`, result: "应答内容", cannotLoad: "接口描述加载失败", retry: "重试", missing: (name) => `请填写 ${name}`,
    opened: "会话已打开，令牌已填入", handedOver: "已填入合作方页面的令牌", refused: (words) => `会话未能打开：${words}`, operations: (count) => `${count} 个接口`,
  },
  en: {
    name: "Name", type: "Type", meaning: "Meaning", required: "required", or: " or ", anything: "any", characters: " characters", items: " items",
    listOf: (type) => `list of ${type}`, mapOf: (type) => `map of ${type}`, byDefault: (value) => `default ${value}`,
    parameters: "Parameters", body: "Request body", answer: "Answer", errors: "Errors", status: "Status", code: "Code", words: "Meaning", example: "Example answer",
    scope: (scope) => `scope ${scope}`, isPublic: "no credentials", tryIt: "Try it", send: "Send", sending: "Sending…", sample: "Code", language: "Language", copy: "Copy",
    copied: "Copied", notCopied: "Please copy by hand", bodyOf: "Request body (JSON)", badJson: "The body is not valid JSON", noAnswer: "No answer came; check the network",
    answered: (status, ms) => `Answer ${status} after ${ms} ms`, result: "Answer", cannotLoad: "The description could not be loaded", retry: "Try again", missing: (name) => `Fill in ${name}`,
    opened: "The session is open and its token filled in", handedOver: "The token of the partners' page is filled in", refused: (words) => `The session was not opened: ${words}`, operations: (count) => `${count} operations`,
  },
};

const locale = languageOf(document.documentElement.lang);
const texts = TEXTS[locale];
const token = document.getElementById("token");
let chosenLanguage = "curl";

/** The operations of a document by tag, in the document's order. */
function byTag(api) {
  const groups = new Map((api.tags ?? []).map((tag) => [tag.name, []]));
  for (const [path, methods] of Object.entries(api.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const tag = operation.tags?.[0] ?? "api";
      if (!groups.has(tag)) groups.set(tag, []);
      groups.get(tag).push({ path, method: method.toUpperCase(), ...operation });
    }
  }
  return groups;
}

// The document carries the Chinese title as first paragraph of the description, the English one with the answer.
function wordsOf(operation) {
  const [chinese, ...rest] = (operation.description ?? "").split("\n\n");
  const title = locale === "en" ? operation.responses?.["200"]?.description : chinese;
  return { title: title || operation.summary, more: [operation.summary, ...rest] };
}

const methodBadge = (method) => make("span", { class: `method ${method.toLowerCase()}` }, method);

function operationView(operation, api) {
  const { title, more } = wordsOf(operation);
  const inside = make("div", { class: "inside" });
  const view = make("details", { id: operation.operationId, class: "operation" },
    make("summary", {}, methodBadge(operation.method), make("code", { class: "path" }, operation.path), make("span", { class: "title" }, title)),
    inside);
  view.addEventListener("toggle", () => {
    if (view.open && !inside.hasChildNodes()) inside.append(...details(operation, api, more));
  });
  return view;
}

function details(operation, api, paragraphs) {
  const isPublic = operation.security?.some((need) => Object.keys(need).length === 0);
  const body = operation.requestBody?.content?.["application/json"];
  const answer = operation.responses["200"]?.content?.["application/json"]?.schema;
  return [
    ...paragraphs.map((words) => make("p", { lang: "en" }, words)),
    make("p", { class: "soft" }, isPublic ? texts.isPublic : texts.scope(operation["x-scope"] ?? "")),
    operation.parameters?.length
      ? section(texts.parameters, rowsTable(
        operation.parameters.map((one) => [`${one.name} · ${one.in}`, one.required, one.schema, one.description]), texts, texts.parameters))
      : null,
    body ? section(texts.body, fieldTable(body.schema, api, texts, resolve(body.schema, api).title ?? texts.body, texts.required)) : null,
    answer
      ? section(texts.answer, fieldTable(answer, api, texts, resolve(answer, api).title ?? texts.answer), exampleView(answer, api))
      : null,
    section(texts.errors, errorTable(operation)),
    tryView(operation, body, api),
  ].filter(Boolean);
}

const section = (title, ...parts) => make("section", {}, make("h3", {}, title), ...parts);

function exampleView(schema, api) {
  return make("details", { class: "example" }, make("summary", {}, texts.example), code(JSON.stringify(sample(schema, api), null, 2), texts.example));
}

function errorTable(operation) {
  const rows = Object.entries(operation.responses).filter(([status]) => status !== "200").flatMap(([status, response]) =>
    response.description.split("; ").map((one) => {
      const [, slug, words] = /^`([^`]+)`: (.*)$/.exec(one) ?? [null, "", one];
      return make("tr", {}, make("th", { scope: "row" }, status), make("td", {}, make("code", {}, slug)), make("td", { lang: "en" }, words));
    }));
  const head = [texts.status, texts.code, texts.words].map((words) => make("th", { scope: "col" }, words));
  return make("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": texts.errors },
    make("table", {}, make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...rows)));
}

const code = (words, label) => make("pre", { tabindex: "0", role: "group", "aria-label": label }, make("code", {}, words));

/** The form that sends the request, and shows it as a command before. */
function tryView(operation, body, api) {
  const id = operation.operationId;
  const fields = (operation.parameters ?? []).map((one) => ({ one, input: parameterInput(id, one, api) }));
  const bodyInput = body ? make("textarea", { id: `${id}-body`, rows: "6", spellcheck: "false", autocomplete: "off" }) : null;
  if (bodyInput) bodyInput.value = JSON.stringify(body.example ?? sample(body.schema, api), null, 2);
  const status = make("p", { role: "status" });
  const result = make("div");
  const command = make("code");
  const language = make("select", { id: `${id}-language` }, ...Object.keys(SAMPLES).map((name) => make("option", { value: name }, name)));
  language.value = chosenLanguage;
  const copy = make("button", { type: "button" }, texts.copy);
  const form = make("form", { novalidate: true },
    make("div", { class: "fields" },
      ...fields.map(({ one, input }) => make("div", {}, make("label", { for: input.id }, one.name, one.required ? make("span", { class: "required" }, texts.required) : null), input))),
    bodyInput ? make("div", {}, make("label", { for: bodyInput.id }, texts.bodyOf), bodyInput) : null,
    make("div", { class: "row" },
      make("button", { type: "submit", class: "primary" }, texts.send),
      make("div", {}, make("label", { for: language.id }, texts.language), language),
      copy),
    make("pre", { tabindex: "0", role: "group", "aria-label": texts.sample }, command), status, result);

  const show = () => {
    command.textContent = SAMPLES[language.value](requestOf(operation, fields, bodyInput));
  };
  language.addEventListener("change", () => {
    chosenLanguage = language.value; // the next operation is shown in it, too
    show();
  });
  form.addEventListener("input", show);
  token.addEventListener("input", show);
  show();
  copy.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(command.textContent);
      status.textContent = texts.copied;
    } catch {
      status.textContent = texts.notCopied; // the browser keeps the clipboard to itself
    }
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const wrong = complaint(fields, bodyInput);
    status.textContent = wrong?.words ?? texts.sending;
    if (wrong) return wrong.input.focus();
    return send(requestOf(operation, fields, bodyInput), status, result);
  });
  return section(texts.tryIt, form);
}

function parameterInput(id, parameter, api) {
  const { schema, name } = parameter;
  const common = { id: `${id}-${name}`, "data-name": name };
  const choices = resolve(schema, api).enum;
  if (choices) {
    return make("select", common, make("option", { value: "" }, "–"), ...choices.filter((one) => one !== null).map((one) => make("option", { value: one }, String(one))));
  }
  const input = make("input", { ...common, type: "text", autocomplete: "off", spellcheck: "false" });
  if (schema.default !== undefined && schema.default !== null) input.value = schema.default;
  if (name === "Idempotency-Key") input.value = newKey();
  return input;
}

function complaint(fields, bodyInput) {
  const missing = fields.find(({ one, input }) => one.required && !input.value);
  if (missing) return { input: missing.input, words: texts.missing(missing.one.name) };
  try {
    if (bodyInput) JSON.parse(bodyInput.value || "{}");
  } catch {
    return { input: bodyInput, words: texts.badJson };
  }
  return null;
}

function requestOf(operation, fields, bodyInput) {
  const headers = { Accept: "application/json", "Accept-Language": locale };
  if (token.value.trim()) headers.Authorization = `Bearer ${token.value.trim()}`;
  const query = new URLSearchParams();
  let { path } = operation;
  for (const { one, input } of fields) {
    if (one.in === "path") path = path.replace(`{${one.name}}`, input.value ? encodeURIComponent(input.value) : `{${one.name}}`);
    else if (input.value && one.in === "query") query.set(one.name, input.value);
    else if (input.value && one.in === "header") headers[one.name] = input.value;
  }
  if (bodyInput) headers["Content-Type"] = "application/json";
  const url = location.origin + path + (query.size ? `?${query}` : "");
  return { method: operation.method, url, headers, body: bodyInput ? bodyInput.value || "{}" : undefined };
}

async function send({ method, url, headers, body }, status, result) {
  const begun = performance.now();
  try {
    const response = await fetch(url, { method, headers, body, credentials: "omit", cache: "no-store" });
    const words = await response.text();
    status.textContent = texts.answered(response.status, Math.round(performance.now() - begun));
    result.replaceChildren(code(pretty(words), texts.result));
  } catch {
    status.textContent = texts.noAnswer;
    result.replaceChildren();
  }
}

function pretty(words) {
  try {
    return JSON.stringify(JSON.parse(words), null, 2);
  } catch {
    return words;
  }
}

async function openSession(button) {
  const status = document.getElementById("token-status");
  const headers = { "Content-Type": "application/json", "Accept-Language": locale };
  try {
    const response = await fetch("/v1/sessions", { method: "POST", headers, body: JSON.stringify({ client_id: button.dataset.client }) });
    const answer = await response.json();
    if (!response.ok) throw new Error(answer.detail ?? answer.title);
    token.value = answer.token;
    token.dispatchEvent(new Event("input"));
    status.textContent = texts.opened;
  } catch (error) {
    status.textContent = texts.refused(error.message);
  }
}

/** Take the token over from the partners' page that opened this one: told from window to window, within one origin. */
function takeToken() {
  if (opener === null) return;
  addEventListener("message", ({ origin, source, data }) => {
    if (origin !== location.origin || source !== opener || typeof data?.token !== "string") return;
    token.value = data.token;
    token.dispatchEvent(new Event("input"));
    document.getElementById("token-status").textContent = texts.handedOver;
  });
  opener.postMessage("tuila:token-wanted", location.origin);
}

/** Open the operation that the address names. */
function openNamed() {
  const wanted = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!(wanted instanceof HTMLDetailsElement)) return;
  wanted.open = true;
  wanted.scrollIntoView();
  wanted.querySelector("summary").focus({ preventScroll: true });
}

async function draw() {
  const place = document.getElementById("operations");
  try {
    const response = await fetch("/openapi.json");
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    const api = await response.json();
    const groups = [...byTag(api)].filter(([, operations]) => operations.length > 0);
    document.getElementById("toc").replaceChildren(...groups.map(([tag, operations]) => contents(tag, operations)));
    place.replaceChildren(...groups.map(([tag, operations]) => group(tag, operations, api)));
    openNamed();
  } catch (error) {
    const again = make("button", { type: "button", on: { click: draw } }, texts.retry);
    place.replaceChildren(make("p", { role: "alert" }, `${texts.cannotLoad} (${error.message})`), again);
  }
  place.removeAttribute("aria-busy");
}

function contents(tag, operations) {
  const links = operations.map((one) => make("li", {}, make("a", { href: `#${one.operationId}` }, wordsOf(one).title)));
  return make("div", {}, make("a", { class: "tag", href: `#tag-${tag}` }, tag), make("ul", {}, ...links));
}

function group(tag, operations, api) {
  return make("section", { class: "group", "aria-labelledby": `tag-${tag}` },
    make("h2", { id: `tag-${tag}` }, tag, make("span", { class: "count" }, texts.operations(operations.length))),
    ...operations.map((one) => operationView(one, api)));
}

const sessionButton = document.getElementById("open-session");
sessionButton.addEventListener("click", () => openSession(sessionButton));
addEventListener("hashchange", openNamed);
takeToken();
draw();
