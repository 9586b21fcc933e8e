#!/usr/bin/env node
// An OpenID provider to try Jangbu out with, and for its tests: six people, one a role, whose
// passwords are their names. So it listens on loopback only. Its access tokens are as RFC 9068 says.
//
// On SIGHUP it signs with a new key; the one before stays listed. SIGTERM ends it.
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";

const usage = `Usage: provider.mjs --data FOLDER [OPTIONS]

  --data FOLDER         for its keys, and one file for each client's secret (mode 0600)
  --port N              on 127.0.0.1 (default: a free one, which it prints)
  --certificate FILE    speak HTTPS, with this certificate (PEM) ...
  --key FILE            ... and its private key
  --shop URL            where the first port of a shop is, as browsers see it: https://localhost:11000.
                        Its pages may log in here; may be given several times
  --packages FOLDER     the node_modules that oidc-provider is in (default: where infra/install puts it)
`;

function fail(status, ...lines) {
  console.error(lines.join("\n"));
  process.exit(status);
}

function parse() {
  try {
    const text = { type: "string" };
    const { values } = parseArgs({
      options: {
        data: text, port: text, certificate: text, key: text, packages: text,
        shop: { type: "string", multiple: true }, help: { type: "boolean" },
      },
    });
    if (values.help) {
      console.log(usage);
      process.exit(0);
    }
    if (!values.data) throw new Error("--data is missing");
    if (!values.certificate !== !values.key) throw new Error("--certificate and --key go together");
    const port = Number(values.port ?? 0);
    if (!(Number.isInteger(port) && port >= 0 && port <= 65535)) throw new Error(`--port ${values.port}`);
    return { ...values, port, shops: (values.shop ?? []).map((url) => new URL(url)) };
  } catch (error) {
    fail(2, error.message, "", usage);
  }
}

const options = parse();
const packages =
  options.packages ?? join(dirname(fileURLToPath(import.meta.url)), "../../.tools/provider/node_modules");
const { default: Provider } = await import(
  pathToFileURL(resolve(packages, "oidc-provider/lib/index.js"))
).catch((error) => fail(1, `oidc-provider cannot be loaded from ${packages}: ${error.message}`));

// --- Who there is --------------------------------------------------------------------------------

const people = new Map(
  Object.entries({
    buyer: { name: "홍길동", roles: ["buyer"] },
    seller: { name: "신사임당", roles: ["seller"] },
    carrier: { name: "김정호", roles: ["carrier"], carrier: "CJ" },
    clerk: { name: "정약용", roles: ["clerk"] },
    auditor: { name: "박문수", roles: ["auditor"] },
    operator: { name: "장영실", roles: ["operator"] },
  }),
);

// A program that acts by itself, for each role.
const machines = new Map([...people].map(([login, person]) => [`tour-${login}`, person]));

// --- What outlives a restart ---------------------------------------------------------------------

// Writes all of the file or nothing, for its owner only.
function keep(file, text) {
  writeFileSync(`${file}.new`, text, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

const keys_file = join(options.data, "keys.json");

function new_key() {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const kid = randomBytes(12).toString("base64url");
  return { ...privateKey.export({ format: "jwk" }), kid, alg: "ES256", use: "sig" };
}

// The signing keys, the one in use first.
function rotate(keys) {
  const rotated = [new_key(), ...keys.slice(0, 1)];
  keep(keys_file, JSON.stringify({ keys: rotated }));
  return rotated;
}

function secret_of(client) {
  const file = join(options.data, client);
  if (!existsSync(file)) keep(file, randomBytes(32).toString("base64url"));
  return readFileSync(file, "utf8");
}

mkdirSync(options.data, { recursive: true, mode: 0o700 });
let keys = existsSync(keys_file) ? JSON.parse(readFileSync(keys_file, "utf8")).keys : rotate([]);

// --- The provider --------------------------------------------------------------------------------

// The same host under its other name: people type either.
function names(url) {
  const other = { localhost: "127.0.0.1", "127.0.0.1": "localhost" }[url.hostname];
  return other ? [url.hostname, other] : [url.hostname];
}

// The URLs of a page at these of a shop's ports.
function pages(first, last, path) {
  return options.shops.flatMap((shop) =>
    names(shop).flatMap((host) =>
      Array.from(
        { length: last - first + 1 },
        (_, i) => `${shop.protocol}//${host}:${Number(shop.port) + first + i}${path}`,
      ),
    ),
  );
}

// A page is a public client: it could keep no secret, and shows with PKCE that it is the one that asked.
function page(client_id, redirect_uris) {
  return {
    client_id, redirect_uris,
    post_logout_redirect_uris: redirect_uris,
    token_endpoint_auth_method: "none",
    grant_types: ["authorization_code"],
    response_types: ["code"],
  };
}

const clients = [
  page("jangbu-pages", [
    ...pages(0, 0, "/console/logged_in.html"),
    ...pages(0, 4, "/swagger-ui/oauth2-redirect.html"),
  ]),
  ...[...machines.keys()].map((client_id) => ({
    client_id,
    client_secret: secret_of(client_id),
    token_endpoint_auth_method: "client_secret_post",
    grant_types: ["client_credentials"],
    redirect_uris: [],
    response_types: [],
  })),
];

const minutes = 60;
const hours = 60 * minutes;
const cookie_key = randomBytes(32).toString("base64url"); // sessions are in memory, and end with it

function configuration() {
  return {
    clients,
    clientDefaults: { id_token_signed_response_alg: "ES256" },
    jwks: { keys },
    cookies: { keys: [cookie_key] },
    pkce: { required: () => true },
    responseTypes: ["code"],
    scopes: ["openid", "profile"],
    claims: { openid: ["sub"], profile: ["name", "preferred_username"] },
    conformIdTokenClaims: false, // the pages read the name from the ID token
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      userinfo: { enabled: false },
      rpInitiatedLogout: { logoutSource: show_log_out },
      // Every access token is for Jangbu; the indicator must be a URI (RFC 8707), the audience need not.
      resourceIndicators: {
        enabled: true,
        defaultResource: () => "urn:jangbu",
        useGrantedResource: () => true,
        getResourceServerInfo: () => ({
          scope: "",
          audience: "jangbu",
          accessTokenFormat: "jwt",
          jwt: { sign: { alg: "ES256", kid: keys[0].kid } },
        }),
      },
    },
    ttl: {
      AccessToken: 15 * minutes,
      ClientCredentials: 15 * minutes,
      AuthorizationCode: minutes,
      IdToken: 15 * minutes,
      Interaction: hours,
      Session: 12 * hours,
      Grant: 12 * hours,
    },
    extraTokenClaims: (ctx, token) => {
      const { roles, carrier } = people.get(token.accountId) ?? machines.get(token.clientId);
      return { roles, carrier };
    },
    findAccount: (ctx, login) =>
      people.has(login) && {
        accountId: login,
        claims: () => ({ sub: login, name: people.get(login).name, preferred_username: login }),
      },
    // Nobody is asked whether the shop's own pages may act for them.
    loadExistingGrant: async (ctx) => {
      const grant = new ctx.oidc.provider.Grant({
        clientId: ctx.oidc.client.clientId,
        accountId: ctx.oidc.session.accountId,
      });
      grant.addOIDCScope("openid profile");
      await grant.save();
      return grant;
    },
    clientBasedCORS: (ctx, origin, client) =>
      client.redirectUris.some((uri) => new URL(uri).origin === origin),
    renderError: show_error,
    interactions: { url: (ctx, interaction) => `/log-in/${interaction.uid}` },
  };
}

// --- The page to log in --------------------------------------------------------------------------

const texts = {
  en: {
    title: "Jangbu", login: "Name", password: "Password", send: "Log in", cancel: "Cancel",
    wrong: "This is not one of the names below with its password.",
    who: "Six people can log in, one a role. Everybody's password is the same as the name.",
    out: "Log out",
    gone: "This page is out of date. Go back to where you came from, and log in from there.",
  },
  ko: {
    title: "장부", login: "이름", password: "비밀번호", send: "로그인", cancel: "취소",
    wrong: "아래에 있는 이름이 아니거나 비밀번호가 다릅니다.",
    who: "역할마다 한 사람씩, 여섯 사람이 로그인할 수 있습니다. 비밀번호는 모두 이름과 같습니다.",
    out: "로그아웃",
    gone: "오래된 페이지입니다. 처음 페이지로 돌아가 다시 로그인하세요.",
  },
};

const language = (request) => (/^ko\b/i.test(request.headers["accept-language"] ?? "") ? "ko" : "en");

// REQUIRES: HTML.
function show(ctx, body, status = 200) {
  const lang = language(ctx.req);
  ctx.status = status;
  ctx.type = "html";
  ctx.set({
    "Content-Language": lang,
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
  });
  ctx.body = `<!doctype html>
<html lang="${lang}">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${texts[lang].title}</title>
<style>
  body { max-width: 26rem; margin: 3rem auto; padding: 0 1rem; font: 1rem/1.5 system-ui, sans-serif; color-scheme: light dark }
  label, input { display: block; width: 100%; box-sizing: border-box; font: inherit }
  input { margin: 0 0 1rem; padding: .4rem }
  button { font: inherit; padding: .4rem 1rem }
  td { padding-right: 2rem }
  [role=alert] { color: #c00 }
</style>
<h1>${texts[lang].title}</h1>
${body}
</html>
`;
}

function show_log_in(ctx, refused) {
  const text = texts[language(ctx.req)];
  const rows = [...people].map(([login, { name }]) => `<tr><td>${login}<td>${name}`).join("\n");
  show(ctx, `${refused ? `<p role="alert">${text.wrong}</p>` : ""}
<form method="post">
<label for="login">${text.login}</label>
<input id="login" name="login" autocomplete="username" autocapitalize="none" autofocus>
<label for="password">${text.password}</label>
<input id="password" name="password" type="password" autocomplete="current-password">
<button>${text.send}</button> <button name="cancel" value="yes">${text.cancel}</button>
</form>
<p>${text.who}</p>
<table>
${rows}
</table>`, refused ? 401 : 200);
}

// `form` has no button.
function show_log_out(ctx, form) {
  show(ctx, `${form}<button form="op.logoutForm" name="logout" value="yes">${texts[language(ctx.req)].out}</button>`);
}

function show_error(ctx, { error, error_description }) {
  const text = `${error}: ${error_description ?? ""}`.replace(/[&<>]/g, (c) => `&#${c.charCodeAt(0)};`);
  show(ctx, `<p role="alert">${text}</p>`, ctx.status);
}

async function form_of(request) {
  let body = "";
  for await (const chunk of request) {
    body += chunk;
    if (body.length > 4096) throw new Error("the form is too long");
  }
  return new URLSearchParams(body);
}

// What a person has answered to the request to log in; null: nothing that will do.
function outcome(form, prompt) {
  if (form.has("cancel")) return { error: "access_denied" };
  const login = form.get("login");
  if (!people.has(login) || form.get("password") !== login) return null;
  return { login: { accountId: login }, ...(prompt.name === "consent" && { consent: {} }) };
}

async function log_in(ctx, next) {
  if (!ctx.path.startsWith("/log-in/")) return next();
  // What this browser has been sent here for.
  const details = await provider.interactionDetails(ctx.req, ctx.res).catch(() => null);
  if (!details) return show(ctx, `<p role="alert">${texts[language(ctx.req)].gone}</p>`, 400);
  const result = ctx.method === "POST" ? outcome(await form_of(ctx.req), details.prompt) : undefined;
  if (!result) return show_log_in(ctx, result === null);
  ctx.redirect(await provider.interactionResult(ctx.req, ctx.res, result));
  ctx.status = 303;
}

// --- Serving -------------------------------------------------------------------------------------

let provider, answer;

// A new key takes a new provider; who is logged in stays so.
function provide() {
  provider = new Provider(issuer, configuration());
  provider.use(log_in);
  answer = provider.callback();
}

const server = options.certificate
  ? https.createServer({ cert: readFileSync(options.certificate), key: readFileSync(options.key) })
  : http.createServer();
server.on("error", (error) => fail(1, error.message));
await new Promise((ready) => server.listen(options.port, "127.0.0.1", ready));

const issuer = `${options.certificate ? "https" : "http"}://127.0.0.1:${server.address().port}`;
provide();
server.on("request", (request, response) => {
  request.headers.host = new URL(issuer).host; // the addresses in its answers are the issuer's, whoever asks
  answer(request, response);
});

process.on("SIGHUP", () => {
  keys = rotate(keys);
  provide();
  console.log("The signing key is a new one");
});
for (const signal of ["SIGTERM", "SIGINT"])
  process.on(signal, () => {
    server.close();
    server.closeAllConnections();
  });

console.log(`The OpenID provider is ready: ${issuer}`);
