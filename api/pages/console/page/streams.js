// What happens in the shop, as it happens: a tab's side of the streams that all tabs share
// (stream_hub.js). A tab that nobody sees listens to nothing, and so does one whose log-in has ended.
import { ask, urlOf } from "./api.js";
import { canAsk, isOpen, onAsker } from "./asker.js";
import { serve } from "./stream_hub.js";

const listeners = new Map(); // by number: those that are open
let numbers = 0;
let hub = null; // the port to it

// What one has logged in for is not for the other tabs.
function connect() {
  if (!isOpen) return use(ownHub());
  try {
    const worker = new SharedWorker(new URL("stream_hub.js", import.meta.url), { type: "module", name: "jangbu streams" });
    worker.onerror = () => use(ownHub()); // this browser cannot run it
    use(worker.port);
  } catch {
    use(ownHub());
  }
}

function ownHub() {
  const { port1, port2 } = new MessageChannel();
  serve(port1, ask);
  return port2;
}

function use(port) {
  hub = port;
  port.onmessage = ({ data: { number, state, events } }) => {
    const listener = listeners.get(number);
    if (!listener?.listening) return;
    if (state) listener.onState(state);
    for (const [id, data] of events ?? []) {
      listener.last = id;
      listener.onEvent(data, id);
      if (!listener.listening) return; // it was closed meanwhile
    }
  };
  for (const listener of listeners.values()) if (listener.listening) listener.listen();
}

// Server-sent events after `after`, or from now on, for as long as they are wanted: a stream that
// breaks, or that the server refuses for now, is asked for again.
//
//   const stream = follow("operations", "/events/stream", "event", { after, onEvent, onState });
//   stream.close();
//
// While the tab is hidden, or a log-in has ended, nothing is heard. Afterwards `onReturn` is given the
// id of the event that was heard last and says after which to go on; without it, after that one. It
// may take its time, and fail: then it is asked again.
export function follow(service, path, type, { after = null, onEvent, onState = () => {}, onReturn = (last) => last }) {
  const url = urlOf(service, path);
  if (!hub) connect();
  const listener = {
    number: ++numbers,
    listening: false,
    last: after,
    onEvent,
    onState,
    onReturn,
    listen() {
      hub.postMessage({ listen: this.number, url, type, after: this.last });
    },
  };
  listeners.set(listener.number, listener);
  if (canListen()) begin(listener);
  return {
    close() {
      leave(listener);
      listeners.delete(listener.number);
    },
  };
}

const canListen = () => !document.hidden && canAsk();

function begin(listener) {
  listener.listening = true;
  listener.listen();
}

function leave(listener) {
  if (listener.listening) hub.postMessage({ leave: listener.number });
  listener.listening = false;
}

async function comeBack(listener) {
  const wanted = () => canListen() && !listener.listening && listeners.has(listener.number);
  while (wanted()) {
    try {
      const after = await listener.onReturn(listener.last);
      if (!wanted()) return;
      listener.last = after;
      return begin(listener);
    } catch {
      await new Promise((done) => setTimeout(done, 1_000));
    }
  }
}

function beginOrLeave() {
  for (const listener of listeners.values()) {
    if (canListen()) comeBack(listener);
    else if (listener.listening) {
      leave(listener);
      listener.onState("lost");
    }
  }
}

document.addEventListener("visibilitychange", beginOrLeave);
onAsker.addEventListener("change", beginOrLeave);
// The hub is not told that a tab has gone.
addEventListener("pagehide", () => listeners.forEach(leave));
addEventListener("pageshow", ({ persisted }) => persisted && beginOrLeave());
