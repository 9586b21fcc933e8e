// Server-sent events for all tabs of the console: one stream for each thing to hear, however many
// listen. A browser opens six connections to an origin for all tabs together, and a stream keeps
// one. Runs as a shared worker; where there is none, and where people log in, each tab has a hub of
// its own (streams.js).
//
// A tab says { listen: number, url, type, after } and { leave: number }, and at first { lock: name }:
// it holds this lock for as long as it lives, however it ends. It hears { number, state }
// and { number, events: [[id, data], …] }: what is after `after`, or from now on, each event once
// and in order, whatever the stream itself has to repeat.
import { EventReader } from "./event_reader.js";

const collectMs = 20; // events that come together travel together

const isAfter = (one, other) => {
  const [position, index] = one.split(".").map(Number);
  const [otherPosition, otherIndex] = other.split(".").map(Number);
  return position > otherPosition || (position === otherPosition && index > otherIndex);
};

class Stream {
  #url;
  #type;
  #ask;
  #reader = null;
  #state = "lost";
  #last = null; // where the stream is; null: it began now, and nothing has come
  #listeners = new Set();

  constructor(url, type, ask) {
    this.#url = url;
    this.#type = type;
    this.#ask = ask;
  }

  get isNeeded() {
    return this.#listeners.size > 0;
  }

  join(listener) {
    this.#listeners.add(listener);
    const { after } = listener;
    const lacks = after !== null && (this.#last === null || isAfter(this.#last, after));
    if (this.#reader === null || lacks) this.#open();
    else listener.tell({ state: this.#state });
  }

  leave(listener) {
    this.#listeners.delete(listener);
    if (!this.isNeeded) this.#close();
  }

  // From where the one is who has heard least; the others are not told again.
  #open() {
    this.#close();
    const places = [...this.#listeners].map(({ after }) => after).filter((after) => after !== null);
    this.#last = places.length === 0 ? null : places.reduce((one, other) => (isAfter(one, other) ? other : one));
    this.#reader = new EventReader(this.#url, {
      ask: this.#ask,
      type: this.#type,
      last: this.#last,
      onEvent: (id, data) => this.#pass(id, data),
      onState: (state) => this.#tellState(state),
    });
  }

  #close() {
    this.#reader?.close();
    this.#reader = null;
    this.#state = "lost";
  }

  #tellState(state) {
    this.#state = state;
    for (const listener of this.#listeners) listener.tell({ state });
  }

  #pass(id, data) {
    this.#last = id;
    for (const listener of this.#listeners) listener.hear(id, data);
  }
}

class Listener {
  #events = [];
  #timer = null;

  constructor(after, tell) {
    this.after = after; // was told everything up to it
    this.tell = tell;
  }

  hear(id, data) {
    if (this.after !== null && !isAfter(id, this.after)) return;
    this.after = id;
    this.#events.push([id, data]);
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.tell({ events: this.#events.splice(0) });
    }, collectMs);
  }

  close() {
    clearTimeout(this.#timer);
  }
}

const streams = new Map(); // by URL

// Serves a tab, over a MessagePort. `ask` is fetch, or does the same with more.
export function serve(port, ask = (...request) => fetch(...request)) {
  const listening = new Map(); // by the tab's number
  const leave = (number) => {
    const { listener, url } = listening.get(number) ?? {};
    if (!listener) return;
    listening.delete(number);
    listener.close();
    const stream = streams.get(url);
    stream.leave(listener);
    if (!stream.isNeeded) streams.delete(url);
  };
  port.onmessage = ({ data: { listen, leave: left, lock, url, type, after } }) => {
    if (lock) return navigator.locks.request(lock, () => [...listening.keys()].forEach(leave));
    if (left !== undefined) return leave(left);
    const listener = new Listener(after, (what) => port.postMessage({ number: listen, ...what }));
    listening.set(listen, { listener, url });
    if (!streams.has(url)) streams.set(url, new Stream(url, type, ask));
    streams.get(url).join(listener);
  };
}

if ("SharedWorkerGlobalScope" in globalThis) globalThis.onconnect = ({ ports: [port] }) => serve(port);
