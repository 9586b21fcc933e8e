// Prometheus' text format, as far as it goes here, and what two looks at it tell of the time
// between them. https://prometheus.io/docs/instrumenting/exposition_formats/

// A list of { name, labels, value }.
export function parse(text) {
  const samples = [];
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    const found = /^([A-Za-z_:][\w:]*)(?:\{(.*)\})? (\S+)/.exec(line);
    if (!found) continue;
    const labels = {};
    for (const [, name, value] of (found[2] ?? "").matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) labels[name] = value;
    samples.push({ name: found[1], labels, value: found[3] === "+Inf" ? Infinity : Number(found[3]) });
  }
  return samples;
}

const matches = (sample, name, where) =>
  sample.name === name && Object.entries(where).every(([label, wanted]) => [wanted].flat().includes(sample.labels[label]));

// The sum of the samples of that name; null when there are none.
export function sum(samples, name, where = {}) {
  const found = samples.filter((sample) => matches(sample, name, where));
  return found.length === 0 ? null : found.reduce((total, { value }) => total + value, 0);
}

// A histogram: cumulative counts by upper bound, in the order of the bounds.
export function histogram(samples, name, where = {}) {
  const counts = new Map();
  for (const sample of samples) {
    if (!matches(sample, `${name}_bucket`, where)) continue;
    const bound = sample.labels.le === "+Inf" ? Infinity : Number(sample.labels.le);
    counts.set(bound, (counts.get(bound) ?? 0) + sample.value);
  }
  return {
    buckets: [...counts].sort(([a], [b]) => a - b),
    sum: sum(samples, `${name}_sum`, where) ?? 0,
    count: sum(samples, `${name}_count`, where) ?? 0,
  };
}

// What came between two looks. A server that was started anew counts from zero.
export function between(before, after) {
  if (before.count > after.count) return after;
  const earlier = new Map(before.buckets);
  return {
    buckets: after.buckets.map(([bound, count]) => [bound, count - (earlier.get(bound) ?? 0)]),
    sum: after.sum - before.sum,
    count: after.count - before.count,
  };
}

// Where a share of the values lies below, by straight lines within the buckets, as Prometheus'
// histogram_quantile has it; null without values.
export function quantile({ buckets, count }, share) {
  if (!(count > 0)) return null;
  const rank = share * count;
  let lower = 0;
  let below = 0;
  for (const [bound, upTo] of buckets) {
    if (upTo >= rank) {
      if (bound === Infinity) return lower;
      return lower + (bound - lower) * ((rank - below) / Math.max(upTo - below, 1e-9));
    }
    lower = bound;
    below = upTo;
  }
  return lower;
}

export const rate = (before, after, seconds) =>
  before === null || after === null ? (after ?? 0) / seconds : Math.max(after < before ? after : after - before, 0) / seconds;
