// The shop's services, over HTTP. What changes something goes by commands.js.
//
// Requests answer with { json, status, position, replayed, ms, at }, or throw: a Problem where the shop
// said no (RFC 9457), Unreachable where it did not answer, LoggedOut where nobody has logged in, and
// AbortError where the caller's signal ended it.
//
// They go to the instance that the page is with. If that one does not answer, and another does, a GET
// is asked again there.
import { currentCredential, isOpen, reject } from "./asker.js";
import { current, lookAround, patienceMs } from "./instances.js";

// At an instance of the shop, which alone may see a credential.
export function urlOf(service, path, at = current) {
  const origin = at.originOf(service);
  if (!origin) throw new Unreachable(service);
  return origin + path;
}

export class Problem extends Error {
  constructor(json, { status, position, retryAfter }) {
    super(json.detail);
    Object.assign(this, { json, code: json.code, status, position, retryAfter });
  }
}

export class Unreachable extends Error {
  constructor(service) {
    super(service);
    this.service = service;
  }
}

function problemOf(json, response) {
  const said = json?.code ? json : { code: `status-${response.status}`, title: response.statusText, detail: "" };
  return new Problem(said, {
    status: response.status,
    position: positionOf(response),
    retryAfter: Number(response.headers.get("Retry-After") ?? 0),
  });
}

const positionOf = (response) => {
  const text = response.headers.get("Event-Position");
  return text === null ? null : Number(text);
};

// fetch, as whoever has logged in. REQUIRES: a URL of urlOf(), since nobody else is to see the
// credential; so redirects are not followed.
export async function ask(url, init = {}, credential = isOpen ? null : currentCredential()) {
  if (!credential) return fetch(url, init);
  const headers = { ...init.headers, Authorization: `Bearer ${credential}` };
  const response = await fetch(url, { ...init, headers, redirect: "error" });
  if (response.status === 401) reject(credential);
  return response;
}

// `credential`: instead of that of whoever has logged in; null: none. `at`: an instance, which alone is
// asked.
export async function request(service, method, path, { at, ...more } = {}) {
  const asked = at ?? current;
  try {
    return await requestAt(asked, service, method, path, more);
  } catch (error) {
    if (!(error instanceof Unreachable)) throw error;
    const looked = current === asked && lookAround().catch(() => {});
    if (at || method !== "GET") throw error;
    await looked;
    if (current === asked && !more.signal?.aborted) throw error;
    return requestAt(current, service, method, path, more);
  }
}

async function requestAt(at, service, method, path, { body, headers = {}, signal, credential }) {
  const begun = performance.now();
  const signals = [signal, at === current ? at.left : AbortSignal.timeout(patienceMs)];
  let response, text;
  try {
    const init = {
      method,
      signal: AbortSignal.any(signals.filter(Boolean)),
      cache: "no-store",
      headers: body === undefined ? headers : { ...headers, "Content-Type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    };
    response = await ask(urlOf(service, path, at), init, credential);
    text = await response.text();
  } catch (error) {
    if (error.name === "AbortError" || error.isLoggedOut) throw error;
    throw new Unreachable(service);
  }
  const ms = performance.now() - begun;
  let json = null;
  try {
    json = text === "" ? null : JSON.parse(text);
  } catch {
    json = null; // metrics, and whatever a stranger on that port may say
  }
  if (!response.ok && !(json?.checks)) throw problemOf(json, response);
  return {
    json,
    text,
    status: response.status,
    position: positionOf(response),
    replayed: response.headers.get("Idempotent-Replayed") === "true",
    location: response.headers.get("Location"),
    ms,
    at,
  };
}

export const get = (service, path, options) => request(service, "GET", path, options);
export const send = (service, method, path, body) => request(service, method, path, { body });

// What this page calls its requests in the log: the page's own letters, which no other has, and a
// number.
const pageId = Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => byte.toString(16).padStart(2, "0")).join("");
let requests = 0;

export function newKey() {
  return `console-${pageId}-${++requests}`;
}
