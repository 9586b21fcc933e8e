// The open deliveries, and one of them with its timeline: both move by themselves, by server-sent
// events, or by asking again for whoever may not have those. The carrier reports, the buyer confirms or
// cancels.
import { Problem, get, newKey } from "./api.js";
import { actsForAll, asker, canAsk, has, may } from "./asker.js";
import { command, isInDoubt } from "./commands.js";
import { el, field, fill, isOutOfUse, outOfUse, throttled } from "./dom.js";
import { schemas } from "./schemas.js";
import { follow } from "./streams.js";
import { addressText, dateTime, number, problemText, t } from "./text.js";

const listed = 12;
const mostPages = 20;
const askEveryMs = 5_000; // without a stream

const { location: place, carrier, trackingNumber } = schemas.NewScan.properties;
const cancellable = new Set(["preparing", "label-created"]);

// The stages of a parcel that goes well, for the bar above the timeline.
const stages = ["preparing", "picked-up", "in-transit", "out-for-delivery", "delivered", "receipt-confirmed"];
const stageOf = {
  "label-created": "preparing",
  "attempt-failed": "out-for-delivery",
  "available-for-pickup": "out-for-delivery",
  exception: "in-transit",
};

// What a carrier would report next, to be offered first.
const next = {
  preparing: "picked-up", "label-created": "picked-up", "picked-up": "in-transit", "in-transit": "out-for-delivery",
  "out-for-delivery": "delivered", "attempt-failed": "available-for-pickup", "available-for-pickup": "delivered",
  exception: "in-transit", delivered: "delivered",
};

const isBehind = (error) => error instanceof Problem && error.code === "read-model-behind";
const isCurrent = (current) => String(current); // an empty aria-current says false
const lastOf = (position) => `${position}.4294967295`; // after every event of the commit

export class Deliveries {
  constructor() {
    this.chosen = null; // the id of a delivery
    this.scan = { carrier: asker?.carrier ?? "우체국택배", trackingNumber: "6865412345678", location: "서울" };
    this.draft = null; // what was chosen and typed for the delivery as it is
    this.unsettled = new Map(); // by path: a command of which it is not known what became of it
  }

  element(route) {
    this.list = el("ul", { class: "rows", "aria-label": t.deliveries });
    this.listState = may("streamDeliveries") && el("span", { class: "live" }, t.reconnecting);
    this.one = el("div", {});
    this.refreshList = throttled(400, () => this.#list());
    this.mounted = Symbol();
    this.#begin();
    if (route) this.chosen = route;
    if (this.chosen) this.choose(this.chosen);
    else fill(this.one, el("p", { class: "hint" }, t.chooseDelivery));
    return [
      el(
        "section",
        { class: "card", id: "delivery" },
        el("h2", {}, t.delivery),
        this.one,
      ),
      el(
        "section",
        { class: "card", id: "deliveries" },
        el("h2", {}, t.deliveries, this.listState),
        el("p", { class: "hint" }, this.listState ? t.deliveriesWhat : t.deliveriesAsked),
        this.list,
      ),
    ];
  }

  resume() {
    this.#begin();
    if (this.chosen && !this.shown) this.choose(this.chosen);
  }

  close() {
    this.mounted = null;
    this.#stopHearing();
  }

  // A stream tells of the accounts that somebody had when it began.
  hearAnew() {
    this.#stopHearing();
    this.#begin();
  }

  #stopHearing() {
    this.all?.close();
    this.all = null;
  }

  // --- The list ----------------------------------------------------------------------------------

  async #begin() {
    const { mounted } = this;
    const there = await this.#list();
    if (there && this.mounted === mounted && !this.all) this.all = may("streamDeliveries") ? this.#followAll() : this.#askAgain();
  }

  async #list() {
    const { mounted } = this;
    try {
      const query = this.position ? `&minPosition=${this.position}` : "";
      const { items, position } = await this.#newest(query);
      if (this.mounted !== mounted) return false;
      if (position < (this.position ?? 0)) return true; // one that was asked for later was faster
      this.position = position;
      const focused = document.activeElement?.dataset?.delivery;
      fill(
        this.list,
        items.length === 0 && el("li", { class: "hint" }, t.noDeliveries),
        items.map((delivery) => this.#row(delivery)),
      );
      if (focused) this.list.querySelector(`[data-delivery="${focused}"]`)?.focus();
      return true;
    } catch (error) {
      if (this.mounted !== mounted) return false;
      if (isBehind(error) && this.list.querySelector(".row")) {
        this.refreshList(); // what is there is not wrong, only late
        return true;
      }
      fill(
        this.list,
        el("li", { class: "error" }, problemText(error), " ", el("button", { type: "button", onclick: () => this.resume() }, t.again)),
      );
      return false;
    }
  }

  // A carrier's are looked for among a bounded number for a page, which may have none though others
  // follow.
  async #newest(query) {
    const items = [];
    let position = null;
    let after = "";
    for (let pages = 0; pages < mostPages; ++pages) {
      const page = await get("delivery", `/deliveries?limit=${listed - items.length}${after}${query}`);
      position ??= page.position;
      items.push(...page.json.items);
      if (page.json.next === null || items.length === listed) break;
      after = `&after=${encodeURIComponent(page.json.next)}`;
    }
    return { items, position };
  }

  #row(delivery) {
    const [item, ...rest] = delivery.items;
    return el(
      "li",
      {},
      el(
        "button",
        {
          type: "button",
          class: "row",
          "data-delivery": delivery.id,
          "aria-current": isCurrent(delivery.id === this.chosen),
          onclick: () => this.choose(delivery.id),
        },
        el("span", { class: "name" }, delivery.recipient),
        el("span", { class: "detail" }, `${number(item.quantity)} × ${item.product}${rest.length ? ` +${rest.length}` : ""}`),
        pill(delivery.status),
      ),
    );
  }

  #askAgain() {
    const timer = setInterval(() => {
      if (document.hidden || !canAsk()) return;
      this.refreshList();
      if (this.shown) this.#show(null);
    }, askEveryMs);
    return { close: () => clearInterval(timer) };
  }

  #followAll() {
    return follow("delivery", "/deliveries/events", "delivery-status", {
      after: lastOf(this.position ?? 0),
      onEvent: (text, id) => {
        this.position = Math.max(this.position ?? 0, Number(id.split(".")[0]));
        this.refreshList();
        if (JSON.parse(text).deliveryId === this.chosen) this.#show(this.position);
      },
      onReturn: () => null, // all is read again then
      onState: (state) => {
        this.listState.textContent = state === "open" ? t.live : t.reconnecting;
        this.listState.classList.toggle("on", state === "open");
        if (state !== "open") return;
        this.refreshList();
        if (this.shown) this.#show(this.position); // what happened before the stream began
      },
    });
  }

  // --- One delivery ------------------------------------------------------------------------------

  // Shows it, as it is at that position or later.
  async choose(id, position = null, jump = false) {
    this.chosen = id;
    this.shown = null;
    if (!this.mounted) return; // it is shown when somebody comes back
    history.replaceState(null, "", `#shop/${id}`);
    for (const row of this.list.querySelectorAll(".row")) row.setAttribute("aria-current", isCurrent(row.dataset.delivery === id));
    await this.#show(position);
    if (jump) this.one.closest("section").scrollIntoView();
  }

  async #show(position) {
    const id = this.chosen;
    const { mounted } = this;
    const before = this.shown;
    const isWanted = () => this.chosen === id && this.mounted === mounted;
    try {
      const query = position ? `?minPosition=${position}` : "";
      const [one, history] = await Promise.all([
        get("delivery", `/deliveries/${id}${query}`),
        may("getDeliveryHistory") && get("delivery", `/deliveries/${id}/history?limit=100${query.replace("?", "&")}`),
      ]);
      // One that was asked for later may have been faster.
      if (!isWanted() || one.position < (this.shown ?? 0)) return;
      this.shown = one.position;
      this.#render(one.json, history ? history.json.items : scansOf(one.json));
    } catch (error) {
      if (!isWanted() || this.shown !== before) return;
      if (this.shown && isBehind(error)) return this.#show(position); // the server has waited
      this.shown = null;
      fill(
        this.one,
        el("p", { class: "error", role: "alert" }, problemText(error)),
        el("button", { type: "button", onclick: () => this.choose(id, position) }, t.again),
      );
    }
  }

  #render(delivery, events) {
    const as = `${delivery.id} ${delivery.status}`;
    if (this.draft?.as !== as) this.draft = { as, status: next[delivery.status] ?? "in-transit", reason: "" };
    const focused = document.activeElement?.id;
    fill(
      this.one,
      el("p", { class: "headline" }, el("b", {}, delivery.recipient), pill(delivery.status)),
      el(
        "dl",
        {},
        el("dt", {}, t.shipsTo),
        el("dd", {}, addressText(delivery.address)),
        el("dt", {}, t.items),
        el("dd", {}, delivery.items.map((item) => `${number(item.quantity)} × ${item.product}`).join(", ")),
        delivery.trackingNumber && [
          el("dt", {}, t.tracking),
          el("dd", {}, `${delivery.carrier} ${delivery.trackingNumber}`),
        ],
      ),
      stageBar(delivery.status),
      timeline(events),
      delivery.closedAt
        ? el("p", { class: "hint" }, t.deliveryClosed)
        : [(actsForAll() || has("carrier")) && this.#carrier(delivery), may("cancelPurchase") && this.#buyer(delivery)],
      may("listEvents") && el("p", {}, el("a", { href: `#log/entity/purchase/${delivery.id}` }, t.history)),
    );
    if (focused) document.getElementById(focused)?.focus();
  }

  #carrier(delivery) {
    const said = el("p", { role: "status" });
    const remember = (name) => (event) => (this.scan[name] = event.target.value);
    const status = el(
      "select",
      { id: "scan-status", onchange: () => (this.draft.status = status.value) },
      schemas.CarrierStatus.enum.map((one) => el("option", { value: one }, t.statuses[one])),
    );
    status.value = this.draft.status;
    const button = el("button", { type: "submit", class: "primary", id: "send-scan" }, t.sendScan);
    const submit = async (event) => {
      event.preventDefault();
      await act(button, said, async () => {
        const scan = { ...this.scan, status: status.value };
        const answer = await this.#once("delivery", `/deliveries/${delivery.id}/scans`, scan, () => ({
          occurredAt: new Date().toISOString(),
        }));
        await this.#show(answer.position);
        const late = answer.json.status !== scan.status;
        return late ? t.lateScan : t.recordedAt(answer.position);
      }, this.#finder(delivery, "#carrier-said"));
    };
    said.id = "carrier-said";
    return el(
      "form",
      { class: "panel", onsubmit: submit },
      el("h3", {}, t.carrier),
      el("p", { class: "hint" }, actsForAll() ? t.carrierWhat : t.carrierOwn),
      el(
        "div",
        { class: "grid" },
        field(t.status, status),
        field(t.location, el("input", { type: "text", id: "scan-place", maxlength: place.maxLength, value: this.scan.location, oninput: remember("location") })),
        field(t.carrier, el("input", { type: "text", id: "scan-carrier", maxlength: carrier.maxLength, required: true, readonly: !actsForAll(), value: this.scan.carrier, oninput: remember("carrier") })),
        field(t.trackingNumber, el("input", { type: "text", id: "scan-number", maxlength: trackingNumber.maxLength, required: true, value: this.scan.trackingNumber, oninput: remember("trackingNumber") })),
      ),
      el("div", { class: "buttons" }, button),
      said,
    );
  }

  #buyer(delivery) {
    const said = el("p", { role: "status", id: "buyer-said" });
    const reason = el("input", {
      type: "text",
      maxlength: schemas.Cancellation.properties.reason.maxLength,
      id: "cancel-reason",
      value: this.draft.reason,
      oninput: () => (this.draft.reason = reason.value),
    });
    const find = this.#finder(delivery, "#buyer-said");
    const receipt = el(
      "button",
      {
        type: "button",
        id: "confirm-receipt",
        class: delivery.status === "delivered" ? "primary" : null,
        onclick: () => act(receipt, said, () => this.#act(`/deliveries/${delivery.id}/receipt`, "delivery", {}), find),
      },
      t.confirmReceipt,
    );
    const cancel = el(
      "button",
      {
        type: "button",
        id: "cancel-purchase",
        onclick: () =>
          act(cancel, said, () =>
            this.#act(`/purchases/${delivery.id}/cancellation`, "purchase", reason.value.trim() ? { reason: reason.value.trim() } : {}), find),
      },
      t.cancelPurchase,
    );
    return el(
      "div",
      { class: "panel" },
      el("h3", {}, t.buyerActions),
      cancellable.has(delivery.status) && field(t.reason, reason),
      el("div", { class: "buttons" }, receipt, cancel),
      said,
    );
  }

  // Finds what is shown of this delivery, as long as it is the one that is shown.
  #finder(delivery, selector) {
    return () => (this.chosen === delivery.id ? this.one.querySelector(selector) : null);
  }

  async #act(path, service, body) {
    const answer = await this.#once(service, path, body);
    await this.#show(answer.position);
    return t.recordedAt(answer.position);
  }

  // Carries out a command. One that was left unsettled is repeated as it was, under its key, as long
  // as the same is wanted. `more` is what it says beside what is wanted.
  async #once(service, path, wanted, more = () => ({})) {
    const text = JSON.stringify(wanted);
    const known = this.unsettled.get(path);
    const sent = known?.text === text ? known : { text, key: newKey(), body: { ...wanted, ...more() } };
    this.unsettled.set(path, sent);
    try {
      const answer = await command(service, "POST", path, sent.body, { key: sent.key });
      if (!may("streamDeliveries")) {
        this.position = answer.position;
        this.refreshList();
      }
      return answer;
    } finally {
      // Meanwhile something else may have been wanted there.
      if (!isInDoubt(sent.key) && this.unsettled.get(path) === sent) this.unsettled.delete(path);
    }
  }
}

// Does it, with the button out of use meanwhile, and says what came of it; `find` gives the place to
// say it, since what is shown may be another element by then.
async function act(button, said, work, find) {
  if (isOutOfUse(button)) return;
  const say = (text, kind) => {
    const place = find() ?? said;
    place.className = kind;
    fill(place, text);
  };
  try {
    say(await outOfUse(button, work), "hint");
  } catch (error) {
    say(problemText(error), "error");
  }
}

export const pill = (status) => el("span", { class: `pill ${status}`, "data-status": status }, t.statuses[status] ?? status);

function stageBar(status) {
  if (["cancelled", "returned-to-sender"].includes(status)) return null;
  const reached = stages.indexOf(stageOf[status] ?? status);
  return el(
    "ol",
    { class: "stages" },
    stages.map((stage, index) =>
      el("li", { class: index <= reached ? "reached" : null, "aria-current": index === reached ? "step" : null }, t.statuses[stage]),
    ),
  );
}

// All that is told of its past to whoever may not see its events.
const scansOf = ({ scans }) => scans.map((scan) => ({ type: "DeliveryScanned", data: { scan }, occurredAt: scan.occurredAt }));

const idOf = ({ id }) =>
  id && (may("listEvents") ? el("a", { href: `#log/${id}`, class: "position" }, id) : el("span", { class: "position" }, id));

function timeline(events) {
  return el(
    "ol",
    { class: "timeline", id: "timeline", "aria-label": t.timeline },
    events.toReversed().map((event) =>
      el(
        "li",
        { "data-type": event.type },
        idOf(event),
        el("span", { class: "what" }, t.summaries[event.type]?.(event.data) ?? event.type),
        el("time", { datetime: event.occurredAt }, dateTime(event.occurredAt)),
      ),
    ),
  );
}
