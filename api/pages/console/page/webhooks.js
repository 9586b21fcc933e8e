// The webhooks: how each fares, and pausing, resuming, replaying and testing it. A part of the
// Operations view.
import { get, send } from "./api.js";
import { may } from "./asker.js";
import { el, fill } from "./dom.js";
import { dateTime, number, problemText, t } from "./text.js";

export class Webhooks {
  constructor() {
    this.results = new Map(); // by name: what the last button came to, { good, text }
  }

  mount(place) {
    this.place = place;
    this.shown = null;
  }

  async refresh() {
    const { items } = (await get("operations", "/webhooks")).json;
    this.#show(items);
  }

  // Shown anew only when something has changed: somebody may be at one of its buttons or fields.
  #show(webhooks) {
    const text = JSON.stringify([webhooks, [...this.results]]);
    if (this.shown === text && !this.place.querySelector(":scope > .failure")) return;
    if (this.place.querySelector("button:active")) return;
    this.shown = text;
    if (webhooks.length === 0) return fill(this.place, el("p", { class: "hint" }, t.webhooks.none));
    const focused = document.activeElement?.closest("[data-control]")?.dataset.control;
    const typed = new Map([...this.place.querySelectorAll("input")].map(({ name, value }) => [name, value]));
    const heads = [t.webhooks.name, t.state, t.webhooks.pending, t.parked, t.webhooks.lastAttempt, ""];
    fill(
      this.place,
      el(
        "table",
        { class: "cards" },
        el("thead", {}, el("tr", {}, heads.map((head) => (head ? el("th", { scope: "col" }, head) : el("td"))))),
        el("tbody", {}, webhooks.flatMap((webhook) => this.#webhook(webhook, heads))),
      ),
    );
    for (const input of this.place.querySelectorAll("input")) input.value = typed.get(input.name) ?? "";
    if (focused) this.place.querySelector(`[data-control="${focused}"]`)?.focus();
  }

  #webhook(webhook, heads) {
    const { name, url, types, state, reason, since, nextAttempt, lastAttempt } = webhook;
    const cell = (index, ...content) => el("td", { "data-head": heads[index] }, ...content);
    const status = state === "active" ? "up" : "down";
    const row = el(
      "tr",
      { "data-webhook": name },
      el("th", { scope: "row" }, name, el("p", { class: "hint" }, url), el("p", { class: "hint" }, types.join(", ") || t.webhooks.allTypes)),
      cell(
        1,
        el("span", { class: `dot ${status}` }),
        t.webhooks.states[state] ?? state,
        reason && el("p", { class: "reason" }, reason),
        since && el("p", { class: "hint" }, t.webhooks.since(dateTime(since))),
        nextAttempt && el("p", { class: "hint" }, t.webhooks.nextAttempt(dateTime(nextAttempt))),
      ),
      cell(2, number(webhook.pending)),
      cell(3, number(webhook.parked)),
      cell(4, lastAttempt ? t.webhooks.attempt(lastAttempt) : t.none),
      el("td", {}, may("pauseWebhook") && el("div", { class: "buttons" }, this.#controls(webhook))),
    );
    const result = this.results.get(name);
    if (!result) return [row];
    const said = el("p", { class: result.good ? "good" : "error", role: "status", "data-result": name }, result.text);
    return [row, el("tr", { class: "below" }, el("td", { colspan: String(heads.length) }, said))];
  }

  #controls({ name, state }) {
    const button = (control, text, work) =>
      el("button", { type: "button", "data-control": `${control}-${name}`, onclick: () => this.#do(name, work) }, text);
    const asked = (verb, body) => send("operations", "POST", `/webhooks/${name}/${verb}`, body);
    const from = el("input", {
      name: `from-${name}`,
      "data-control": `from-${name}`,
      "aria-label": t.webhooks.replayFrom(name),
      placeholder: "42.0",
      size: "8",
    });
    const isHeld = state === "paused" || state === "off";
    return [
      isHeld || state === "failing"
        ? button("resume", t.webhooks.resume, async () => (await asked("resume"), t.webhooks.resumed))
        : button("pause", t.webhooks.pause, async () => (await asked("pause"), t.webhooks.paused)),
      button("test", t.webhooks.test, async () => {
        const { json } = await asked("test");
        if (!json.delivered) throw new Error(json.detail);
        return t.webhooks.tested(json);
      }),
      from,
      button("replay", t.webhooks.replay, async () => {
        const { json } = await asked("replay", { from: from.value.trim() });
        return json.replayedFrom ? t.webhooks.replayed(json.replayedFrom) : t.webhooks.nothingToReplay;
      }),
    ];
  }

  async #do(name, work) {
    try {
      this.results.set(name, { good: true, text: await work() });
    } catch (error) {
      this.results.set(name, { good: false, text: problemText(error) });
    }
    this.refresh().catch(() => {}); // the next look will say why
  }
}
