// <tuila-orders>: what the visitor holds and has ordered, with cancelling and unsubscribing.
//
//   <script type="module" src="https://gateway.example/widgets/tuila-orders.js"></script>
//   <tuila-orders client-id="demo-portal" locale="zh-CN"></tuila-orders>
//
// Attributes: client-id (required), locale, gateway (an origin; this script's own by default).
// It shows anew what tuila-ordered and tuila-bound tell of, and sends the same events itself.

import { BindingForm } from "./binding-form.js";
import { focusOn, make, sheet } from "./look.js";
import { CANCELLABLE, ENDED, followOrder, placeOrder, settleConfirmation, toneOf } from "./order-steps.js";
import { Session, newKey } from "./session.js";
import { languageOf, priceText, problemText, textsFor, timeText } from "./texts.js";

const PAGE = 5;

class TuilaOrders extends HTMLElement {
  static observedAttributes = ["client-id", "locale", "gateway"];

  #root = this.attachShadow({ mode: "open" });
  #life = null;
  #loading = null;
  #queued = false;
  #form = null;
  #orders = [];
  #next = null;
  #open = new Set();
  #keys = new Map();

  #status = make("p", { class: "unseen", role: "status" });
  #place = make("div", { part: "panel" });

  constructor() {
    super();
    this.#root.adoptedStyleSheets = [sheet];
    this.#root.append(this.#status, this.#place);
  }

  connectedCallback() {
    this.#life = new AbortController();
    const { signal } = this.#life;
    for (const name of ["tuila-ordered", "tuila-bound"]) {
      document.addEventListener(name, (event) => event.target === this || this.#load(), { signal });
    }
    this.#loadSoon();
  }

  disconnectedCallback() {
    this.#life.abort();
    this.#form?.close();
    this.#form = null;
  }

  attributeChangedCallback() {
    if (this.isConnected && this.#life) this.#loadSoon();
  }

  get locale() {
    return languageOf(this.getAttribute("locale") ?? document.documentElement.lang);
  }

  get session() {
    const origin = new URL(this.getAttribute("gateway") || import.meta.url, document.baseURI).origin;
    return Session.of(origin, this.getAttribute("client-id") ?? "");
  }

  get #texts() {
    return textsFor(this.locale);
  }

  #loadSoon() {
    if (this.#queued) return;
    this.#queued = true;
    queueMicrotask(() => {
      this.#queued = false;
      if (this.isConnected) this.#load();
    });
  }

  #call(method, path, options = {}) {
    return this.session.call(method, path, { locale: this.locale, signal: this.#life.signal, ...options });
  }

  #say(words) {
    this.#status.textContent = words;
  }

  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
  }

  #tellError(problem) {
    this.#tell("tuila-error", { code: problem.code, status: problem.status, message: problemText(problem, this.locale) });
  }

  async #load() {
    this.#place.lang = this.locale;
    this.#loading?.abort();
    const loading = (this.#loading = new AbortController());
    this.#life.signal.addEventListener("abort", () => loading.abort(), { once: true });
    const options = { signal: loading.signal };
    if (!this.#place.hasChildNodes()) this.#place.replaceChildren(make("p", { class: "soft" }, this.#texts.loading));
    try {
      if (!(await this.session.isBound({ locale: this.locale, signal: loading.signal }))) return this.#showStranger();
      const shown = Math.min(Math.max(this.#orders.length, PAGE), 100);
      const [held, page] = await Promise.all([
        this.#call("GET", "/v1/subscriptions", options),
        this.#call("GET", `/v1/orders?limit=${shown}`, options),
      ]);
      const histories = await this.#histories(page.items, options);
      if (loading.signal.aborted) return undefined;
      this.#orders = page.items;
      this.#next = page.next;
      return this.#show(held.items, histories);
    } catch (problem) {
      if (loading.signal.aborted) return undefined;
      return problem.needsBinding ? this.#showStranger() : this.#showError(problem);
    }
  }

  // Steps that are unfolded are read anew with the list.
  async #histories(orders, options) {
    const open = orders.filter((order) => this.#open.has(order.id));
    const found = await Promise.all(open.map((order) => this.#call("GET", `/v1/orders/${order.id}`, options)));
    return new Map(found.map((order) => [order.id, order.history]));
  }

  #showStranger() {
    if (this.#form) return; // somebody is typing in it
    const open = make("button", { type: "button", class: "primary", part: "button", on: { click: () => this.#bind() } }, this.#texts.signInButton);
    this.#place.replaceChildren(make("div", { class: "empty", part: "empty" }, make("p", {}, this.#texts.signIn), open));
  }

  #bind() {
    this.#form = new BindingForm(this.session, this.locale, {
      done: (binding) => {
        this.#form = null;
        this.#say(this.#texts.bound(binding.phone));
        this.#tell("tuila-bound", { binding });
        this.#load().then(() => focusOn(this.#root.querySelector("h2") ?? this.#place));
      },
      cancelled: () => {
        this.#form.close();
        this.#form = null;
        this.#showStranger();
        this.#root.querySelector("button").focus();
      },
    });
    this.#place.replaceChildren(make("div", { class: "card" }, this.#form.element));
    this.#form.focus();
  }

  #showError(problem) {
    this.#tellError(problem);
    if (this.#root.querySelector("section")) return this.#say(problemText(problem, this.locale));
    const again = make("button", { type: "button", class: "second", part: "button", on: { click: () => this.#load() } }, this.#texts.retry);
    const words = problemText(problem, this.locale);
    this.#place.replaceChildren(
      make("div", { class: "empty", part: "error", role: "alert" },
        make("p", {}, this.#texts.cannotLoad), make("p", { class: "soft" }, words), again),
    );
    return undefined;
  }

  #show(held, histories) {
    this.#form?.close();
    this.#form = null;
    const texts = this.#texts;
    const focused = this.#root.activeElement?.dataset.name;
    const lines = this.#orders.map((order) => this.#orderLine(order, histories.get(order.id)));
    const more = make("button", { type: "button", class: "link", "data-name": "more", on: { click: () => this.#more() } }, texts.more);
    this.#place.replaceChildren(
      this.#section("held", texts.held, held.map((one) => this.#heldLine(one)), texts.noneHeld),
      this.#section("orders", texts.orders, lines, texts.noOrders, this.#next ? make("div", { class: "more" }, more) : null),
    );
    // Focus that sat on something drawn anew goes to its successor, or to the heading if it is gone.
    if (focused) {
      const again = this.#root.querySelector(`[data-name="${CSS.escape(focused)}"]`);
      if (again) again.focus();
      else focusOn(this.#root.getElementById("orders"));
    }
  }

  #section(id, title, lines, none, more = null) {
    const list = lines.length > 0
      ? make("ul", { class: "lines", part: "list" }, ...lines)
      : make("p", { class: "empty soft", part: "empty" }, none);
    return make("section", { class: "section", "aria-labelledby": id },
      make("div", { class: "head" }, make("h2", { id, part: "title" }, title)), list, more);
  }

  #button(name, style, words, label, click, more = {}) {
    return make("button", { type: "button", class: style, part: "button", "aria-label": label, "data-name": name, on: { click }, ...more }, words);
  }

  #heldLine(one) {
    const texts = this.#texts;
    const about = [priceText(one.price_fen, one.period, this.locale), texts.since(timeText(one.started_at, this.locale, "date"))].join(" · ");
    return make("li", { class: "line", part: "line" },
      make("div", {}, make("h3", {}, one.name), make("p", { class: "soft" }, about), make("p", { class: "soft" }, one.how_to_cancel)),
      make("div", { class: "row" },
        this.#button(`unsubscribe-${one.offer}`, "second", texts.unsubscribe, texts.unsubscribeOffer(one.name), () => this.#unsubscribe(one))));
  }

  #orderLine(order, history) {
    const texts = this.#texts;
    const about = [priceText(order.price_fen, order.period, this.locale), timeText(order.created_at, this.locale)].join(" · ");
    const buttons = [];
    if (order.state === "awaiting_confirmation") {
      buttons.push(this.#button(`confirm-${order.id}`, "primary", texts.goConfirm, texts.goConfirmOrder(order.name), () => this.#confirm(order)));
    }
    if (CANCELLABLE.has(order.state)) {
      buttons.push(this.#button(`cancel-${order.id}`, "second", texts.cancelOrder, texts.cancelOrderOf(order.name), () => this.#cancel(order)));
    }
    buttons.push(this.#button(`history-${order.id}`, "quiet", texts.history, texts.historyOf(order.name), () => this.#toggle(order),
      { "aria-expanded": String(Boolean(history)) }));
    return make("li", { class: "line", part: "line", "data-state": order.state },
      make("div", {},
        make("h3", {}, `${texts.actions[order.action]} · ${order.name} `,
          make("span", { class: "badge", part: "state", "data-tone": toneOf(order.state) }, texts.states[order.state])),
        make("p", { class: "soft" }, about)),
      make("div", { class: "row" }, ...buttons),
      history ? this.#steps(history) : null);
  }

  #steps(history) {
    const texts = this.#texts;
    return make("ol", { class: "steps wide", part: "steps" },
      ...history.map((step) => {
        const where = texts.channels[step.channel] ?? step.channel;
        return make("li", {}, make("span", {}, texts.states[step.to] ?? step.to),
          make("span", { class: "soft" }, `${where} · ${timeText(step.at, this.locale)}`));
      }));
  }

  #toggle(order) {
    if (!this.#open.delete(order.id)) this.#open.add(order.id);
    return this.#load();
  }

  async #more() {
    await this.#attempt(async () => {
      const first = this.#orders.length;
      const page = await this.#call("GET", `/v1/orders?limit=${PAGE}&cursor=${this.#next}`);
      this.#orders = [...this.#orders, ...page.items];
      await this.#load();
      focusOn(this.#root.querySelectorAll("[aria-labelledby=orders] h3")[first] ?? this.#root.getElementById("orders"));
    });
  }

  #unsubscribe(one) {
    return this.#attempt(async () => {
      const key = this.#keyFor(`unsubscribe ${one.offer}`);
      const placed = await placeOrder(this.session, { offer: one.offer, action: "unsubscribe", key, locale: this.locale });
      this.#keys.delete(`unsubscribe ${one.offer}`);
      await this.#settle(placed);
    }, `unsubscribe ${one.offer}`);
  }

  #confirm(order) {
    return this.#attempt(() => this.#settle(order));
  }

  #cancel(order) {
    return this.#attempt(async () => {
      const key = this.#keyFor(`cancel ${order.id}`);
      const moved = await this.#call("POST", `/v1/orders/${order.id}/cancel`, { body: {}, key });
      this.#say(this.#texts.cancelledNow);
      this.#tell("tuila-ordered", { order: moved });
      await this.#load();
    }, `cancel ${order.id}`);
  }

  async #settle(placed) {
    const settled = await settleConfirmation(this.#root, this.session, placed, this.locale);
    this.#tell("tuila-ordered", { order: settled });
    await this.#load();
    focusOn(this.#root.getElementById("orders"));
    const ended = await followOrder(this.session, settled, {
      locale: this.locale, signal: this.#life.signal, changed: () => this.#load(),
    });
    this.#say(`${ended.name} ${this.#texts.outcome[ended.action][ended.state] ?? this.#texts.stillWorking}`);
    if (ENDED.has(ended.state)) this.#tell("tuila-ordered", { order: ended });
  }

  // One key for one wish, however often the button is pressed; a refusal ends the wish.
  #keyFor(wish) {
    if (!this.#keys.has(wish)) this.#keys.set(wish, newKey());
    return this.#keys.get(wish);
  }

  async #attempt(act, wish = null) {
    try {
      await act();
    } catch (problem) {
      if (this.#life.signal.aborted) return;
      if (problem.status >= 400 && problem.status < 500) this.#keys.delete(wish);
      this.#tellError(problem);
      await this.#load();
      this.#complain(problemText(problem, this.locale));
    }
  }

  #complain(words) {
    this.#root.querySelector(".wrong")?.remove();
    const note = make("p", { class: "wrong", role: "alert", part: "note" }, words);
    this.#place.prepend(note);
  }
}

if (!customElements.get("tuila-orders")) customElements.define("tuila-orders", TuilaOrders);
