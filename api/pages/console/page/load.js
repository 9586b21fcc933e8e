// A bounded burst of purchases, run by the server, watched from here.
import { get, request, send } from "./api.js";
import { Chart, chartsAreThere } from "./chart.js";
import { el, field, fill, say } from "./dom.js";
import { current } from "./instances.js";
import { schemas } from "./schemas.js";
import { decimals, milliseconds, number, problemText, t } from "./text.js";

const everyMs = 500;
const shown = 10; // seconds in the table

// What POST /load takes, a share in percent.
const fields = Object.entries(schemas.LoadOptions.properties).map(([name, bounds]) => {
  const scale = name === "hotShare" ? 100 : 1;
  return { name, value: scale * bounds.default, min: scale * bounds.minimum, max: scale * bounds.maximum };
});

const underWay = new Set(["preparing", "running", "settling", "checking"]);

export class Load {
  constructor() {
    this.wanted = Object.fromEntries(fields.map(({ name, value }) => [name, String(value)]));
    this.run = null;
    this.at = null; // the instance that runs it, which alone knows of it
    this.lost = null; // the instance with which the last one went
    this.refused = ""; // what the shop said to the last button
  }

  mount(root) {
    this.said = el("p", { role: "alert" });
    this.startButton = el("button", { type: "submit", class: "primary", id: "start-load" }, t.start);
    this.stopButton = el("button", { type: "button", id: "stop-load", onclick: () => this.#do(() => request("operations", "DELETE", "/load", { at: this.at })) }, t.stop);
    this.progress = el("div", { id: "load-run" });
    const form = el(
      "form",
      {
        onsubmit: (event) => {
          event.preventDefault();
          const wanted = Object.fromEntries(fields.map(({ name }) => [name, Number(this.wanted[name])]));
          this.#do(() => this.#start({ ...wanted, hotShare: wanted.hotShare / 100 }));
        },
      },
      el(
        "div",
        { class: "grid" },
        fields.map(({ name, min, max }) =>
          field(
            t[name],
            el("input", {
              type: "number", id: `load-${name}`, inputmode: "numeric", min: String(min), max: String(max), step: "1", required: true,
              value: this.wanted[name],
              oninput: (event) => (this.wanted[name] = event.target.value),
            }),
          ),
        ),
      ),
      el("div", { class: "buttons" }, this.startButton, this.stopButton),
      this.said,
    );
    this.chart = chartsAreThere
      ? new Chart(
          t.charts.purchases,
          [
            { label: t.purchased, color: "--ink-blue", format: number },
            { label: t.refused, color: "--seal", format: number },
          ],
          () => this.#columns(),
          10,
        )
      : null;
    fill(
      root,
      el(
        "div",
        { class: "columns" },
        el("section", { class: "card" }, el("h2", {}, t.loadTitle), el("p", { class: "hint" }, t.loadWhat), form),
        el("section", { class: "card" }, this.progress, this.chart?.element),
      ),
    );
    this.timer = setInterval(() => this.#refresh(), everyMs);
    this.#refresh();
  }

  unmount() {
    clearInterval(this.timer);
    this.chart?.destroy();
  }

  async #start(wanted) {
    ({ json: this.run, at: this.at } = await send("operations", "POST", "/load", wanted));
    this.lost = null;
  }

  async #do(work) {
    this.refused = "";
    try {
      await work();
    } catch (error) {
      this.refused = problemText(error);
    }
    this.#refresh();
  }

  async #refresh() {
    if (document.hidden || this.refreshing) return;
    this.refreshing = true;
    try {
      await this.#look();
      if (this.refused) say(this.said, this.refused, "error");
      else if (this.lost) say(this.said, t.loadLost(this.lost.name), "error");
      else say(this.said, this.run.allowed ? "" : t.loadForbidden, "hint");
      this.#render();
    } catch (error) {
      say(this.said, problemText(error), "error");
    } finally {
      this.refreshing = false;
    }
  }

  // At the instance that the page is with, unless there is a run under way, which is of one instance.
  async #look() {
    const { run } = this;
    const at = underWay.has(run?.state) ? this.at : null;
    try {
      const answer = await get("operations", "/load", { at });
      if (this.run !== run) return; // another has been started
      // An instance that has been started again knows nothing of it.
      if (at && at !== current) this.lost = answer.json.startedAt === run.startedAt ? null : at;
      ({ json: this.run, at: this.at } = answer);
    } catch (error) {
      if (!at || at === current) throw error;
      this.lost = at;
    }
  }

  #columns() {
    const seconds = this.run?.seconds ?? [];
    const begun = this.run?.startedAt ? new Date(this.run.startedAt) / 1_000 : 0;
    return [
      seconds.map(({ second }) => begun + second),
      seconds.map(({ purchased }) => purchased),
      seconds.map(({ refused }) => total(refused)),
    ];
  }

  #render() {
    const { run } = this;
    const busy = underWay.has(run.state) && !this.lost;
    this.startButton.disabled = busy || !run.allowed;
    this.stopButton.disabled = !busy;
    this.chart?.draw();
    if (run.state === "none") return fill(this.progress, el("p", { class: "hint" }, t.loadStates.none));
    const refused = Object.entries(run.refused ?? {});
    fill(
      this.progress,
      el("h2", { "data-state": run.state }, this.lost ? t.health.lost : (t.loadStates[run.state] ?? run.state)),
      run.reason && el("p", { class: "error", lang: "en" }, run.reason),
      busy &&
        el(
          "p",
          { class: "life" },
          el("progress", { max: String(run.options.seconds), value: String(Math.min(run.elapsedSeconds, run.options.seconds)), "aria-label": t.seconds }),
          el("span", {}, `${decimals(run.elapsedSeconds, 0)} s`),
        ),
      el(
        "dl",
        { class: "figures" },
        figure(t.sent, number(run.sent)),
        figure(t.purchased, number(run.purchased), "load-purchased"),
        figure(t.refused, number(total(run.refused ?? {}))),
        figure(t.uncertainCount, number(run.uncertain)),
        run.notSent > 0 && figure(t.notSent, number(run.notSent)),
        figure("p50", `${milliseconds(run.overallLatencyMs?.p50)} ms`),
        figure("p99", `${milliseconds(run.overallLatencyMs?.p99)} ms`),
      ),
      refused.length > 0 && [
        el("h3", {}, t.refusals),
        el("ul", {}, refused.map(([code, count]) => el("li", {}, el("span", { class: "code" }, code), ` ${number(count)}`))),
      ],
      el("h3", {}, t.invariants),
      run.invariants?.length > 0
        ? el(
            "ul",
            { class: "invariants", id: "invariants" },
            run.invariants.map(({ name, ok, detail }) =>
              el(
                "li",
                { class: ok ? "good" : "error", "data-ok": String(ok) },
                el("b", {}, ok ? `✓ ${t.invariantHolds}` : `✗ ${t.invariantViolated}`),
                ` ${t.invariantNames[name] ?? name}`,
                detail && el("span", { class: "hint", lang: "en" }, ` ${detail}`),
              ),
            ),
          )
        : el("p", { class: "hint" }, t.invariantsPending),
      run.seconds?.length > 0 && table(run.seconds.slice(-shown)),
    );
  }
}

// Of counts by the problem's code.
const total = (counts) => Object.values(counts).reduce((sum, count) => sum + count, 0);

const figure = (name, value, id) => el("div", {}, el("dt", {}, name), el("dd", { id }, value));

function table(seconds) {
  const heads = [t.second, t.purchased, t.refused, "p50 ms", "p99 ms"];
  return el(
    "table",
    { id: "load-table" },
    el("thead", {}, el("tr", {}, heads.map((head) => el("th", { scope: "col" }, head)))),
    el(
      "tbody",
      {},
      seconds
        .toReversed()
        .map(({ second, purchased, refused, latencyMs }) =>
          el(
            "tr",
            {},
            [number(second), number(purchased), number(total(refused)), milliseconds(latencyMs?.p50), milliseconds(latencyMs?.p99)].map((text) => el("td", {}, text)),
          ),
        ),
    ),
  );
}
