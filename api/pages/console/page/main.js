// The page: its head, which of its views is shown, and in which language.
//
// What is behind the # is the view and what it is to show: #shop, #log/42.0, #log/entity/purchase/…,
// #operations, #load. So the way back is the browser's, and every place has a link. Only views that
// somebody may see are there; who has to log in first is then shown what the link was for.
import { asker, canAsk, has, isOpen, may, onAsker } from "./asker.js";
import { onUnsettled, settleRemembered, unsettled } from "./commands.js";
import { el, fill, say } from "./dom.js";
import { current as instance, instances, lookAround, onMove } from "./instances.js";
import { Load } from "./load.js";
import { Log } from "./log.js";
import { LogIn, whoLine } from "./log_in.js";
import { Operations } from "./operations.js";
import { Shop } from "./shop.js";
import { language, languages, number, problemText, t, useLanguage } from "./text.js";

const healthEveryMs = 1_000;
const chosenLanguage = "jangbu-language"; // in the browser's storage

const makeViews = () => ({ shop: new Shop(), log: new Log(), operations: new Operations(), load: new Load(), "log-in": new LogIn() });
const isOffered = {
  shop: () => may("listDeliveries") || may("requestQuote") || has("seller"),
  log: () => may("listEvents"),
  operations: () => may("listProjections"),
  load: () => isOpen, // it buys without a credential
};

const root = document.getElementById("view");
const notice = document.getElementById("notice");
let views = makeViews();
let current = null; // the name of the view that is shown
let shownTo = null; // who has logged in
let health = "asking";
let position = null;
let noticed = null; // "lost", or for a while "back" or "moved"
let moved = []; // the names of the instances that the page has left, and moved to

function route() {
  const [name, ...rest] = location.hash.replace(/^#/, "").split("/");
  const names = offered();
  return names.includes(name) ? { name, rest: rest.join("/") } : { name: names[0] ?? "log-in", rest: "" };
}

const offered = () => Object.keys(isOffered).filter((name) => isOffered[name]());

function show() {
  const { name, rest } = route();
  if (name === current && views[name].show) return views[name].show(rest);
  if (current) views[current].unmount();
  const moved = current !== null && current !== name;
  current = name;
  root.dataset.view = name;
  views[name].mount(root, rest);
  showHead();
  if (!moved) return;
  scrollTo(0, 0);
  root.focus({ preventScroll: true }); // the link that had it is gone
}

function showHead() {
  document.title = `${t.tabs[current] ?? t.logIn.title} – ${t.title}`;
  document.getElementById("skip").textContent = t.skip;
  showNotice();
  showWho();
  showUnsettled();
  fill(
    document.getElementById("head"),
    el("h1", {}, el("a", { class: "brand", href: "#shop" }, el("span", { class: "seal", lang: "ko", "aria-hidden": "true" }, "장부"), "Jangbu")),
    el(
      "nav",
      { "aria-label": t.tabsLabel },
      offered().map((name) => el("a", { href: `#${name}`, "aria-current": name === current ? "page" : null }, t.tabs[name])),
    ),
    el(
      "div",
      { class: "status" },
      el("span", { class: `health ${health}`, id: "health-state", "data-health": health }),
      instances.length > 1 && el("span", { id: "instance" }),
      el("span", { class: "position", id: "position" }),
      el(
        "button",
        { type: "button", id: "language", lang: other(), onclick: () => speak(other()) },
        t.switchTo,
      ),
    ),
  );
  showHealth();
}

// --- Who has logged in -------------------------------------------------------------------------------

function showWho() {
  const line = document.getElementById("who");
  line.className = asker?.state ?? "";
  line.setAttribute("aria-label", t.logIn.who);
  fill(line, asker && whoLine());
}

// The same person goes on where they were; for another one nothing stays.
function onChange() {
  const gone = asker ? null : shownTo;
  const whoAndWhat = (one) => JSON.stringify([one?.name, one?.roles]);
  if (whoAndWhat(asker) === whoAndWhat(shownTo)) {
    showWho();
    if (canAsk()) views[current].resume?.();
    return;
  }
  shownTo = asker;
  views[current].unmount();
  views = makeViews();
  views["log-in"].gone = gone;
  current = null;
  if (gone) history.replaceState(null, "", location.pathname); // what it names may not be the next one's
  show();
  root.focus({ preventScroll: true }); // the button that had it is gone
  settleRemembered();
}

// --- The language --------------------------------------------------------------------------------

const other = () => Object.keys(languages).find((tag) => tag !== language);

// A browser may keep pages from remembering anything.
function remembered() {
  try {
    return localStorage.getItem(chosenLanguage);
  } catch {
    return null;
  }
}

function remember(tag) {
  try {
    localStorage.setItem(chosenLanguage, tag);
  } catch {
    // then it is forgotten with the page
  }
}

function speak(tag) {
  useLanguage(tag);
  remember(language);
  document.documentElement.lang = language;
  views[current].unmount();
  views[current].mount(root, route().rest);
  showHead();
  document.getElementById("language").focus();
}

// --- Whether the shop is there -------------------------------------------------------------------

async function askHealth() {
  const before = health;
  try {
    const { status, checks } = await lookAround();
    health = status;
    position = checks.writer.position ?? checks.projector?.position ?? null;
  } catch {
    health = "lost";
  }
  if (health === "lost") noticed = "lost";
  else if (before === "lost" && noticed === "lost") goOn("back");
  showNotice();
  showHealth();
}

function onInstance({ detail: left }) {
  moved = [left.name, instance.name];
  goOn("moved");
  showNotice();
}

// Says for a while why what could not be shown is there again.
function goOn(why) {
  noticed = why;
  setTimeout(() => {
    if (noticed !== why) return;
    noticed = null;
    showNotice();
  }, 5_000);
  views[current].resume?.();
}

function showNotice() {
  say(notice, noticed === "moved" ? t.moved(...moved) : (t[noticed] ?? ""), noticed ?? "");
}

function showHealth() {
  const state = document.getElementById("health-state");
  state.className = `health ${health}`;
  state.dataset.health = health;
  state.textContent = t.health[health];
  showInstance();
  document.getElementById("position").textContent = position === null ? "" : `${t.position} ${number(position)}`;
}

// Where there are several. The page of another one is at another address, where it can be loaded anew.
function showInstance() {
  const place = document.getElementById("instance");
  if (!place) return;
  const { name, state, origin } = instance;
  const text = [name, t.partStates[state] ?? state].filter(Boolean).join(", ");
  const before = `${t.isWith} `;
  if (place.textContent === before + text) return;
  const shown = instance === instances[0] ? text : el("a", { href: `${origin}/` }, text);
  fill(place, el("span", { class: "unseen" }, before), shown);
}

// --- Commands of which it is not known whether they happened -----------------------------------------

function showUnsettled() {
  fill(
    document.getElementById("unsettled"),
    [...unsettled.values()].filter(({ by }) => by === asker?.name).map(({ key, method, path, why, settled }) => {
      const leave = () => unsettled.get(key)?.leave();
      return el(
        "li",
        { "data-key": key, "data-settled": settled && (settled.answer ? "done" : "refused") },
        el("span", { class: "code" }, `${method} ${path}`),
        settled
          ? outcome(settled)
          : [el("span", {}, t.settling), why?.service && el("span", { class: "hint" }, problemText(why))],
        el("button", { type: "button", onclick: leave }, settled ? t.dismiss : t.leave),
      );
    }),
  );
}

const outcome = ({ answer, error }) =>
  answer
    ? el("span", {}, `${t.settledDone} `, el("a", { href: `#log/${answer.json.version}` }, t.seeEvent))
    : el("span", { class: "error" }, problemText(error));

// -------------------------------------------------------------------------------------------------

// The server has looked at Accept-Language; what somebody chose here before counts more.
useLanguage(remembered() ?? document.documentElement.lang);
document.documentElement.lang = language;
addEventListener("hashchange", show);
document.getElementById("skip").addEventListener("click", (event) => {
  event.preventDefault(); // what is behind the # is the view
  root.focus();
});
show();
onUnsettled.addEventListener("change", showUnsettled);
onAsker.addEventListener("change", onChange);
onMove.addEventListener("move", onInstance);
settleRemembered();

// One after the other: a shop that hangs is not asked a thousand times.
async function watchHealth() {
  for (;;) {
    if (!document.hidden) await askHealth();
    await new Promise((done) => setTimeout(done, healthEveryMs));
  }
}
watchHealth();
