// A visitor's session with the gateway: opened, kept, renewed and used for every call the elements make.

const RENEW_BEFORE_MS = 30 * 60_000;
const TIMEOUT_MS = 15_000;
const RETRY_PAUSES_MS = [400, 1500];
const WORTH_RETRYING = new Set([0, 502, 503, 504]);

// Reasons for which the token at hand will not open anything any more; a new session may.
const SPENT = new Set(["credentials_expired", "binding_ended"]);

// Only bound visitors get an answer to these, wherever they were bound.
const ONLY_BOUND = /^\/v1\/(bindings|orders)$/;

/** A refusal of the gateway (RFC 9457), or status 0 when no answer came. */
export class Problem extends Error {
  constructor(status, body = {}) {
    super(body.detail || body.title || "");
    this.name = "Problem";
    this.status = status;
    this.code = body.code ?? (status === 0 ? "unreachable" : "unexpected");
    this.reason = body.reason;
    this.body = body;
  }

  /** Whether the visitor has to prove a phone number first. */
  get needsBinding() {
    return this.status === 403 && (this.reason === "binding_required" || this.reason === "binding_suspended");
  }
}

/** A key for one intended effect; repeat it with every try. */
export function newKey() {
  // randomUUID exists on https and localhost only; a phone in the same network opens the demo by http.
  if (crypto.randomUUID) return crypto.randomUUID();
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Wait, unless given up meanwhile. */
export function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const stop = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, milliseconds);
    signal?.addEventListener("abort", stop, { once: true });
  });
}

/** Keeps small JSON values in localStorage, and in memory where the browser refuses that. */
class Keeping {
  #memory = new Map();

  read(key) {
    try {
      const text = localStorage.getItem(key);
      if (text !== null) return JSON.parse(text);
    } catch {
      // Storage is off (private windows, some in-app browsers), or holds what is not ours: memory knows.
    }
    return this.#memory.get(key) ?? null;
  }

  write(key, value) {
    this.#memory.set(key, value);
    try {
      localStorage.setItem(key, JSON.stringify(value));
    } catch {
      // The session then lasts as long as the page.
    }
  }

  remove(key) {
    this.#memory.delete(key);
    try {
      localStorage.removeItem(key);
    } catch {
      // It was never there.
    }
  }
}

const keeping = new Keeping();
const sessions = new Map();

/** The session of one partner's page with one gateway; every element of the page shares it. */
export class Session {
  #gateway;
  #clientId;
  #key;
  #opening = null;

  constructor(gateway, clientId) {
    this.#gateway = gateway;
    this.#clientId = clientId;
    this.#key = `tuila.session:${gateway}:${clientId}`;
  }

  /** The page's one session for a gateway origin and a client id. */
  static of(gateway, clientId) {
    const name = `${gateway} ${clientId}`;
    if (!sessions.has(name)) sessions.set(name, new Session(gateway, clientId));
    return sessions.get(name);
  }

  /** Whether the visitor is bound to a subscriber, as far as this session was told. */
  async isBound({ locale, signal } = {}) {
    await this.#token(locale, signal);
    return keeping.read(this.#key)?.bound === true;
  }

  /** Offers the visitor has declined in this session: the gateway remembers them for bound visitors only. */
  get declined() {
    return new Set(keeping.read(this.#key)?.declined ?? []);
  }

  /** Note that an offer is not wanted. */
  decline(offer) {
    this.#change({ declined: [...this.declined.add(offer)].slice(-100) });
  }

  /**
   * Call the gateway as the visitor and return its answer.
   *
   * `key` makes a write repeatable: it then is tried again like a read when no answer comes.
   * Throws a Problem, or the signal's reason.
   */
  async call(method, path, { body, key, locale, signal } = {}) {
    const token = await this.#token(locale, signal);
    try {
      const answer = await this.#send(method, path, { body, key, locale, signal, token });
      if (method === "POST" && ONLY_BOUND.test(path)) this.#change({ bound: true });
      return answer;
    } catch (problem) {
      if (problem.needsBinding) this.#change({ bound: false });
      if (!isSpent(problem)) throw problem;
      // Another tab may have renewed it meanwhile; only the token that was refused is forgotten.
      if (keeping.read(this.#key)?.token === token) keeping.remove(this.#key);
      const fresh = await this.#token(locale, signal);
      return this.#send(method, path, { body, key, locale, signal, token: fresh });
    }
  }

  async #token(locale, signal) {
    const kept = keeping.read(this.#key);
    const left = kept ? Date.parse(kept.expires_at) - Date.now() : 0;
    if (left > RENEW_BEFORE_MS) return kept.token;
    this.#opening ??= this.#open(left > 0 ? kept : null, locale).finally(() => {
      this.#opening = null;
    });
    const session = await this.#opening;
    signal?.throwIfAborted();
    return session.token;
  }

  async #open(kept, locale) {
    const body = { client_id: this.#clientId };
    let opened;
    try {
      opened = await this.#send("POST", "/v1/sessions", { body, locale, token: kept?.token });
    } catch (problem) {
      if (kept === null) throw problem;
      if (!isSpent(problem)) return kept; // renewing can wait as long as the token still opens something
      opened = await this.#send("POST", "/v1/sessions", { body, locale });
    }
    const declined = kept?.account === opened.account ? (kept.declined ?? []) : [];
    const { token, expires_at, account, bound } = opened;
    const session = { token, expires_at, account, bound, declined };
    keeping.write(this.#key, session);
    return session;
  }

  async #send(method, path, { body, key, locale, signal, token }) {
    const repeatable = method === "GET" || key !== undefined;
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await this.#sendOnce(method, path, { body, key, locale, signal, token });
      } catch (problem) {
        signal?.throwIfAborted();
        const again = repeatable && attempt < RETRY_PAUSES_MS.length && WORTH_RETRYING.has(problem.status);
        if (!again || navigator.onLine === false) throw problem;
        await pause(RETRY_PAUSES_MS[attempt] * (0.5 + Math.random()), signal);
      }
    }
  }

  async #sendOnce(method, path, { body, key, locale, signal, token }) {
    const headers = { Accept: "application/json" };
    if (locale) headers["Accept-Language"] = locale;
    if (token) headers.Authorization = `Bearer ${token}`;
    if (key) headers["Idempotency-Key"] = key;
    if (body !== undefined) headers["Content-Type"] = "application/json";
    const controller = new AbortController();
    const stop = () => controller.abort();
    const timer = setTimeout(stop, TIMEOUT_MS);
    signal?.addEventListener("abort", stop, { once: true });
    try {
      const response = await fetch(this.#gateway + path, {
        method,
        headers,
        body: body === undefined ? undefined : JSON.stringify(body),
        credentials: "omit",
        cache: "no-store",
        signal: controller.signal,
      });
      const answer = await response.json().catch(() => ({}));
      if (!response.ok) throw new Problem(response.status, answer);
      return answer;
    } catch (error) {
      throw error instanceof Problem ? error : new Problem(0);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", stop);
    }
  }

  #change(changes) {
    const kept = keeping.read(this.#key);
    if (kept) keeping.write(this.#key, { ...kept, ...changes });
  }
}

const isSpent = (problem) => problem.status === 401 || (problem.status === 403 && SPENT.has(problem.reason));
