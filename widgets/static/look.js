// How the elements are built and how they look. A page changes the look by custom properties (--tuila-*) and ::part;
// the ones beginning with --_ are the elements' own.

/**
 * A new element. Attributes by name (true: present, null and false: absent), `on` holds listeners;
 * children are nodes or text, never markup.
 */
export function make(tag, { on = {}, ...attributes } = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    element.setAttribute(name, value === true ? "" : value);
  }
  for (const [event, listener] of Object.entries(on)) element.addEventListener(event, listener);
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** Move the focus to something that is not a control. */
export function focusOn(element) {
  if (!element.matches("button, input, a, [tabindex]")) element.tabIndex = -1;
  element.focus();
}

/** The style sheet every element adopts. */
export const sheet = new CSSStyleSheet();
sheet.replaceSync(`
:host {
  --_accent: var(--tuila-accent, #1d4ed8);
  --_accent-ink: var(--tuila-accent-ink, #ffffff);
  --_ink: var(--tuila-ink, #172033);
  --_soft: var(--tuila-soft, #55607a);
  --_panel: var(--tuila-panel, #ffffff);
  --_tint: var(--tuila-tint, #f1f4fb);
  --_line: var(--tuila-line, #dde2ec);
  --_edge: var(--tuila-edge, #7c879e);
  --_good: var(--tuila-good, #0a6b47);
  --_good-tint: var(--tuila-good-tint, #e3f4ec);
  --_warn: var(--tuila-warn, #a3330f);
  --_warn-tint: var(--tuila-warn-tint, #fdeee8);
  --_radius: var(--tuila-radius, 14px);
  display: block;
  color: var(--_ink);
  font: 400 1rem/1.6 var(--tuila-font, "PingFang SC", "HarmonyOS Sans SC", "MiSans", "Noto Sans CJK SC", "Noto Sans SC",
    "Microsoft YaHei", system-ui, sans-serif);
  text-align: start;
  overflow-wrap: anywhere;
}
:host([hidden]) { display: none; }
*, ::before, ::after { box-sizing: border-box; }
[hidden] { display: none !important; }
h2, h3, h4, p, ul, ol, dl, dd, dt, form { margin: 0; padding: 0; }
ul, ol { list-style: none; }
h2 { font-size: 1.25rem; line-height: 1.4; font-weight: 650; }
h3 { font-size: 1.0625rem; line-height: 1.45; font-weight: 650; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.soft { color: var(--_soft); font-size: .875rem; }
.head { margin-bottom: 1rem; }
.head p { margin-top: .125rem; }

button, input { font: inherit; color: inherit; }
button { min-height: 44px; min-width: 44px; padding: .5rem 1.125rem; border-radius: calc(var(--_radius) * .7);
  border: 1px solid transparent; background: transparent; cursor: pointer; line-height: 1.35; }
button.primary { background: var(--_accent); color: var(--_accent-ink); font-weight: 600; }
button.second { border-color: var(--_edge); background: var(--_panel); }
button.quiet { color: var(--_soft); padding-inline: .75rem; }
button.link { color: var(--_accent); padding-inline: .25rem; }
button:hover:not([disabled], [aria-disabled="true"]) { filter: brightness(.94); }
button.quiet:hover:not([disabled]), button.link:hover:not([disabled]) { filter: none; text-decoration: underline; text-underline-offset: .25em; }
button[disabled], button[aria-disabled="true"] { cursor: default; background: var(--_tint); color: var(--_soft); border-color: transparent; }
:focus-visible { outline: 3px solid var(--_accent); outline-offset: 2px; }
[tabindex="-1"]:focus-visible { outline-offset: 4px; border-radius: 4px; }
.row { display: flex; flex-wrap: wrap; gap: .5rem; align-items: center; }

.cards { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fit, minmax(min(16rem, 100%), 1fr)); }
.cards:has(form) { align-items: start; }
.card { display: flex; flex-direction: column; gap: .5rem; padding: 1.25rem; background: var(--_panel);
  border: 1px solid var(--_line); border-radius: var(--_radius); min-width: 0; }
.card[data-marked] { border-color: var(--_accent); box-shadow: 0 0 0 1px var(--_accent); }
.mark { align-self: flex-start; padding: .0625rem .625rem; border-radius: 999px; font-size: .8125rem; font-weight: 600;
  background: var(--_accent); color: var(--_accent-ink); }
.reason { color: var(--_soft); font-size: .9375rem; }
.top { display: flex; align-items: center; justify-content: space-between; gap: .5rem; }
.top button { margin-inline-end: -.75rem; }
.price { display: flex; align-items: baseline; gap: .25rem; color: var(--_ink); }
.price b { font-size: 1.75rem; line-height: 1.2; font-weight: 700; font-variant-numeric: tabular-nums; letter-spacing: -.01em; }
.price span { color: var(--_soft); font-size: .9375rem; }
.fine { border-top: 1px solid var(--_line); padding-top: .625rem; font-size: .9375rem; display: grid; gap: .25rem; }
.foot { margin-top: auto; padding-top: .5rem; }
.foot .primary { flex: 1 1 7rem; }

.note { display: flex; flex-wrap: wrap; gap: .25rem .75rem; align-items: center; justify-content: space-between; }
.note, .wrong { padding: .625rem .875rem; border-radius: calc(var(--_radius) * .7); background: var(--_tint); font-size: .9375rem; }
.note[data-tone="good"] { background: var(--_good-tint); color: var(--_good); font-weight: 600; }
.note[data-tone="warn"], .wrong { background: var(--_warn-tint); color: var(--_warn); }
.empty { padding: 2rem 1.25rem; text-align: center; background: var(--_panel); border: 1px dashed var(--_line); border-radius: var(--_radius); }
.empty button { margin-top: .75rem; }
.ghost { min-height: 12.5rem; background: var(--_tint); border: 1px solid var(--_line); border-radius: var(--_radius); }

.form { display: grid; gap: .75rem; padding-top: .875rem; border-top: 1px solid var(--_line); }
.field { display: grid; gap: .25rem; }
label { font-weight: 600; font-size: .9375rem; }
input { width: 100%; min-height: 44px; padding: .5rem .75rem; background: var(--_panel); border: 1px solid var(--_edge);
  border-radius: calc(var(--_radius) * .6); font-size: 1.0625rem; font-variant-numeric: tabular-nums; }
input.code { letter-spacing: .3em; }
input[aria-invalid="true"] { border-color: var(--_warn); box-shadow: inset 0 0 0 1px var(--_warn); }
.error { color: var(--_warn); font-size: .9375rem; }

dialog { width: min(27rem, calc(100vw - 2rem)); max-height: calc(100dvh - 2rem); padding: 1.5rem; border: 0; color: var(--_ink);
  background: var(--_panel); border-radius: calc(var(--_radius) * 1.25); box-shadow: 0 24px 64px rgb(10 20 45 / .28); overflow: auto; }
dialog::backdrop { background: rgb(10 20 45 / .5); }
dialog .inner { display: grid; gap: 1rem; }
dialog .row { justify-content: stretch; }
dialog .row button { flex: 1 1 8rem; }
.facts { display: grid; grid-template-columns: max-content 1fr; gap: .5rem 1rem; padding: 1rem; border-radius: var(--_radius); background: var(--_tint); }
.facts dt { color: var(--_soft); }
.facts dd { font-weight: 500; }
.facts dd.strong { font-weight: 700; }

.section + .section { margin-top: 2rem; }
.lines { background: var(--_panel); border: 1px solid var(--_line); border-radius: var(--_radius); }
.line { padding: .875rem 1.25rem; display: grid; gap: .125rem 1rem; grid-template-columns: minmax(0, 1fr) auto; align-items: center; }
.line + .line { border-top: 1px solid var(--_line); }
.line > .wide { grid-column: 1 / -1; margin-top: .5rem; }
.line .row { justify-content: flex-end; }
.badge { display: inline-block; padding: .0625rem .625rem; border-radius: 999px; font-size: .8125rem; font-weight: 600; white-space: nowrap;
  background: var(--_tint); color: var(--_soft); }
.badge[data-tone="good"] { background: var(--_good-tint); color: var(--_good); }
.badge[data-tone="warn"] { background: var(--_warn-tint); color: var(--_warn); }
.steps { border-inline-start: 2px solid var(--_line); padding-inline-start: 1rem; display: grid; gap: .375rem; font-size: .9375rem; }
.steps li { display: flex; flex-wrap: wrap; gap: 0 .75rem; justify-content: space-between; }
.more { text-align: center; margin-top: .5rem; }
@media (max-width: 30rem) {
  .line:has(.row > :nth-child(2)) { grid-template-columns: minmax(0, 1fr); }
  .line .row:has(> :nth-child(2)) { justify-content: flex-start; margin-top: .5rem; }
  dialog { padding: 1.25rem; }
}
@media (prefers-reduced-motion: no-preference) {
  .ghost { animation: breathe 1.4s ease-in-out infinite alternate; }
  @keyframes breathe { to { opacity: .55; } }
  button { transition: filter .15s; }
}
`);
