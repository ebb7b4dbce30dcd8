import { call, keepAsking, make, startLanguage, t } from "/assets/page.js";
import { bubble } from "/page/bubbles.js";
import { showMenu } from "/page/menubar.js";

const field = (id) => document.getElementById(id);
const log = field("log");
const said = field("said");
const query = new URLSearchParams(location.search);
const phone = { openid: query.get("openid") ?? "", account: "", following: false, bubbles: [], reading: new AbortController(), menu: "" };

/** Do something for the person on this phone; a refusal is said, not thrown. */
async function act(path, body) {
  said.textContent = t("正在送达…", "Delivering…");
  try {
    await call("POST", path, { openid: phone.openid, ...body });
    said.textContent = "";
  } catch (error) {
    said.textContent = error.message;
  }
  await showDeliveries();
}

const send = (text, menu_id) => act("/control/send", { text, menu_id });
const happen = (event, more = {}) => act("/control/event", { event, ...more });

function show(one) {
  if (one.kind === "typing") {
    field("typing").hidden = !one.content.on;
    return;
  }
  if (one.side === "account") field("typing").hidden = true;
  log.append(bubble(one, phone.account, (choice) => send(choice.content, choice.id)));
  log.scrollTop = log.scrollHeight;
}

function showFollowing(following) {
  phone.following = following;
  field("invite").hidden = following;
  field("unfollow").hidden = !following;
  for (const control of field("composer").elements) control.disabled = !following;
  field("text").placeholder = following ? t("说点什么，例如：推荐", "Say something, for example 推荐") : t("先关注公众号", "Follow the account first");
}

/** Read this phone's chat, waiting for each next bubble, until another phone is chosen. */
async function read(signal) {
  while (!signal.aborted) {
    try {
      const after = phone.bubbles.at(-1)?.seq ?? 0;
      const chat = await call("GET", `/chats/${encodeURIComponent(phone.openid)}?after=${after}&wait=20`, undefined, signal);
      if (signal.aborted) return;
      if (chat.following !== phone.following) showFollowing(chat.following);
      for (const one of chat.bubbles) {
        phone.bubbles.push(one);
        show(one);
      }
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 1500));
    }
  }
}

async function choose(openid) {
  phone.reading.abort();
  phone.reading = new AbortController();
  phone.openid = openid;
  phone.bubbles = [];
  log.replaceChildren();
  field("typing").hidden = true;
  field("openid").textContent = openid;
  history.replaceState(null, "", `?openid=${encodeURIComponent(openid)}`);
  showFollowing(false);
  // The first answer comes at once, so that an empty chat does not hold up what the page knows of the person.
  const chat = await call("GET", `/chats/${encodeURIComponent(openid)}`);
  showFollowing(chat.following);
  read(phone.reading.signal);
  await showDeliveries();
}

async function showPeople() {
  const { account, people } = await call("GET", "/people");
  phone.account = account;
  field("account").textContent = account;
  field("person").replaceChildren(...people.map((person) => make("option", { value: person.openid }, person.name)));
  const known = people.some((person) => person.openid === phone.openid) ? phone.openid : people[0].openid;
  field("person").value = known;
  return known;
}

const OUTCOMES = { pending: ["正在送达", "on its way"], replied: ["已回复", "answered"], silent: ["已收到", "received"], failed: ["失败", "failed"] };

function deliveryLine(one) {
  const seconds = one.attempts.reduce((sum, attempt) => sum + attempt.seconds, 0).toFixed(2);
  return make("li", {},
    make("span", { class: one.outcome === "failed" ? "tag bad" : "tag" }, t(...OUTCOMES[one.outcome])),
    t(` ${one.kind} · 第 ${one.attempts.length} 次 · ${seconds} 秒`, ` ${one.kind} · try ${one.attempts.length} · ${seconds} s`));
}

async function showDeliveries() {
  const { deliveries } = await call("GET", `/deliveries?limit=5&openid=${encodeURIComponent(phone.openid)}`);
  field("deliveries").replaceChildren(...deliveries.reverse().map(deliveryLine));
}

async function showSurroundings() {
  const [{ menu }, { codes }, { violations }] = await Promise.all([call("GET", "/menu"), call("GET", "/codes"), call("GET", "/violations")]);
  const shape = JSON.stringify(menu);
  if (shape !== phone.menu) {
    phone.menu = shape;
    showMenu(field("menu"), menu.button, (event, key) => happen(event, { key }));
  }
  field("scenes").replaceChildren(...codes.map((code) => make("option", { value: code.scene })));
  field("violations").textContent = violations.length;
  field("violations").classList.toggle("bad", violations.length > 0);
  await showDeliveries();
}

function redraw() {
  log.replaceChildren();
  phone.bubbles.forEach(show);
  if (!phone.openid) return;
  showFollowing(phone.following);
  showDeliveries();
}

field("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = field("text").value;
  if (!text.trim()) return;
  field("text").value = "";
  send(text);
});
field("scan").addEventListener("submit", (event) => {
  event.preventDefault();
  happen("scan", { scene: field("scene").value.trim() });
  field("scene").value = "";
});
field("follow").addEventListener("click", () => happen("subscribe"));
field("unfollow").addEventListener("click", () => happen("unsubscribe"));
field("person").addEventListener("change", () => choose(field("person").value));
field("another").addEventListener("click", async () => {
  phone.openid = (await call("POST", "/control/people")).openid;
  await choose(await showPeople());
});

startLanguage(redraw);
field("scene").value = query.get("scene") ?? "";
await choose(await showPeople());
keepAsking(showSurroundings, 3000);
