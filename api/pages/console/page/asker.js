// Who asks: the credential of whoever has logged in, and what it allows. It is in memory and nowhere
// else, so that a reload forgets it.
//
// Where access control is off nobody has to say who they are, and everybody may do everything.
import { access } from "./access.js";

const announceMs = 60_000; // before the end of a log-in it is said that it will end

export const isOpen = !access.on;
export const { logins } = access;

export const onAsker = new EventTarget(); // "change"

// Nothing is asked without a credential.
export class LoggedOut extends Error {
  isLoggedOut = true;
}

// { name, shownName, roles, carrier, login, endsAt, logOutAt, state }, or null before somebody has
// logged in. `state`: "in"; "ending", soon; "ended", and what is shown stays until they log in again.
export let asker = null;

let credential = null;
let timers = [];

// `login`: at which of the providers. `seconds`: for so long it is good, if that is known. `logOutAt`:
// where to log out of the provider.
export function logIn(sent, { name, roles, carrier }, { login, shownName, seconds, logOutAt } = {}) {
  forget();
  credential = sent;
  asker = { name, shownName: shownName ?? name.split("|").at(-1), roles, carrier, login, logOutAt, state: "in", endsAt: null };
  if (seconds) {
    const ms = 1_000 * seconds;
    asker.endsAt = new Date(Date.now() + ms);
    timers = [setTimeout(() => enter("ending"), ms - announceMs), setTimeout(() => reject(sent), ms)];
  }
  changed();
}

export function logOut() {
  forget();
  asker = null;
  changed();
}

// The shop does not take that credential, or will not any more.
export function reject(sent) {
  if (sent !== credential) return; // there is another by now
  forget();
  enter("ended");
}

// To be sent with a request. Throws LoggedOut.
export function currentCredential() {
  if (!credential) throw new LoggedOut();
  return credential;
}

export const canAsk = () => isOpen || credential !== null;

export const has = (role) => !isOpen && asker !== null && asker.roles.includes(role);

// Whether somebody may do that at all, by its id in the OpenAPI documents; with which things, the
// shop decides.
export const may = (operation) => isOpen || (access.operations[operation] ?? []).some(has);

// Who works at the shop acts for its customers; everybody else for themselves.
export const actsForAll = () => isOpen || has("clerk");

function enter(state) {
  asker.state = state;
  changed();
}

function forget() {
  credential = null;
  timers.forEach(clearTimeout);
  timers = [];
}

const changed = () => onAsker.dispatchEvent(new Event("change"));
