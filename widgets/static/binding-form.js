// The form in which a visitor proves a phone number: number, code by SMS, done.

import { make } from "./look.js";
import { problemText, textsFor } from "./texts.js";

let forms = 0;

/** A small two-step form that binds the visitor's account. `element` goes into the page. */
export class BindingForm {
  #session;
  #locale;
  #texts;
  #done;
  #id = `bind-${(forms += 1)}`;
  #resendAt = 0;
  #timer = null;
  #count = null;
  #step = null;
  #place;
  #notNow;
  #phone = "";

  /** `done(binding)` is called when the account is bound, `cancelled()` when the visitor gives up. */
  constructor(session, locale, { done, cancelled }) {
    this.#session = session;
    this.#locale = locale;
    this.#texts = textsFor(locale);
    this.#done = done;
    const heading = make("h4", { id: `${this.#id}-title`, part: "bind-title" }, this.#texts.bindTitle);
    this.#place = make("div");
    this.element = make(
      "div",
      { class: "form", part: "bind", role: "group", "aria-labelledby": `${this.#id}-title` },
      make("div", {}, heading, make("p", { class: "soft" }, this.#texts.bindLead)),
      this.#place,
    );
    this.#notNow = () => make("button", { type: "button", class: "quiet", on: { click: cancelled } }, this.#texts.notNow);
    this.#askPhone();
  }

  /** Put the focus where the visitor types next. */
  focus() {
    this.#step.input.focus();
  }

  /** Stop the timer; the form is not used any more. */
  close() {
    clearInterval(this.#timer);
  }

  #askPhone() {
    const texts = this.#texts;
    const input = make("input", { type: "tel", autocomplete: "tel", inputmode: "tel", maxlength: "20" });
    input.value = this.#phone;
    const button = make("button", { type: "submit", class: "primary", part: "button" }, texts.getCode);
    const step = this.#show("phone", texts.phone, texts.phoneHint, input, [button, this.#notNow()]);
    step.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#phone = input.value.trim();
      if (this.#phone) this.#requestCode(step, button);
      else this.#complain(step, texts.phoneMissing);
    });
    this.#countDown(button, texts.getCode);
  }

  #askCode(to) {
    const texts = this.#texts;
    const input = make("input", {
      class: "code", type: "text", autocomplete: "one-time-code", inputmode: "numeric", maxlength: "6",
    });
    const button = make("button", { type: "submit", class: "primary", part: "button" }, texts.bind);
    const resend = make("button", { type: "button", class: "second", part: "button" }, texts.resend);
    const other = make("button", { type: "button", class: "quiet" }, texts.otherPhone);
    const step = this.#show("code", texts.code, texts.codeSent(to), input, [button, resend, other, this.#notNow()]);
    step.form.addEventListener("submit", (event) => {
      event.preventDefault();
      const code = input.value.replace(/\s/g, "");
      if (/^[0-9]{6}$/.test(code)) this.#confirmCode(step, button, code);
      else this.#complain(step, texts.codeMissing);
    });
    resend.addEventListener("click", () => this.#requestCode(step, resend));
    other.addEventListener("click", () => {
      this.#askPhone();
      this.focus();
    });
    this.#countDown(resend, texts.resend);
    this.focus();
  }

  async #requestCode(step, button) {
    if (button.getAttribute("aria-disabled") === "true") return;
    await this.#work(step, button, async () => {
      const sent = await this.#call("POST", "/v1/bindings/codes", { phone: this.#phone });
      this.#resendAt = Date.now() + sent.resend_after_seconds * 1000;
      this.#askCode(sent.to);
    });
  }

  async #confirmCode(step, button, code) {
    await this.#work(step, button, async () => {
      const binding = await this.#call("POST", "/v1/bindings", { code });
      this.close();
      this.#done(binding);
    });
  }

  #call(method, path, body) {
    return this.#session.call(method, path, { body, locale: this.#locale });
  }

  async #work(step, button, act) {
    const label = button.textContent;
    this.#complain(step, "");
    button.setAttribute("aria-disabled", "true");
    button.textContent = this.#texts.working;
    try {
      await act();
    } catch (problem) {
      button.textContent = label;
      button.removeAttribute("aria-disabled");
      this.#refused(step, problem);
    }
  }

  #refused(step, problem) {
    const left = problem.body?.tries_left;
    const words = problemText(problem, this.#locale);
    this.#complain(step, left > 0 && problem.body.outcome === "wrong" ? `${words} · ${this.#texts.triesLeft(left)}` : words);
    if (problem.body?.retry_after > 0) {
      this.#resendAt = Date.now() + problem.body.retry_after * 1000;
      this.#count?.();
    }
  }

  #complain(step, words) {
    step.error.textContent = words;
    step.error.hidden = !words;
    step.input.setAttribute("aria-invalid", String(Boolean(words)));
    if (words) {
      step.input.focus();
      step.input.select();
    }
  }

  #show(name, label, hint, input, buttons) {
    const id = `${this.#id}-${name}`;
    input.id = id;
    input.name = name;
    input.required = true;
    input.setAttribute("part", "input");
    input.setAttribute("aria-describedby", `${id}-hint ${id}-error`);
    const error = make("p", { class: "error", id: `${id}-error`, role: "alert", part: "error", hidden: true });
    const form = make(
      "form",
      { novalidate: true },
      make("div", { class: "field" },
        make("label", { for: id }, label), input, make("p", { class: "soft", id: `${id}-hint` }, hint), error),
      make("div", { class: "row foot" }, ...buttons),
    );
    this.#place.replaceChildren(form);
    this.#step = { form, input, error };
    return this.#step;
  }

  // While a new code cannot be had, the button says for how long; it stays focusable, so that nobody is thrown out of it.
  #countDown(button, label) {
    clearInterval(this.#timer);
    this.#count = () => {
      const seconds = Math.ceil((this.#resendAt - Date.now()) / 1000);
      if (button.textContent === this.#texts.working) return;
      button.textContent = seconds > 0 ? this.#texts.resendIn(seconds) : label;
      if (seconds > 0) button.setAttribute("aria-disabled", "true");
      else button.removeAttribute("aria-disabled");
    };
    this.#count();
    this.#timer = setInterval(this.#count, 500);
  }
}
