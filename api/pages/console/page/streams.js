// What happens in the shop, as it happens: a tab's side of the streams that all tabs share
// (stream_hub.js). A tab that nobody sees listens to nothing, and so does one whose log-in has ended.
import { ask, urlOf } from "./api.js";
import { canAsk, isOpen, onAsker } from "./asker.js";
import { current, instances, onMove } from "./instances.js";
import { serve } from "./stream_hub.js";

const listeners = new Set(); // those that are open
let numbers = 0; // of what the hub was asked to listen to
let hub = null; // the port to it

// What one has logged in for is not for the other tabs. And the worker's script is where this page is
// from.
function connect() {
  if (!isOpen || current !== instances[0]) return use(ownHub());
  try {
    const worker = new SharedWorker(new URL("stream_hub.js", import.meta.url), { type: "module", name: "jangbu streams" });
    worker.onerror = () => use(ownHub()); // this browser cannot run it
    holdLock(worker.port);
    use(worker.port);
  } catch {
    use(ownHub());
  }
}

// Nobody tells the hub that a tab was killed, but its lock is free then. (A page that came over plain
// HTTP from another host has no locks.)
function holdLock(port) {
  const lock = `jangbu tab ${Math.random()}`;
  navigator.locks?.request(lock, () => {
    port.postMessage({ lock });
    return new Promise(() => {});
  });
}

function ownHub() {
  const { port1, port2 } = new MessageChannel();
  serve(port1, ask);
  return port2;
}

function use(port) {
  hub = port;
  port.onmessage = ({ data: { number, state, events } }) => {
    const listener = [...listeners].find(({ listening }) => listening === number);
    if (!listener) return;
    if (state) listener.onState(state);
    for (const [id, data] of events ?? []) {
      listener.last = id;
      listener.onEvent(data, id);
      if (listener.listening !== number) return; // it was closed meanwhile
    }
  };
  for (const listener of listeners) if (listener.listening) listener.listen();
}

// Server-sent events after `after`, or from now on, for as long as they are wanted: a stream that
// breaks, or that the server refuses for now, is asked for again; at another instance, when the page
// moves there.
//
//   const stream = follow("operations", "/events/stream", "event", { after, onEvent, onState });
//   stream.close();
//
// While the tab is hidden, or a log-in has ended, nothing is heard. Afterwards `onReturn` is given the
// id of the event that was heard last and says after which to go on; without it, after that one. It
// may take its time, and fail: then it is asked again.
export function follow(service, path, type, { after = null, onEvent, onState = () => {}, onReturn = (last) => last }) {
  if (!hub) connect();
  const listener = {
    listening: null, // its number
    last: after,
    onEvent,
    onState,
    onReturn,
    listen() {
      this.listening = ++numbers;
      hub.postMessage({ listen: this.listening, url: urlOf(service, path), type, after: this.last });
    },
  };
  listeners.add(listener);
  if (canListen()) listener.listen();
  return {
    close() {
      leave(listener);
      listeners.delete(listener);
    },
  };
}

const canListen = () => !document.hidden && canAsk();

// What is still on its way from the hub is not heard any more.
function leave(listener) {
  if (listener.listening) hub.postMessage({ leave: listener.listening });
  listener.listening = null;
}

async function comeBack(listener) {
  const wanted = () => canListen() && !listener.listening && listeners.has(listener);
  while (wanted()) {
    try {
      const after = await listener.onReturn(listener.last);
      if (!wanted()) return;
      listener.last = after;
      return listener.listen();
    } catch {
      await new Promise((done) => setTimeout(done, 1_000));
    }
  }
}

function beginOrLeave() {
  for (const listener of listeners) {
    if (canListen()) comeBack(listener);
    else if (listener.listening) {
      leave(listener);
      listener.onState("lost");
    }
  }
}

function move() {
  for (const listener of listeners) {
    if (!listener.listening) continue;
    leave(listener);
    listener.onState("lost");
    listener.listen();
  }
}

document.addEventListener("visibilitychange", beginOrLeave);
onAsker.addEventListener("change", beginOrLeave);
onMove.addEventListener("move", move);
// At once, and not only when its lock is free.
addEventListener("pagehide", () => listeners.forEach(leave));
addEventListener("pageshow", ({ persisted }) => persisted && beginOrLeave());
