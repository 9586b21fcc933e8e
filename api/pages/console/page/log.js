// The event log: its live end, an event with what led to it and what followed, and the thing it is
// about as it was at any position.
//
// A thousand events a second may come. They are kept as text; ten times a second the newest are put
// into words and into the list, which holds a bounded number of rows; less often where there are so
// many that nobody could read them. What was never shown is never parsed.
import { Problem, get } from "./api.js";
import { el, field, fill } from "./dom.js";
import { schemas } from "./schemas.js";
import { follow } from "./streams.js";
import { dateTime, problemText, t, time } from "./text.js";

const mostRows = 200;
const renderEveryMs = 100;
const manyRows = 40; // at once: then the next ones come later
const restMs = 400;
const firstLook = 60; // positions back from the end

const lastOf = (position) => `${position}.4294967295`; // after every event of the commit

function placeBefore(id) {
  const [position, index] = id.split(".").map(Number);
  return index > 0 ? `${position}.${index - 1}` : lastOf(position - 1);
}

// Where an entity's history and its past are. A purchase is shown with its delivery, whose id it has.
const homes = {
  account: (id) => ({ service: "account", path: `/accounts/${id}` }),
  product: (id) => ({ service: "product", path: `/products/${id}` }),
  purchase: (id) => ({ service: "delivery", path: `/deliveries/${id}` }),
};

export class Log {
  constructor() {
    this.type = "";
    this.paused = false;
    this.waiting = []; // came, and are not in the list yet, as they came: the oldest first
    this.dropped = 0;
    this.restUntil = 0;
    this.count = 0; // since the last look at the rate
    this.arrivals = []; // { until, ms, count } of the last two seconds, for the rate
  }

  // `route`: "", an event ("42.0", "42"), or "entity/purchase/<id>".
  mount(root, route) {
    this.rows = el("ul", { class: "rows events", id: "tail", "aria-label": t.tail });
    this.state = el("span", { class: "live" }, t.reconnecting);
    this.speed = el("span", { class: "hint", id: "tail-rate" });
    this.pauseButton = el("button", { type: "button", id: "pause", onclick: () => this.#pause(!this.paused) });
    this.detail = el("div", {}, el("p", { class: "hint" }, t.chooseEvent));
    const type = el(
      "select",
      { id: "tail-type", onchange: () => { this.type = type.value; this.#begin(); } },
      el("option", { value: "" }, t.allTypes),
      schemas.EventType.enum.map((name) => el("option", { value: name }, name)),
    );
    type.value = this.type;
    const place = el("input", { type: "text", inputmode: "decimal", pattern: "[0-9]+(\\.[0-9]+)?", placeholder: "42.0", id: "go-to", required: true });
    fill(
      root,
      el(
        "div",
        { class: "columns log" },
        el(
          "section",
          { class: "card" },
          el("h2", {}, t.tail, this.state),
          el("p", { class: "hint" }, t.tailWhat),
          el(
            "div",
            { class: "toolbar" },
            field(t.type, type),
            el(
              "form",
              { class: "inline", onsubmit: (event) => { event.preventDefault(); location.hash = `log/${place.value.trim()}`; } },
              field(t.goTo, place),
              el("button", { type: "submit" }, t.go),
            ),
            this.pauseButton,
          ),
          this.speed,
          this.rows,
        ),
        el("section", { class: "card", id: "event" }, el("h2", {}, t.event), this.detail),
      ),
    );
    this.#pause(this.paused);
    this.timer = setInterval(() => this.#render(), renderEveryMs);
    this.#begin();
    this.show(route);
  }

  unmount() {
    clearInterval(this.timer);
    this.stream?.close();
    this.stream = null;
    this.mountedFor = this.shown = null;
  }

  // The shop answers again: streams go on by themselves, and one that never began begins.
  resume() {
    if (!this.stream) this.#begin();
    if (this.detail.querySelector(".again")) this.show(this.route);
  }

  show(route) {
    this.route = route;
    if (!route) return;
    const entity = /^entity\/(account|product|purchase)\/([0-9a-f-]{36})$/.exec(route);
    if (entity) this.#showEntity(entity[1], entity[2]);
    else this.#showEvent(route);
  }

  // --- The tail ----------------------------------------------------------------------------------

  // From a little before the end, then on and on.
  async #begin() {
    const mine = (this.mountedFor = Symbol());
    this.stream?.close();
    this.stream = null;
    this.#showState("lost");
    this.waiting = [];
    this.dropped = 0;
    const { type } = this;
    const filter = type ? `&type=${type}` : "";
    try {
      const end = (await get("operations", "/events?limit=1")).position;
      const from = Math.max(1, end - firstLook);
      const { json, position } = await get("operations", `/events?from=${from}&limit=100${filter}`);
      if (this.mountedFor !== mine) return;
      fill(this.rows, json.items.length === 0 && el("li", { class: "hint" }, this.type ? t.noneOfTheLatest : t.noEvents));
      this.#add(json.items);
      // What is between the page and the end comes by the stream. A page ends early, and may be
      // empty, where the shop has looked at as much as it does for one.
      const after = json.next === null ? lastOf(position) : placeBefore(json.next);
      // All tabs hear the same stream, so each picks what it wants.
      this.stream = follow("operations", "/events/stream", "event", {
        after,
        onReturn: (last) => this.#placeAfterAWhile(last),
        onEvent: (text) => {
          if (!type || (text.includes(type) && JSON.parse(text).type === type)) this.#arrived(text);
        },
        onState: (state) => this.#showState(state),
      });
    } catch (error) {
      if (this.mountedFor !== mine) return;
      fill(
        this.rows,
        el("li", { class: "error", role: "alert" }, problemText(error), " ", el("button", { type: "button", onclick: () => this.#begin() }, t.again)),
      );
    }
  }

  // Where to go on when the tab was hidden: after what came last, unless that is more than is shown.
  async #placeAfterAWhile(last) {
    const end = (await get("operations", "/events?limit=1")).position;
    const from = end - firstLook;
    const missed = from - Number(last.split(".")[0]);
    if (missed <= mostRows) return last;
    this.dropped += missed;
    return lastOf(from);
  }

  #showState(state) {
    this.state.textContent = state === "open" ? t.live : t.reconnecting;
    this.state.classList.toggle("on", state === "open");
  }

  #arrived(text) {
    this.waiting.push(text);
    ++this.count;
    if (this.waiting.length < 2 * mostRows) return;
    this.dropped += this.waiting.length - mostRows;
    this.waiting = this.waiting.slice(-mostRows);
  }

  #pause(paused) {
    this.paused = paused;
    this.dropped = 0;
    this.pauseButton.textContent = paused ? t.resume : t.pause;
    this.pauseButton.setAttribute("aria-pressed", String(paused));
  }

  #render() {
    this.#showSpeed();
    if (this.paused || this.waiting.length === 0 || performance.now() < this.restUntil) return;
    if (this.waiting.length > manyRows) this.restUntil = performance.now() + restMs;
    this.#add(this.waiting.splice(0).slice(-mostRows).map((text) => JSON.parse(text)));
  }

  // To the top of the list, the last one first.
  #add(events) {
    if (events.length > 0) this.rows.querySelector(".hint")?.remove();
    this.rows.prepend(...events.toReversed().map((event) => this.#row(event)));
    while (this.rows.childElementCount > mostRows) this.rows.lastElementChild.remove();
  }

  #showSpeed() {
    const until = performance.now();
    const ms = until - (this.arrivals.at(-1)?.until ?? until - renderEveryMs);
    this.arrivals.push({ until, ms, count: this.count });
    this.count = 0;
    while (this.arrivals[0].until < until - 2_000) this.arrivals.shift();
    const of = (what) => this.arrivals.reduce((total, one) => total + one[what], 0);
    const perSecond = (1_000 * of("count")) / of("ms");
    const text = [
      this.paused ? t.paused(this.waiting.length + this.dropped) : t.eventsPerSecond(Math.round(perSecond)),
      !this.paused && this.dropped > 0 && t.skipped(this.dropped),
    ];
    const said = text.filter(Boolean).join(" · ");
    if (this.speed.textContent !== said) this.speed.textContent = said;
  }

  #row(event) {
    const [kind, id] = event.subject.split("/");
    return el(
      "li",
      { "data-id": event.id },
      el(
        "a",
        { class: "row", href: `#log/${event.id}` },
        el("span", { class: "position" }, event.id),
        el("span", { class: `type ${kind}` }, event.type),
        el("span", { class: "what" }, summary(event)),
        el("span", { class: "entity" }, `${t.kinds[kind]} ${id.slice(-6)}`),
        el("time", { datetime: event.time }, time(event.time)),
      ),
    );
  }

  // --- One event ---------------------------------------------------------------------------------

  async #showEvent(place) {
    const mine = (this.shown = Symbol());
    const [position, index = 0] = place.split(".");
    const id = `${Number(position)}.${Number(index)}`; // without leading zeros
    try {
      const { json } = await get("operations", `/events?from=${encodeURIComponent(id)}&limit=1`);
      if (this.shown !== mine) return;
      const event = json.items[0];
      if (event?.id !== id) return this.#sayDetail(t.noSuchEvent(place));
      const [kind, entity] = event.subject.split("/");
      const chain = el("div", {});
      const past = el("div", {});
      fill(
        this.detail,
        el("p", { class: "headline" }, el("span", { class: `type ${kind}` }, event.type), el("span", { class: "position" }, event.id)),
        el("p", {}, summary(event)),
        event.commitauthor && el("p", { class: "hint", id: "author" }, t.writtenBy(...event.commitauthor.split(" "))),
        chain,
        el("details", { open: true }, el("summary", {}, t.cloudEvent), el("pre", { id: "cloud-event", tabindex: "0" }, JSON.stringify(event, null, 2))),
        past,
      );
      this.#bringIntoView();
      // The log tells of the event; what was before and after it, a read model.
      await this.#inDetail(mine, past, async () => {
        const history = await historyOf(kind, entity, Number(id.split(".")[0]));
        return () => {
          fill(chain, this.#chain(event, history));
          fill(past, this.#past(kind, entity, history, id));
        };
      });
    } catch (error) {
      if (this.shown === mine) this.#sayDetail(problemText(error), true);
    }
  }

  // Shows what `work` gives, or in `place` why it cannot, and offers to try again.
  async #inDetail(mine, place, work) {
    try {
      const show = await work();
      if (this.shown === mine) show();
    } catch (error) {
      if (this.shown === mine) fill(place, this.#failure(problemText(error), true));
    }
  }

  async #showEntity(kind, entity) {
    const mine = (this.shown = Symbol());
    await this.#inDetail(mine, this.detail, async () => {
      const history = await historyOf(kind, entity);
      return () => {
        fill(this.detail, this.#past(kind, entity, history, history.at(-1)?.id));
        this.#bringIntoView();
      };
    });
  }

  // On a narrow page it is below the tail.
  #bringIntoView() {
    const section = this.detail.closest("section");
    if (section.getBoundingClientRect().top > innerHeight / 2) section.scrollIntoView();
  }

  #sayDetail(text, mayPass = false) {
    fill(this.detail, this.#failure(text, mayPass));
  }

  #failure(text, mayPass) {
    return [
      el("p", { class: "error", role: "alert" }, text),
      mayPass && el("button", { type: "button", class: "again", onclick: () => this.show(this.route) }, t.again),
    ];
  }

  // Its cause, and what came before and after it in the life of the same thing.
  #chain(event, history) {
    const at = history.findIndex(({ id }) => id === event.id);
    const before = at > 0 ? history[at - 1] : null;
    const followed = at < 0 ? [] : history.slice(at + 1);
    const cause = event.causation
      ? el("a", { href: `#log/${event.causation}` }, t.causeEvent(event.causation))
      : event.correlation
        ? t.causeRequest(event.correlation)
        : t.causeUnnamed;
    return el(
      "dl",
      { class: "chain", id: "chain" },
      el("dt", {}, t.cause),
      el("dd", { id: "cause" }, cause),
      el("dt", {}, t.before),
      el("dd", {}, before ? link(before) : t.first),
      el("dt", {}, t.followed),
      el("dd", { id: "followed" }, followed.length === 0 ? t.nothingFollowed : el("ul", {}, followed.map((one) => el("li", {}, link(one))))),
    );
  }

  // The history of an entity as a timeline, and a slider over it.
  #past(kind, entity, history, current) {
    if (history.length === 0) return el("p", { class: "error" }, t.asOfNothing);
    const positions = [...new Set(history.map(({ id }) => Number(id.split(".")[0])))];
    const start = Math.max(positions.indexOf(Number(current.split(".")[0])), 0);
    const output = el("output", { id: "as-of-position" });
    const state = el("pre", { id: "as-of", tabindex: "0", "aria-live": "polite" });
    const slider = el("input", {
      type: "range",
      id: "as-of-slider",
      min: "0",
      max: String(positions.length - 1),
      step: "1",
      value: String(start),
      "aria-label": t.asOf,
      oninput: () => look(),
    });
    const list = el(
      "ol",
      { class: "timeline", id: "entity-timeline" },
      history.map((event) =>
        el(
          "li",
          { "data-position": event.id.split(".")[0] },
          el("a", { class: "position", href: `#log/${event.id}` }, event.id),
          el("span", { class: "what" }, t.summaries[event.type]?.(event.data) ?? event.type),
          el("time", { datetime: event.occurredAt }, dateTime(event.occurredAt)),
        ),
      ),
    );
    let asked;
    const look = async () => {
      const position = positions[Number(slider.value)];
      output.textContent = t.asOfAt(position);
      slider.setAttribute("aria-valuetext", t.asOfAt(position));
      for (const item of list.children) item.classList.toggle("chosen", item.dataset.position === String(position));
      asked?.abort();
      asked = new AbortController();
      const { service, path } = homes[kind](entity);
      try {
        const past = (at) => get(service, `${path}?asOf=${at}`, { signal: asked.signal });
        const before = slider.value === "0" ? null : past(positions[Number(slider.value) - 1]);
        const [now, then] = await Promise.all([past(position), before]);
        fill(state, withChanges(now.json, then?.json ?? {}));
      } catch (error) {
        if (error.name === "AbortError") return;
        const behind = error instanceof Problem && error.code === "read-model-behind";
        fill(state, behind ? t.asOfBehind : problemText(error));
      }
    };
    look();
    return el(
      "div",
      { class: "past" },
      el("h3", {}, t.entityHistory(t.kinds[kind]), el("span", { class: "entity" }, entity)),
      list,
      el("h3", {}, t.asOf, output),
      el("p", { class: "hint" }, t.asOfWhat),
      slider,
      state,
      kind === "purchase" && el("p", {}, el("a", { href: `#shop/${entity}` }, t.seeDelivery)),
    );
  }
}

const summary = (event) => t.summaries[event.type]?.(event.data) ?? "";

const link = (event) =>
  el("a", { href: `#log/${event.id}` }, el("span", { class: "position" }, event.id), ` ${t.summaries[event.type]?.(event.data) ?? event.type}`);

// All that is known of a thing, oldest first.
async function historyOf(kind, entity, atLeast = 0) {
  const { service, path } = homes[kind](entity);
  const events = [];
  for (let after = ""; after !== null; ) {
    const { json } = await get(service, `${path}/history?limit=100&minPosition=${atLeast}${after && `&after=${after}`}`);
    events.push(...json.items);
    after = json.next;
  }
  return events;
}

// The JSON, a line each field, with those marked that were otherwise before.
function withChanges(now, before) {
  const body = Object.entries(now).flatMap(([name, value], index, all) => {
    const text = `  ${JSON.stringify(name)}: ${JSON.stringify(value, null, 2).replaceAll("\n", "\n  ")}${index < all.length - 1 ? "," : ""}\n`;
    const same = JSON.stringify(before[name]) === JSON.stringify(value);
    return same ? [text] : [el("mark", {}, text)];
  });
  return ["{\n", ...body, "}"];
}

