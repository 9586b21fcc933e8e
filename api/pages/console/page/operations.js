// How the shop does: health, rates and latencies, the read models and their rebuilds, parked rows,
// webhooks.
import { get, send } from "./api.js";
import { canAsk, may } from "./asker.js";
import { Chart, chartsAreThere } from "./chart.js";
import { el, fill, say } from "./dom.js";
import { between, histogram, parse, quantile, rate, sum } from "./metrics.js";
import { dateTime, decimals, milliseconds, number, problemText, t } from "./text.js";
import { Webhooks } from "./webhooks.js";

const everyMs = 1_000;
const kept = 180; // looks, and so seconds
const purchasing = { command: ["ConfirmQuote", "BuyNow"] };

// One look at the metrics a second, from the first time that somebody wants them.
class Sampler {
  constructor() {
    this.names = ["purchases", "refused", "p50", "p90", "p99", "size", "append", "appendSlow", "queue", "lag"];
    this.seconds = [];
    this.values = Object.fromEntries(this.names.map((name) => [name, []]));
    this.before = null;
  }

  begin() {
    this.timer ??= setInterval(() => this.#look(), everyMs);
  }

  columns(...names) {
    return [this.seconds, ...names.map((name) => this.values[name])];
  }

  async #look() {
    if (document.hidden || this.looking || !canAsk() || !may("getMetrics")) return;
    this.looking = true;
    try {
      const { text, at: instance } = await get("operations", "/metrics", { signal: AbortSignal.timeout(5_000) });
      this.#take(performance.now() / 1_000, instance, parse(text));
    } catch {
      this.#add({}); // a gap in the lines; the head of the page says why
      this.before = null;
    } finally {
      this.looking = false;
    }
  }

  #take(at, instance, samples) {
    const now = {
      at,
      instance,
      purchases: sum(samples, "jangbu_commands_total", { ...purchasing, outcome: "recorded" }) ?? 0,
      refused: sum(samples, "jangbu_commands_total", { outcome: ["refused", "not-decided"] }) ?? 0,
      commands: histogram(samples, "jangbu_command_duration_seconds"),
      events: histogram(samples, "jangbu_commit_events"),
      append: histogram(samples, "jangbu_commit_append_duration_seconds"),
    };
    const before = this.before;
    this.before = now;
    if (before?.instance !== instance) return; // each counts for itself
    const elapsed = at - before.at;
    const commands = between(before.commands, now.commands);
    const events = between(before.events, now.events);
    const append = between(before.append, now.append);
    const ms = (of, share) => {
      const value = quantile(of, share);
      return value === null ? null : value * 1_000;
    };
    this.#add({
      purchases: rate(before.purchases, now.purchases, elapsed),
      refused: rate(before.refused, now.refused, elapsed),
      p50: ms(commands, 0.5),
      p90: ms(commands, 0.9),
      p99: ms(commands, 0.99),
      size: events.count > 0 ? events.sum / events.count : null,
      append: ms(append, 0.5),
      appendSlow: ms(append, 0.99),
      queue: sum(samples, "jangbu_writer_queue_commands"),
      lag: sum(samples, "jangbu_projection_lag_commits"),
    });
  }

  #add(values) {
    this.seconds.push(Date.now() / 1_000);
    for (const name of this.names) this.values[name].push(values[name] ?? null);
    if (this.seconds.length <= kept) return;
    this.seconds.shift();
    for (const name of this.names) this.values[name].shift();
  }
}

// Which instance decides commands.
function activeText({ state, active, since }) {
  if (!active) return t.nobodyActive;
  return state === "active" ? t.activeSince(dateTime(since)) : t.otherActiveSince(active, dateTime(since));
}

export class Operations {
  constructor() {
    this.sampler = new Sampler();
    this.rebuilds = new Map(); // by read model: what GET …/rebuild last said, at which instance, and whether that is lost
    this.errors = new Map();
    this.webhooks = new Webhooks();
  }

  mount(root) {
    this.sampler.begin();
    const of = (...names) => () => this.sampler.columns(...names);
    const one = (value) => decimals(value, value < 10 ? 1 : 0);
    const line = (name, color, format = milliseconds) => ({ label: t.series[name], color, format });
    const isDrawn = chartsAreThere && may("getMetrics");
    this.charts = isDrawn
      ? [
          new Chart(t.charts.purchases, [line("purchases", "--ink-blue", one), line("refused", "--seal", one)], of("purchases", "refused"), kept),
          new Chart(t.charts.latency, [line("p50", "--ink-blue"), line("p90", "--amber"), line("p99", "--seal")], of("p50", "p90", "p99"), kept),
          new Chart(t.charts.commits, [line("size", "--green", one), line("append", "--ink-blue"), line("appendSlow", "--seal")], of("size", "append", "appendSlow"), kept),
          new Chart(t.charts.queue, [line("queue", "--ink-blue", one), line("lag", "--amber", one)], of("queue", "lag"), kept),
        ]
      : [];
    this.health = el("div", { class: "tiles", id: "health" });
    this.models = el("div", { id: "read-models" });
    this.parked = el("div", { id: "parked" });
    this.hooks = el("div", { id: "webhooks" });
    this.webhooks.mount(this.hooks);
    fill(
      root,
      el("section", { class: "card" }, el("h2", {}, t.healthTitle), this.health),
      may("getMetrics") && el(
        "section",
        { class: "card charts", id: "charts" },
        isDrawn ? this.charts.map(({ element }) => element) : el("p", { class: "hint" }, t.chartsMissing),
      ),
      el("section", { class: "card" }, el("h2", {}, t.readModels), el("p", { class: "hint" }, t.readModelsWhat), this.models),
      may("listParked") && el("section", { class: "card" }, el("h2", {}, t.parkedTitle), el("p", { class: "hint" }, t.parkedWhat), this.parked),
      may("listWebhooks") && el("section", { class: "card" }, el("h2", {}, t.webhooks.title), el("p", { class: "hint" }, t.webhooks.what), this.hooks),
    );
    this.timer = setInterval(() => this.#refresh(), everyMs);
    this.#refresh();
  }

  unmount() {
    clearInterval(this.timer);
    for (const chart of this.charts) chart.destroy();
  }

  async #refresh() {
    for (const chart of this.charts) chart.draw();
    if (document.hidden || this.refreshing || !canAsk()) return;
    this.refreshing = true;
    await Promise.all([
      this.#part(this.health, async () => this.#showHealth((await get("operations", "/health/ready")).json)),
      this.#part(this.models, async () => {
        const { json, at } = await get("operations", "/projections");
        const models = json.items;
        await this.#lookAtRebuilds(models, at);
        // A button that goes while it is pressed is not clicked.
        if (!this.models.querySelector("button:active")) this.#showModels(models);
        if (may("listParked")) await this.#part(this.parked, () => this.#showParked(models));
      }),
      may("listWebhooks") && this.#part(this.hooks, () => this.webhooks.refresh()),
    ]);
    this.refreshing = false;
  }

  // Where a part cannot be shown it is said why; the others go on.
  async #part(place, show) {
    try {
      await show();
    } catch (error) {
      const said = place.querySelector(":scope > .failure") ?? fill(place, el("p", { class: "failure error", role: "alert" })).firstChild;
      say(said, problemText(error));
    }
  }

  // --- Health ------------------------------------------------------------------------------------

  #showHealth({ status, checks }) {
    const { writer, projector, publisher, log, database } = checks;
    const tile = (name, part, ...more) =>
      part && el(
        "div",
        { class: `tile ${part.status}`, "data-part": name },
        el("h3", {}, t.parts[name]),
        el("p", { class: "state" }, t.partStates[part.state] ?? t.partStates[part.status] ?? part.status),
        more.filter(Boolean).map((text) => el("p", { class: "hint" }, text)),
        part.reason && el("p", { class: "reason" }, part.reason),
      );
    const at = (part) => part?.position !== undefined && `${t.position} ${number(part.position)}`;
    fill(
      this.health,
      tile("shop", { status }),
      tile("log", log),
      tile("database", database),
      tile(
        "writer",
        writer,
        writer.instance !== undefined && t.instance(writer.instance),
        writer.active !== undefined && activeText(writer),
        at(writer),
        writer.queued !== undefined && t.queued(writer.queued),
        writer.idempotencyKeys !== undefined && t.keysHeld(writer.idempotencyKeys),
      ),
      tile("projector", projector, at(projector), projector && t.behind(projector.lag)),
      tile("publisher", publisher, at(publisher), publisher && t.behind(publisher.lag)),
    );
  }

  // --- Read models -------------------------------------------------------------------------------

  // Also those that somebody else has started. One that has ended is asked about once. A rebuild is
  // known to the instance where it was begun, and to no other.
  async #lookAtRebuilds(models, instance) {
    for (const { name, rebuild } of models) {
      const known = this.rebuilds.get(name);
      if (rebuild === "running") this.errors.delete(name);
      else if (known && known.at !== instance) {
        if (known.state === "running") await this.#lookElsewhere(name, known);
        continue;
      }
      if (rebuild === undefined) this.rebuilds.delete(name);
      if (rebuild !== undefined && (rebuild === "running" || known?.state !== rebuild)) {
        const { json } = await get("operations", `/projections/${name}/rebuild`, { at: instance });
        this.rebuilds.set(name, { ...json, at: instance });
      }
    }
  }

  async #lookElsewhere(name, known) {
    const { at } = known;
    try {
      const { json } = await get("operations", `/projections/${name}/rebuild`, { at });
      this.rebuilds.set(name, { ...json, at });
    } catch (error) {
      // One that has been started again knows nothing of it.
      this.rebuilds.set(name, { ...known, isLost: true, state: error.status === 404 ? "lost" : known.state });
    }
  }

  async #rebuild(name) {
    this.errors.delete(name);
    try {
      const { json, at } = await send("operations", "POST", `/projections/${name}/rebuild`);
      this.rebuilds.set(name, { ...json, at });
    } catch (error) {
      this.errors.set(name, problemText(error));
    }
    this.#refresh();
  }

  #showModels(models) {
    if (models.length === 0) return fill(this.models, el("p", { class: "hint" }, t.readModelsElsewhere));
    const running = [...this.rebuilds.values()].some(({ state, isLost }) => state === "running" && !isLost);
    const focused = document.activeElement?.dataset?.rebuild;
    const heads = [t.model, t.state, t.position, t.lag, t.generation, t.digest, t.parked, ""];
    fill(
      this.models,
      el(
        "table",
        { class: "cards" },
        el("thead", {}, el("tr", {}, heads.map((head) => (head ? el("th", { scope: "col" }, head) : el("td"))))),
        el("tbody", {}, models.flatMap((model) => this.#model(model, heads, running))),
      ),
    );
    if (focused) this.models.querySelector(`[data-rebuild="${focused}"]`)?.focus();
  }

  #model(model, heads, running) {
    const { digest } = model;
    const cell = (index, ...content) => el("td", { "data-head": heads[index] }, ...content);
    const row = el(
      "tr",
      { "data-model": model.name },
      el("th", { scope: "row" }, model.name),
      cell(1, el("span", { class: `dot ${model.status}` }), t.partStates[model.state] ?? model.state, model.reason && el("p", { class: "reason" }, model.reason)),
      cell(2, number(model.position)),
      cell(3, t.lagOf(model.lag, model.lagSeconds)),
      cell(4, model.generation === undefined ? t.none : number(model.generation), el("span", { class: "hint mono" }, ` ${model.fingerprint?.slice(0, 8) ?? ""}`)),
      cell(
        5,
        digest
          ? [el("span", { class: "mono" }, digest.hash), el("span", { class: "hint" }, t.digestAt(digest.rows, digest.position))]
          : el("span", { class: "hint" }, t.noDigest),
      ),
      cell(6, number(model.parked ?? 0)),
      el(
        "td",
        {},
        may("rebuildProjection") && el("button", { type: "button", "data-rebuild": model.name, disabled: running, onclick: () => this.#rebuild(model.name) }, t.rebuild),
      ),
    );
    const below = this.#rebuildOf(model.name, this.rebuilds.get(model.name));
    return below ? [row, el("tr", { class: "below", "data-rebuild-of": model.name }, el("td", { colspan: String(heads.length) }, below))] : [row];
  }

  #rebuildOf(name, rebuild) {
    const error = this.errors.get(name);
    if (error) return el("p", { class: "error" }, error);
    if (!rebuild) return null;
    if (rebuild.isLost) return el("p", { class: "error", "data-result": "lost" }, t.rebuildLost(rebuild.at.name));
    if (rebuild.state === "failed") return el("p", { class: "error" }, t.rebuildFailed(rebuild.reason ?? ""));
    if (rebuild.state === "running") {
      return el(
        "p",
        { class: "life" },
        el("progress", { max: String(Math.max(rebuild.target, 1)), value: String(rebuild.position), "aria-label": t.rebuild }),
        el("span", {}, `${t.rebuilding[rebuild.stage] ?? rebuild.stage}: ${t.rebuildProgress(rebuild.position, rebuild.target, rebuild.eventsPerSecond)}`),
      );
    }
    const { comparison, generation } = rebuild.result;
    return comparison.equal
      ? el("p", { class: "good", "data-result": "equal" }, t.rebuildEqual(comparison.after.rows, comparison.position, generation))
      : el("p", { class: "error", "data-result": "different" }, t.rebuildDifferent(comparison, generation));
  }

  // --- Parked ------------------------------------------------------------------------------------

  async #showParked(models) {
    if (models.length === 0) return fill(this.parked, el("p", { class: "hint" }, t.readModelsElsewhere));
    const lists = await Promise.all(
      models
        .filter(({ parked }) => parked > 0)
        .map(({ name }) => get("operations", `/projections/${name}/parked`)),
    );
    const rows = lists.flatMap(({ json }) => json.items);
    const text = JSON.stringify(rows);
    // Somebody may be at one of its links.
    if (this.parked.dataset.shown === text && !this.parked.querySelector(":scope > .failure")) return;
    this.parked.dataset.shown = text;
    fill(
      this.parked,
      rows.length === 0
        ? el("p", { class: "good" }, t.parkedNone)
        : el(
            "ul",
            { class: "rows" },
            rows.map((row) =>
              el(
                "li",
                { class: "error" },
                el("b", {}, `${row.readModel} ${row.entity}`),
                ` – ${row.reason} `,
                may("listEvents") ? el("a", { href: `#log/${row.event}` }, t.causeEvent(row.event)) : t.causeEvent(row.event),
                ` (${t.parkedAt} ${dateTime(row.parkedAt)})`,
              ),
            ),
          ),
    );
  }
}
