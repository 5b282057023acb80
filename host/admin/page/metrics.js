// Rates and latencies from readings of /metrics: the host counts, and two readings of a counter are a rate.

// Prometheus text → name → [{labels, value}].
export function parse(text) {
  const series = new Map();
  for (const line of text.split("\n")) {
    const found = /^([a-z_:A-Z0-9]+)(?:\{(.*)\})? (\S+)/.exec(line);
    if (!found || line.startsWith("#")) continue;
    const labels = {};
    for (const [, key, value] of (found[2] ?? "").matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) labels[key] = value;
    if (!series.has(found[1])) series.set(found[1], []);
    series.get(found[1]).push({labels, value: found[3] === "+Inf" ? Infinity : Number(found[3])});
  }
  return series;
}

const fits = (labels, where) => Object.entries(where).every(
    ([key, wanted]) => Array.isArray(wanted) ? wanted.includes(labels[key]) : labels[key] === wanted);

export function total(reading, name, where = {}) {
  return (reading.series.get(name) ?? []).filter(({labels}) => fits(labels, where))
      .reduce((sum, {value}) => sum + value, 0);
}

function buckets(reading, name, where) {
  const counts = new Map();
  for (const {labels, value} of reading.series.get(`${name}_bucket`) ?? []) {
    if (!fits(labels, where)) continue;
    const bound = labels.le === "+Inf" ? Infinity : Number(labels.le);
    counts.set(bound, (counts.get(bound) ?? 0) + value);
  }
  return counts;
}

// The last minutes of readings; a host that was started again begins anew.
export class History {
  static kept = 150;
  #readings = [];

  add(at, text) {
    const reading = {at, series: parse(text)};
    const back = this.#readings.length > 0 &&
        total(reading, "modhost_inbox_commit_seconds_count") < total(this.last, "modhost_inbox_commit_seconds_count");
    if (back) this.#readings = [];
    this.#readings.push(reading);
    if (this.#readings.length > History.kept) this.#readings.shift();
  }
  get last() { return this.#readings.at(-1); }
  get readings() { return this.#readings; }

  // The newest reading at least so old, else the oldest there is.
  #before(seconds, end = this.#readings.length - 1) {
    const limit = this.#readings[end].at - seconds * 1000;
    let at = end;
    while (at > 0 && this.#readings[at].at > limit) --at;
    return this.#readings[at];
  }
  // How far a counter came within the latest `seconds`.
  grown(name, where, seconds, end) {
    return total(this.#readings[end ?? this.#readings.length - 1], name, where) -
        total(this.#before(seconds, end), name, where);
  }
  rate(name, where, seconds, end = this.#readings.length - 1) {
    const passed = (this.#readings[end].at - this.#before(seconds, end).at) / 1000;
    return passed > 0 ? this.grown(name, where, seconds, end) / passed : null;
  }
  mean(name, seconds, where = {}) {
    const count = this.grown(`${name}_count`, where, seconds);
    return count > 0 ? this.grown(`${name}_sum`, where, seconds) / count : null;
  }
  // Of a histogram, within the latest `seconds`; linear within its bucket, as Prometheus does it. null: nothing came.
  quantile(name, q, seconds, where = {}, end = this.#readings.length - 1) {
    const before = buckets(this.#before(seconds, end), name, where);
    const now = [...buckets(this.#readings[end], name, where)].sort(([a], [b]) => a - b)
        .map(([bound, count]) => [bound, count - (before.get(bound) ?? 0)]);
    const all = now.at(-1)?.[1] ?? 0;
    if (all <= 0) return null;
    let [low, below] = [0, 0];
    for (const [bound, count] of now) {
      if (count >= q * all) return bound === Infinity ? low : low + (bound - low) * (q * all - below) / (count - below);
      [low, below] = [bound, count];
    }
    return low;
  }
}
