// <tuila-recommendations>: what the operator recommends to this visitor, ordered on the spot.
//
//   <script type="module" src="https://gateway.example/widgets/tuila-recommendations.js"></script>
//   <tuila-recommendations client-id="demo-portal" place="any" limit="3" locale="zh-CN"></tuila-recommendations>
//
// Attributes: client-id (required), place, limit, locale, gateway (an origin; this script's own by default),
// offer and impression (from a link: that offer comes first and the click is reported).
// Events, bubbling out of the shadow tree: tuila-ordered {order}, tuila-bound {binding}, tuila-error {code, status, message}.

import { BindingForm } from "./binding-form.js";
import { focusOn, make, sheet } from "./look.js";
import { ENDED, followOrder, placeOrder, settleConfirmation, toneOf } from "./order-steps.js";
import { Session, newKey } from "./session.js";
import { languageOf, priceParts, problemText, textsFor } from "./texts.js";

const IMPRESSION = /^[0-9a-f-]{36}\.[0-9]{1,2}$/;

class TuilaRecommendations extends HTMLElement {
  static observedAttributes = ["client-id", "place", "limit", "locale", "gateway", "offer", "impression"];

  #root = this.attachShadow({ mode: "open" });
  #life = null;
  #loading = null;
  #queued = false;
  #cards = [];

  // Parts of the tree that stay while their content changes.
  #title = make("h2", { id: "title", part: "title" });
  #hint = make("p", { class: "soft", part: "hint" });
  #status = make("p", { class: "unseen", role: "status" });
  #place = make("div");

  constructor() {
    super();
    this.#root.adoptedStyleSheets = [sheet];
    this.#root.append(
      make("section", { part: "panel", "aria-labelledby": "title" },
        make("div", { class: "head", part: "head" }, this.#title, this.#hint), this.#status, this.#place),
    );
  }

  connectedCallback() {
    this.#life = new AbortController();
    const { signal } = this.#life;
    addEventListener("online", () => this.#cards.length || this.#load(), { signal });
    // Bound elsewhere on the page: what is recommended is now about somebody.
    document.addEventListener("tuila-bound", (event) => event.target === this || this.#reloadIfIdle(), { signal });
    this.#loadSoon();
  }

  disconnectedCallback() {
    this.#life.abort();
    this.#cards.forEach((card) => card.close());
    this.#cards = [];
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

  get where() {
    return this.getAttribute("place") || "any";
  }

  get limit() {
    const wanted = Number.parseInt(this.getAttribute("limit") ?? "", 10);
    return Number.isNaN(wanted) ? 3 : Math.min(Math.max(wanted, 1), 20);
  }

  /** The root of the shadow tree: where a card opens its dialog. */
  get root() {
    return this.#root;
  }

  /** Say something to those who listen instead of looking. */
  say(words) {
    this.#status.textContent = words;
  }

  /** Tell the page. */
  tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
  }

  /** Tell the page of an error. */
  tellError(problem) {
    this.tell("tuila-error", { code: problem.code, status: problem.status, message: problemText(problem, this.locale) });
  }

  /** Report what the visitor did; it is never in the visitor's way. */
  async report(kind, item) {
    const body = { kind, offer: item.offer, place: this.where };
    if (item.impression) body.impression = item.impression;
    const key = item.impression ? `${kind}:${item.impression}:${item.offer}` : newKey();
    try {
      await this.session.call("POST", "/v1/recommendations/feedback", { body, key, locale: this.locale });
    } catch (problem) {
      this.tellError(problem);
    }
  }

  /** Take a declined card away and keep the focus near. */
  discard(card) {
    const at = this.#cards.indexOf(card);
    this.#cards.splice(at, 1);
    card.close();
    card.element.remove();
    this.say(textsFor(this.locale).declined(card.item.name));
    const next = this.#cards[Math.min(at, this.#cards.length - 1)];
    if (next) return next.focus();
    this.#showEmpty();
    return focusOn(this.#title);
  }

  /** After an order the other cards may have changed; the finished one stays. */
  refreshOthers() {
    this.#load();
  }

  // Several attributes set at once are one change.
  #loadSoon() {
    if (this.#queued) return;
    this.#queued = true;
    queueMicrotask(() => {
      this.#queued = false;
      if (this.isConnected) this.#load();
    });
  }

  #reloadIfIdle() {
    if (!this.#cards.some((card) => card.busy)) this.#load();
  }

  async #load() {
    const texts = textsFor(this.locale);
    this.#root.querySelector("section").lang = this.locale;
    this.#title.textContent = texts.recommended;
    this.#hint.textContent = texts.recommendedHint;
    this.#loading?.abort();
    const loading = (this.#loading = new AbortController());
    this.#life.signal.addEventListener("abort", () => loading.abort(), { once: true });
    if (this.#cards.length === 0) this.#showLoading();
    try {
      const items = await this.#items(loading.signal);
      this.#show(items);
    } catch (problem) {
      if (loading.signal.aborted) return;
      this.#showError(problem);
    }
  }

  async #items(signal) {
    const query = new URLSearchParams({ place: this.where, limit: this.limit });
    const answer = await this.session.call("GET", `/v1/recommendations?${query}`, { locale: this.locale, signal });
    const declined = this.session.declined;
    const items = answer.items.filter((item) => !declined.has(item.offer));
    const linked = await this.#linkedItem(items, signal);
    if (!linked) return items;
    return [linked, ...items.filter((item) => item.offer !== linked.offer)].slice(0, Math.max(this.limit, 1));
  }

  // The offer a link led to. It keeps the impression of the showing that led here.
  async #linkedItem(items, signal) {
    const code = this.getAttribute("offer");
    if (!code || this.session.declined.has(code)) return null;
    const given = this.getAttribute("impression") ?? "";
    const impression = IMPRESSION.test(given) ? given : null;
    const shown = items.find((item) => item.offer === code);
    const linked = shown ?? (await this.#offer(code, signal));
    if (!linked) return null;
    const item = { ...linked, impression: impression ?? linked.impression, marked: true };
    if (impression) this.report("clicked", item);
    return item;
  }

  async #offer(code, signal) {
    try {
      const offer = await this.session.call("GET", `/v1/offers/${encodeURIComponent(code)}`, { locale: this.locale, signal });
      return { ...offer, offer: offer.code, impression: null, reason: { code: "linked", words: offer.description } };
    } catch (problem) {
      if (problem.status === 404) return null; // an old link; the others are still worth showing
      throw problem;
    }
  }

  #show(items) {
    const kept = this.#cards.filter((card) => card.keeps);
    const places = new Map(kept.map((card) => [card, this.#cards.indexOf(card)]));
    this.#cards.filter((card) => !card.keeps).forEach((card) => card.close());
    const fresh = items.filter((item) => !kept.some((card) => card.item.offer === item.offer));
    const cards = fresh.slice(0, Math.max(this.limit - kept.length, 0)).map((item) => new Card(this, item, this.#life.signal));
    for (const [card, at] of places) cards.splice(at, 0, card);
    this.#cards = cards;
    if (cards.length === 0) return this.#showEmpty();
    const list = this.#place.querySelector("ul") ?? make("ul", { class: "cards", part: "list" });
    const wanted = new Set(cards.map((card) => card.element));
    [...list.children].forEach((child) => wanted.has(child) || child.remove());
    // What stays is not taken out and put in again: it would lose the focus.
    let next = list.firstChild;
    for (const { element } of cards) {
      if (element === next) next = next.nextSibling;
      else list.insertBefore(element, next);
    }
    if (!list.isConnected) this.#place.replaceChildren(list);
    return undefined;
  }

  #showLoading() {
    this.say(textsFor(this.locale).loading);
    const ghosts = Array.from({ length: Math.min(this.limit, 3) }, () => make("div", { class: "ghost" }));
    this.#place.replaceChildren(make("div", { class: "cards", "aria-hidden": "true" }, ...ghosts));
  }

  #showEmpty() {
    const texts = textsFor(this.locale);
    this.#place.replaceChildren(
      make("div", { class: "empty", part: "empty" }, make("p", {}, texts.nothingSuits), make("p", { class: "soft" }, texts.nothingSuitsHint)),
    );
  }

  #showError(problem) {
    const texts = textsFor(this.locale);
    this.tellError(problem);
    if (this.#cards.some((card) => card.keeps)) return; // what is there is worth more than a notice
    this.#cards.forEach((card) => card.close());
    this.#cards = [];
    const words = problemText(problem, this.locale);
    const again = make("button", { type: "button", class: "second", part: "button", on: { click: () => this.#retry() } }, texts.retry);
    this.#place.replaceChildren(
      make("div", { class: "empty", part: "error" }, make("p", {}, texts.cannotLoad), make("p", { class: "soft" }, words), again),
    );
    this.say(`${texts.cannotLoad} ${words}`);
  }

  async #retry() {
    focusOn(this.#title);
    await this.#load();
  }
}

/** One recommended offer and whatever the visitor is doing with it. */
class Card {
  #host;
  #signal;
  #key = newKey();
  #form = null;
  #order = null;
  #texts;
  #clicked = false;

  constructor(host, item, signal) {
    this.item = item;
    this.keeps = false;
    this.#host = host;
    this.#signal = signal;
    this.#texts = textsFor(host.locale);
    const id = `offer-${item.offer}`;
    const { figure, unit } = priceParts(item.price_fen, item.period, host.locale);
    this.name = make("h3", { id, part: "name" }, item.name);
    this.below = make("div", { class: "foot", part: "actions" });
    this.fine = make("div", { class: "fine", part: "details", hidden: true });
    this.element = make(
      "li", { class: "card", part: item.marked ? "card marked-card" : "card", "aria-labelledby": id, "data-marked": Boolean(item.marked) },
      item.marked ? make("p", { class: "mark" }, this.#texts.fromLink) : null,
      this.name,
      item.reason.words ? make("p", { class: "reason", part: "reason" }, item.reason.words) : null,
      make("div", { class: "top" }, make("p", { class: "price", part: "price" }, make("b", {}, figure), make("span", {}, unit)), this.#detailsButton()),
      this.fine, this.below,
    );
    this.#offerButtons();
  }

  /** Whether the visitor is in the middle of something here. */
  get busy() {
    return this.keeps && !(this.#order && ENDED.has(this.#order.state));
  }

  focus() {
    this.below.querySelector("button")?.focus();
  }

  close() {
    this.#form?.close();
  }

  #detailsButton() {
    const button = this.#button("quiet", "details-button", this.#texts.details, this.#texts.detailsOf, () => this.#toggleDetails(button));
    button.setAttribute("aria-expanded", "false");
    return button;
  }

  #offerButtons() {
    const texts = this.#texts;
    this.below.replaceChildren(
      make("div", { class: "row" },
        this.#button("primary", "order-button", texts.order, texts.orderOffer, () => this.#startOrder()),
        this.#button("quiet", "decline-button", texts.notInterested, texts.notInterestedIn, () => this.#decline())),
    );
  }

  #button(style, part, words, label, click) {
    const { name } = this.item;
    return make("button", { type: "button", class: style, part: `button ${part}`, "aria-label": label(name), on: { click } }, words);
  }

  #click() {
    if (this.#clicked) return;
    this.#clicked = true;
    this.#host.report("clicked", this.item);
  }

  async #toggleDetails(button) {
    const opens = this.fine.hidden;
    this.fine.hidden = !opens;
    button.setAttribute("aria-expanded", String(opens));
    if (!opens || this.fine.childElementCount > 0) return;
    this.#click();
    this.fine.replaceChildren(make("p", { class: "soft" }, this.#texts.loading));
    const texts = this.#texts;
    try {
      const offer = await this.#call("GET", `/v1/offers/${encodeURIComponent(this.item.offer)}`);
      const lines = [offer.description, offer.trial_days ? texts.trial(offer.trial_days) : "",
        offer.effective === "next_cycle" ? texts.nextCycle : "", texts.cancelBy(offer.how_to_cancel)];
      this.fine.replaceChildren(...lines.filter(Boolean).map((line) => make("p", {}, line)));
      this.#host.say(lines.filter(Boolean).join(" "));
    } catch (problem) {
      this.fine.replaceChildren();
      this.fine.hidden = true;
      button.setAttribute("aria-expanded", "false");
      this.#host.say(problemText(problem, this.#host.locale));
      this.#host.tellError(problem);
    }
  }

  #decline() {
    this.#host.session.decline(this.item.offer);
    this.#host.report("declined", this.item);
    this.#host.discard(this);
  }

  async #startOrder() {
    this.#click();
    this.#order = null;
    this.keeps = true;
    this.#note(this.#texts.placing);
    focusOn(this.name);
    try {
      const { offer, impression } = this.item;
      const placed = await placeOrder(this.#host.session, {
        offer, impression, action: "subscribe", key: this.#key, locale: this.#host.locale, signal: this.#signal,
      });
      this.#key = newKey();
      await this.#confirmAndFollow(placed);
    } catch (problem) {
      if (this.#signal.aborted) return;
      if (problem.needsBinding) this.#bind();
      else this.#refused(problem, () => this.#startOrder());
    }
  }

  #bind() {
    this.#form = new BindingForm(this.#host.session, this.#host.locale, {
      done: (binding) => {
        this.#host.say(this.#texts.bound(binding.phone));
        this.#host.tell("tuila-bound", { binding });
        this.#startOrder();
      },
      cancelled: () => {
        this.keeps = false;
        this.#form.close();
        this.#offerButtons();
        this.focus();
      },
    });
    this.below.replaceChildren(this.#form.element);
    this.#form.focus();
  }

  async #confirmAndFollow(placed) {
    const { locale, session, root } = this.#host;
    this.#order = await settleConfirmation(root, session, placed, locale);
    this.#showState();
    focusOn(this.name);
    if (!ENDED.has(this.#order.state)) this.#host.tell("tuila-ordered", { order: this.#order });
    await this.#follow();
  }

  async #follow() {
    const { locale, session } = this.#host;
    try {
      this.#order = await followOrder(session, this.#order, {
        locale, signal: this.#signal,
        changed: (order) => {
          this.#order = order;
          this.#showState();
        },
      });
    } catch (problem) {
      if (this.#signal.aborted) return;
      this.#host.tellError(problem);
    }
    if (ENDED.has(this.#order.state)) this.#ended();
    else this.#note(this.#texts.stillWorking, "", this.#texts.checkAgain, () => this.#followAgain());
  }

  #followAgain() {
    this.#showState();
    focusOn(this.name);
    this.#follow();
  }

  #ended() {
    this.#host.tell("tuila-ordered", { order: this.#order });
    this.#showState();
    if (this.#order.state === "completed") this.#host.refreshOthers();
  }

  #showState() {
    const { state, action } = this.#order;
    const words = this.#texts.outcome[action][state] ?? `${this.#texts.states[state]}…`;
    // What was given up or failed may be ordered again.
    const again = ["cancelled", "expired", "failed"].includes(state);
    this.keeps = !again;
    this.#note(words, toneOf(state), again ? this.#texts.order : null, () => this.#startOrder());
  }

  #refused(problem, again) {
    // No answer: the same key again. A refusal is an answer; the next try is a new order.
    if (problem.status >= 400 && problem.status < 500) this.#key = newKey();
    this.#host.tellError(problem);
    this.keeps = this.#order !== null;
    this.#note(problemText(problem, this.#host.locale), "warn", this.#texts.retry, again);
  }

  #note(words, tone = "", label = null, click = null) {
    const button = label ? make("button", { type: "button", class: "link", part: "button", on: { click } }, label) : null;
    const inside = this.below.contains(this.#host.root.activeElement);
    this.below.replaceChildren(make("div", { class: "note", part: "note", "data-tone": tone }, make("span", {}, words), button));
    this.#host.say(`${this.item.name} ${words}`);
    if (inside) focusOn(this.name);
  }

  #call(method, path) {
    return this.#host.session.call(method, path, { locale: this.#host.locale, signal: this.#signal });
  }
}

if (!customElements.get("tuila-recommendations")) customElements.define("tuila-recommendations", TuilaRecommendations);
