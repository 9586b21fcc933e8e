// The shop's instances, and which of them this page is with: the one that it came from, until that one
// does not answer and another does. There it stays, for as long as that one answers.
import { services } from "./services.js";

export const patienceMs = 3_000; // with an instance that says nothing

class Instance {
  name; // as its readiness last called it
  state; // of its writer, likewise
  #origins;
  #leaving = new AbortController();

  constructor(services) {
    this.#origins = new Map(services.map(({ name, origin }) => [name, origin]));
    this.origin = this.#origins.get("operations");
    this.name = new URL(this.origin).host;
  }

  // undefined: it has no such service.
  originOf(service) {
    return this.#origins.get(service);
  }

  // Aborted when the page leaves it. A new stay has a new one.
  get left() {
    return this.#leaving.signal;
  }

  leave() {
    this.#leaving.abort(new DOMException("", "NetworkError"));
    this.#leaving = new AbortController();
  }

  // What GET /health/ready says, { status, checks }, and whether it can take work. Nobody has to log in
  // for that. Throws when it does not answer.
  async readiness() {
    const response = await fetch(`${this.origin}/health/ready`, { cache: "no-store", signal: AbortSignal.timeout(patienceMs) });
    const json = await response.json();
    this.state = json.checks.writer.state;
    this.name = json.checks.writer.instance ?? this.name;
    return { instance: this, isReady: response.ok, json };
  }
}

// Of our own services those that are reached under the name that this page was reached under.
const [own, ...others] = services;
const isHere = ({ origin }) => new URL(origin).hostname === location.hostname;
export const instances = [
  new Instance([...own.filter(isHere), { name: "operations", origin: location.origin }]),
  ...others.map((services) => new Instance(services)),
];

export let current = instances[0];
export const onMove = new EventTarget(); // "move", of which `detail` is the instance that was left

let looking = null;

// Asks whether the instance that the page is with answers, and if not moves to one that does. Answers
// with the readiness of the one that the page is with then; throws when nobody answers.
export function lookAround() {
  looking ??= look().finally(() => (looking = null));
  return looking;
}

async function look() {
  const before = current;
  try {
    return (await before.readiness()).json;
  } catch {
    const { instance, json } = await firstOf(instances.filter((one) => one !== before));
    current = instance;
    before.leave();
    onMove.dispatchEvent(new CustomEvent("move", { detail: before }));
    return json;
  }
}

// The first that can take work; if there is none, the first that answers.
async function firstOf(those) {
  const asked = those.map((one) => one.readiness());
  const ready = asked.map(async (answer) => ((await answer).isReady ? answer : Promise.reject()));
  return Promise.any(ready).catch(() => Promise.any(asked));
}
