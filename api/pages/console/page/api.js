// The shop's services, over HTTP. What changes something goes by commands.js.
//
// Requests answer with { json, status, position, replayed, ms }, or throw: a Problem where the shop
// said no (RFC 9457), Unreachable where it did not answer, LoggedOut where nobody has logged in, and
// AbortError where the caller's signal ended it.
import { currentCredential, isOpen, reject } from "./asker.js";
import { services } from "./services.js";

// The services that are reached under the name that this page was reached under.
const origins = new Map(
  services
    .filter(({ origin }) => new URL(origin).hostname === location.hostname)
    .map(({ name, origin }) => [name, origin]),
);
origins.set("operations", location.origin);

export function urlOf(service, path) {
  const origin = origins.get(service);
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

// `credential`: instead of that of whoever has logged in; null: none.
export async function request(service, method, path, { body, headers = {}, signal, credential } = {}) {
  const begun = performance.now();
  let response, text;
  try {
    const init = {
      method,
      signal,
      cache: "no-store",
      headers: body === undefined ? headers : { ...headers, "Content-Type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    };
    response = await ask(urlOf(service, path), init, credential);
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
