// Lines over the last minutes, drawn by uPlot (https://github.com/leeoniya/uPlot), in the page's
// colours. Without the package there are no charts, and everything else works.
import { el, fill } from "./dom.js";
import { t } from "./text.js";

const uPlot = await import("./uplot.js").then(
  (module) => module.default,
  () => null,
);

export const chartsAreThere = uPlot !== null;

const dark = matchMedia("(prefers-color-scheme: dark)");
const height = 150;

export class Chart {
  // `series`: { label, color (a custom property of the style sheet), format }. `data` is read at
  // each draw(): [seconds, values, …], of the same length. `seconds`: so many are shown at least.
  constructor(title, series, data, seconds) {
    Object.assign(this, { title, series, data, seconds });
    this.place = el("div", { class: "plot" });
    this.element = el("figure", {}, el("figcaption", {}, title), this.place);
    if (!chartsAreThere) return;
    // The first look at the size makes the chart.
    this.sizes = new ResizeObserver(() => this.#fit());
    this.sizes.observe(this.place);
    dark.addEventListener("change", this.#repaint);
  }

  draw() {
    this.plot?.setData(this.data());
  }

  destroy() {
    this.sizes?.disconnect();
    dark.removeEventListener("change", this.#repaint);
    this.plot?.destroy();
    this.plot = null;
  }

  #repaint = () => {
    this.plot?.destroy();
    this.plot = null;
    this.#fit();
  };

  #fit() {
    const width = Math.floor(this.place.clientWidth);
    if (width === 0) return;
    if (this.plot) return this.plot.setSize({ width, height });
    fill(this.place);
    this.plot = new uPlot(this.#options(width), this.data(), this.place);
  }

  // From when to when; without a sample yet (both null) the minutes until now.
  #shown(first, last) {
    const end = last ?? Date.now() / 1_000;
    return [Math.min(first ?? end, end - this.seconds), end];
  }

  #options(width) {
    const style = getComputedStyle(document.documentElement);
    const color = (name) => style.getPropertyValue(name).trim();
    const axis = {
      stroke: color("--faint"),
      font: `11px ${style.fontFamily}`,
      grid: { stroke: color("--rule"), width: 1 },
      ticks: { show: false },
    };
    return {
      width,
      height,
      cursor: { y: false, drag: { x: false, y: false } },
      legend: { live: true },
      scales: {
        x: { range: (_, first, last) => this.#shown(first, last) },
        y: { range: (_, low, high) => [0, Math.max(high ?? 0, 1) * 1.1] },
      },
      axes: [
        { ...axis, values: (_, ticks) => ticks.map((at) => clock(at)), space: 70, size: 28 },
        { ...axis, size: 52 },
      ],
      series: [
        { value: (_, at) => (at === null ? t.none : clock(at)), label: t.time },
        ...this.series.map(({ label, color: name, format }) => ({
          label,
          stroke: color(name),
          width: 1.75,
          points: { show: false },
          spanGaps: false,
          value: (_, value) => (value === null || value === undefined ? t.none : format(value)),
        })),
      ],
    };
  }
}

const clock = (seconds) => new Date(seconds * 1_000).toTimeString().slice(0, 8);
