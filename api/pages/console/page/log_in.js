// Logging in: the view of somebody who has not, and the line that says who has.
import { get } from "./api.js";
import { asker, logIn, logOut, logins } from "./asker.js";
import { el, field, fill, isOutOfUse, outOfUse } from "./dom.js";
import { logInAt } from "./provider.js";
import { list, problemText, t, time } from "./text.js";

const isSendable = (credential) => /^[\x21-\x7e]+$/.test(credential);

async function become(credential, { seconds, ...more } = {}) {
  const { json } = await get("operations", "/me", { credential });
  const left = json.until && (new Date(json.until) - Date.now()) / 1_000;
  logIn(credential, json, { seconds: seconds ?? left, ...more });
}

// What comes of it is said in `said`.
function logInButton(login, text, said, properties = {}) {
  const press = async () => {
    say(said, t.logIn.inTheWindow, "hint");
    try {
      const { token, ...more } = await logInAt(login);
      await become(token, { login, ...more });
    } catch (error) {
      if (error.name !== "AbortError") say(said, problemText(error), "error"); // else it was pressed again
    }
  };
  return el("button", { type: "button", "data-login": login.name, ...properties, onclick: press }, text);
}

function say(said, text, kind) {
  said.className = kind;
  fill(said, text);
}

// --- The view ------------------------------------------------------------------------------------

export class LogIn {
  constructor() {
    this.gone = null; // who has just logged out on this page
  }

  mount(root) {
    const said = el("p", { role: "status", id: "log-in-said" });
    fill(
      root,
      el(
        "section",
        { class: "card log-in", id: "log-in" },
        el("h2", {}, t.logIn.title),
        this.gone && [
          el("p", {}, t.logIn.loggedOut),
          this.gone.logOutAt && el("p", {}, t.logIn.stillKnown, " ", el("a", { href: this.gone.logOutAt, target: "_blank", rel: "noopener" }, t.logIn.logOutThere)),
        ],
        el("p", { class: "hint" }, logins.length > 0 ? t.logIn.what : t.logIn.noProvider),
        el("div", { class: "buttons" }, logins.map((login) => logInButton(login, t.logIn.at(login.name), said, { class: "primary" }))),
        said,
        this.#key(),
      ),
    );
  }

  unmount() {}

  // A credential that somebody has already.
  #key() {
    const said = el("p", { role: "alert", class: "error" });
    const input = el("input", { type: "password", id: "access-key", autocomplete: "off", spellcheck: "false" });
    const button = el("button", { type: "submit" }, t.logIn.useKey);
    const submit = async (event) => {
      event.preventDefault();
      const key = input.value.trim();
      if (isOutOfUse(button)) return;
      if (!isSendable(key)) return fill(said, t.logIn.noKey);
      fill(said);
      try {
        await outOfUse(button, () => become(key));
      } catch (error) {
        fill(said, problemText(error));
      }
    };
    return el(
      "details",
      { open: logins.length === 0 },
      el("summary", {}, t.logIn.withKey),
      el("form", { onsubmit: submit }, field(t.logIn.key, input, t.logIn.keyWhat), said, el("div", { class: "buttons" }, button)),
    );
  }
}

// --- Who has logged in -----------------------------------------------------------------------------

// Of `asker`, for the place above the view.
export function whoLine() {
  const { name, shownName, roles, carrier, login, endsAt, state } = asker;
  const said = el("span", { role: "status" });
  const out = el("button", { type: "button", id: "log-out", onclick: logOut }, state === "ended" ? t.logIn.asAnother : t.logIn.out);
  return [
    el("b", { id: "who-name", title: name }, shownName),
    el("span", { id: "who-roles" }, roles.length === 0 ? t.logIn.noRole : list(roles.map((role) => t.roles[role].name))),
    state === "in"
      ? el("span", { class: "hint" }, roles.map((role) => el("span", {}, t.roles[role].may(carrier), " ")))
      : el("span", { role: "alert" }, state === "ended" ? t.logIn.ended : t.logIn.ending(time(endsAt))),
    said,
    el("span", { class: "buttons" }, state !== "in" && login && logInButton(login, t.logIn.again, said), out),
  ];
}
