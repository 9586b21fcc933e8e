// Logs in at an OpenID provider: the authorization code with PKCE (RFC 7636), in a window of its own,
// so that this page stays as it is. What proves that it was we who asked is in memory only.
//
// The provider sends that window back to logged_in.html, which hands the answer to this page.
// https://openid.net/specs/openid-connect-core-1_0.html#CodeFlowAuth
import { instances } from "./instances.js";

const redirectUri = new URL("logged_in.html", import.meta.url).href;
const answers = new BroadcastChannel("jangbu-log-in"); // of logged_in.js, for all tabs

// `code`: an error of OAuth (RFC 6749, sections 4.1.2.1 and 5.2), or one of ours: "insecure-page",
// "window-blocked", "page-gone", "provider-unreachable", "provider-differs".
export class LogInFailed extends Error {
  constructor(code, description = "") {
    super(description || code);
    this.logInFailed = code;
  }
}

const base64url = (bytes) => btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)));
const sha256 = async (text) => new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));

let current = null; // the attempt, which another one ends

// Answers with { token, seconds, shownName, logOutAt }: the access token, for how long it is good, who
// that is, where to log out; what is not known is undefined. Throws LogInFailed, and AbortError when
// the user has begun anew.
export async function logInAt({ issuer, clientId, audience }) {
  if (!crypto.subtle) throw new LogInFailed("insecure-page");
  current?.abort();
  const { signal } = (current = new AbortController());
  // At once, while the browser knows that somebody has pressed a button.
  const shown = open("", "jangbu-log-in", "popup,width=480,height=720");
  if (!shown) throw new LogInFailed("window-blocked");
  try {
    await instances[0].readiness().catch(() => {
      throw new LogInFailed("page-gone"); // it has logged_in.html
    });
    const provider = await discover(issuer, signal);
    const [state, nonce, verifier] = [random(), random(), random()];
    const url = new URL(provider.authorization_endpoint);
    const asked = {
      response_type: "code", client_id: clientId, redirect_uri: redirectUri, scope: "openid profile", state, nonce,
      code_challenge: base64url(await sha256(verifier)), code_challenge_method: "S256", ...audienceOf(audience),
    };
    for (const [name, value] of Object.entries(asked)) url.searchParams.set(name, value);
    shown.location.replace(url);
    const answer = await answerTo(state, signal);
    if (answer.error) throw new LogInFailed(answer.error, answer.error_description);
    if (answer.iss && answer.iss !== issuer) throw new LogInFailed("provider-differs"); // RFC 9207
    const given = await redeem(provider, signal, {
      grant_type: "authorization_code", code: answer.code, redirect_uri: redirectUri, client_id: clientId,
      code_verifier: verifier, ...audienceOf(audience),
    });
    const { end_session_endpoint: end } = provider;
    return {
      token: given.access_token,
      seconds: given.expires_in,
      shownName: nameIn(given.id_token, { issuer, clientId, nonce }),
      logOutAt: end && `${end}?${new URLSearchParams({ client_id: clientId })}`,
    };
  } finally {
    if (!signal.aborted) shown.close(); // else it is the next attempt's
  }
}

// What the token is to be good for: `resource`, which has to be a URI, is RFC 8707's word for it,
// `audience` that of some providers.
const audienceOf = (audience) => ({ audience, ...(URL.canParse(audience) && { resource: audience }) });

async function ask(url, signal, init = {}) {
  try {
    const response = await fetch(url, { ...init, signal, cache: "no-store", credentials: "omit", redirect: "error" });
    return { ok: response.ok, json: await response.json() };
  } catch (error) {
    throw signal.aborted ? error : new LogInFailed("provider-unreachable");
  }
}

// https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfig
async function discover(issuer, signal) {
  const { ok, json } = await ask(`${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`, signal);
  if (!ok) throw new LogInFailed("provider-unreachable");
  if (json.issuer !== issuer) throw new LogInFailed("provider-differs");
  return json;
}

async function redeem(provider, signal, sent) {
  const { ok, json } = await ask(provider.token_endpoint, signal, { method: "POST", body: new URLSearchParams(sent) });
  if (!ok) throw new LogInFailed(json.error ?? "provider-unreachable", json.error_description);
  return json;
}

function answerTo(state, signal) {
  return new Promise((done, fail) => {
    answers.addEventListener(
      "message",
      ({ data }) => {
        if (data.state !== state) return; // of another tab, or an earlier attempt
        answers.postMessage({ taken: state });
        done(data);
      },
      { signal },
    );
    signal.addEventListener("abort", () => fail(signal.reason));
  });
}

// The name to show. The ID token came straight from the provider, so its signature says nothing more
// (OpenID Connect Core, 3.1.3.7, step 6); that it answers us is looked at all the same.
function nameIn(idToken, { issuer, clientId, nonce }) {
  if (!idToken) return undefined;
  const bytes = Uint8Array.from(atob(idToken.split(".")[1].replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
  const claims = JSON.parse(new TextDecoder().decode(bytes));
  if (claims.iss !== issuer || ![claims.aud].flat().includes(clientId) || claims.nonce !== nonce) throw new LogInFailed("provider-differs");
  return claims.name ?? claims.preferred_username;
}
