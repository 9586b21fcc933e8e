// Server-sent events by fetch: EventSource cannot say who asks.
// https://html.spec.whatwg.org/multipage/server-sent-events.html
const longestWaitMs = 5_000;

// Lines of a stream's text as it comes in pieces; whatever is not yet a whole line waits.
class Lines {
  #rest = "";

  *of(text) {
    this.#rest += text;
    // A carriage return at the very end may be half of a line's end.
    const lines = this.#rest.split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop();
    yield* lines;
  }
}

// One stream, until it is closed: when it ends, breaks or is refused it is asked for again after
// what came last, each time later if nothing comes of it.
//
// `ask` is fetch, or does the same with more. `onState` is told "open" and "lost".
export class EventReader {
  #url;
  #ask;
  #type;
  #last;
  #onEvent;
  #onState;
  #retryMs = 1_000;
  #failures = 0;
  #closing = new AbortController();

  constructor(url, { ask, type, last, onEvent, onState }) {
    this.#url = url;
    this.#ask = ask;
    this.#type = type;
    this.#last = last;
    this.#onEvent = onEvent;
    this.#onState = onState;
    this.#readOn();
  }

  close() {
    this.#closing.abort();
  }

  async #readOn() {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      ++this.#failures;
      await this.#read(signal).catch(() => {}); // whatever it was, what helps is the same
      if (signal.aborted) return;
      this.#onState("lost");
      const ms = Math.max(Math.min(500 * 2 ** this.#failures, longestWaitMs), this.#retryMs);
      await new Promise((done) => setTimeout(done, ms));
    }
  }

  async #read(signal) {
    const headers = { Accept: "text/event-stream" };
    if (this.#last !== null) headers["Last-Event-ID"] = this.#last;
    const response = await this.#ask(this.#url, { headers, signal, cache: "no-store" });
    if (!response.ok) return response.body?.cancel();
    this.#failures = 0;
    this.#onState("open");
    const lines = new Lines();
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let event = { data: [] };
    for (;;) {
      const { done, value } = await reader.read();
      if (done || signal.aborted) return;
      for (const line of lines.of(value)) {
        if (line !== "") this.#take(line, event);
        else event = this.#dispatch(event);
        if (signal.aborted) return;
      }
    }
  }

  #take(line, event) {
    const [, field, value = ""] = /^([^:]*)(?:: ?(.*))?$/s.exec(line);
    if (field === "data") event.data.push(value);
    else if (field === "event") event.type = value;
    else if (field === "id" && !value.includes("\0")) event.id = value;
    else if (field === "retry" && /^\d+$/.test(value)) this.#retryMs = Number(value);
  }

  // Also what has no data says where the stream is.
  #dispatch({ id, type = "message", data }) {
    if (id !== undefined) this.#last = id;
    if (data.length > 0 && type === this.#type) this.#onEvent(this.#last, data.join("\n"));
    return { data: [] };
  }
}
