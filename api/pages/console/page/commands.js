// Commands that happen once, however often they have to be sent.
//
// Once nobody can tell what became of a command, only a decision of the shop settles it: it is sent
// again under its key until there is one, or until the user does not want to wait any longer. It is
// remembered for this tab, so that a reload goes on with it. A key is good for whoever has logged in:
// sent by another person it would be another command, so it waits for the one whose it is.
import { Unreachable, newKey, request } from "./api.js";
import { LoggedOut, asker } from "./asker.js";

const remembered = "jangbu-unsettled"; // in the browser's storage
const tryMs = 30_000; // for one answer
const knownMs = 23 * 3_600_000; // a key is known for 24 hours; after that the command would be a new one

// The user left it: nobody knows whether it happened.
class LeftUnsettled extends Error {
  isLeft = true;
}

// Its key is forgotten by now, so it cannot be asked about any more.
class TooOld extends LeftUnsettled {}

// What is to be shown of them, by key: { key, service, method, path, by, why, settled, leave() }. `why`
// is why it is not settled; `settled` is there once one from before a reload is: { answer } or
// { error }.
export const unsettled = new Map();
export const onUnsettled = new EventTarget(); // "change"

const changed = () => onUnsettled.dispatchEvent(new Event("change"));

// By key, when those began that may have happened. Only an answer or a decision takes one out of
// here, or that its key is forgotten: one that the user left stays, for when it is wanted again.
const doubts = new Map();
export const isInDoubt = (key) => doubts.has(key);

const atTheDoor = ["not-ready", "overloaded", "idempotency-keys-full", "too-many-connections"];

// What an error says of the command. All clients of ours keep to the same: see api/client/certainty.cpp.
//   "decided"      a rule refused it
//   "turned-away"  nothing was done by this try, which says nothing of those before it
//   "uncertain"    it may have been done
function says(error) {
  if (error instanceof Unreachable) return "uncertain";
  const { status, code } = error;
  if (["outcome-unknown", "idempotency-key-in-flight"].includes(code)) return "uncertain";
  if (status === 503 && atTheDoor.includes(code)) return "turned-away";
  if (status >= 500) return "uncertain";
  return [404, 409, 412, 422].includes(status) ? "decided" : "turned-away";
}

// Carries out a command. `onUncertain` is told of each time that nobody could say what became of it.
export function command(service, method, path, body, { key = newKey(), onUncertain = () => {} } = {}) {
  return settle({ key, service, method, path, body, by: asker?.name, begun: doubts.get(key) ?? Date.now() }, onUncertain);
}

async function settle(one, onUncertain = () => {}) {
  const headers = { "Idempotency-Key": one.key, "X-Request-Id": one.key };
  remember(one);
  try {
    for (let tries = 1; ; ++tries) {
      if (Date.now() - one.begun > knownMs) {
        doubts.delete(one.key);
        throw new TooOld();
      }
      try {
        const answer = await attempt(one, headers);
        doubts.delete(one.key);
        return answer;
      } catch (error) {
        if (error instanceof LeftUnsettled) throw error;
        const said = says(error);
        if (said === "decided") doubts.delete(one.key);
        if (said === "uncertain") doubts.set(one.key, one.begun);
        if (!doubts.has(one.key)) throw error; // refused, or nothing was done
        one.why = error;
        unsettled.set(one.key, one);
        changed();
        onUncertain(tries);
        await pause(one, Math.max(1_000 * (error.retryAfter ?? 0), Math.min(250 * 2 ** tries, 2_000)));
      }
    }
  } finally {
    forget(one);
    if (unsettled.delete(one.key)) changed();
  }
}

async function attempt(one, headers) {
  const ending = new AbortController();
  const timer = setTimeout(() => ending.abort(new DOMException("", "TimeoutError")), tryMs);
  one.leave = () => ending.abort();
  try {
    if (one.by !== asker?.name) throw new LoggedOut();
    return await request(one.service, one.method, one.path, { body: one.body, headers, signal: ending.signal });
  } catch (error) {
    throw error.name === "AbortError" ? new LeftUnsettled() : error;
  } finally {
    clearTimeout(timer);
  }
}

const pause = (one, ms) =>
  new Promise((done, fail) => {
    const timer = setTimeout(done, ms);
    one.leave = () => {
      clearTimeout(timer);
      fail(new LeftUnsettled());
    };
  });

// --- Across a reload -----------------------------------------------------------------------------

// A browser may keep pages from remembering anything: then they are forgotten with the page.
function stored() {
  try {
    return JSON.parse(sessionStorage.getItem(remembered) ?? "[]");
  } catch {
    return [];
  }
}

function store(list) {
  try {
    sessionStorage.setItem(remembered, JSON.stringify(list));
  } catch {
    // see above
  }
}

const others = (one) => stored().filter(({ key }) => key !== one.key);
const remember = ({ key, service, method, path, body, by, begun }) =>
  store([...others({ key }), { key, service, method, path, body, by, begun }]);
const forget = (one) => store(others(one));

// Goes on with those of whoever asks that were not settled when the page went, and keeps what becomes
// of them to be shown until it is dismissed with leave().
export function settleRemembered() {
  for (const one of stored().filter(({ key, by }) => by === asker?.name && !unsettled.has(key))) {
    unsettled.set(one.key, one);
    doubts.set(one.key, one.begun);
    const showOutcome = (settled) => {
      const leave = () => unsettled.delete(one.key) && changed();
      unsettled.set(one.key, { ...one, settled, leave });
      changed();
    };
    settle(one).then(
      (answer) => showOutcome({ answer }),
      (error) => (error instanceof LeftUnsettled && !(error instanceof TooOld)) || showOutcome({ error }),
    );
  }
  changed();
}
