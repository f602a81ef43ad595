/** Counters and histograms, and their text for Prometheus (text format 0.0.4). Pure. */

export type Labels = Readonly<Record<string, string>>;

type Type = "counter" | "gauge" | "histogram";

/** A number that only grows, or, as a gauge, also shrinks. */
export class Counter {
  value = 0;

  add(by = 1): void {
    this.value += by;
  }

  lines(name: string, labels: Labels): string {
    return `${name}${labelsText(labels)} ${this.value}\n`;
  }
}

export class Histogram {
  /** Upper bounds, ascending. */
  readonly #bounds: readonly number[];
  /** How many values are in each bucket; the last has those above all bounds. */
  readonly #counts: number[];
  #sum = 0;

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = new Array<number>(bounds.length + 1).fill(0);
  }

  observe(value: number): void {
    let bucket = 0;
    while (bucket < this.#bounds.length && value > this.#bounds[bucket]!) bucket += 1;
    this.#counts[bucket]! += 1;
    this.#sum += value;
  }

  lines(name: string, labels: Labels): string {
    let count = 0;
    let text = "";
    for (const [i, each] of this.#counts.entries()) {
      count += each;
      const le = i < this.#bounds.length ? String(this.#bounds[i]) : "+Inf";
      text += `${name}_bucket${labelsText({ ...labels, le })} ${count}\n`;
    }
    return `${text}${name}_sum${labelsText(labels)} ${this.#sum}\n${name}_count${labelsText(labels)} ${count}\n`;
  }
}

interface Family {
  readonly help: string;
  readonly type: Type;
  /** By their labels as text. */
  readonly series: Map<string, { readonly labels: Labels; readonly value: Counter | Histogram }>;
}

/** Metrics by name. Asking again for the same name and labels gives the same metric. */
export class Registry {
  /** Of `text`, for the field content-type. */
  static readonly contentType = "text/plain; version=0.0.4; charset=utf-8";
  readonly #families = new Map<string, Family>();

  counter(name: string, help: string, labels: Labels = {}): Counter {
    return this.#series(name, help, "counter", labels, () => new Counter());
  }

  gauge(name: string, help: string, labels: Labels = {}): Counter {
    return this.#series(name, help, "gauge", labels, () => new Counter());
  }

  histogram(name: string, help: string, bounds: readonly number[], labels: Labels = {}): Histogram {
    return this.#series(name, help, "histogram", labels, () => new Histogram(bounds));
  }

  /** The names of all metrics. */
  get names(): readonly string[] {
    return [...this.#families.keys()];
  }

  /** Adds a metric without values, so that its name, type and help are known before it is first counted. */
  declare(name: string, help: string, type: Type): void {
    if (!this.#families.has(name)) this.#families.set(name, { help, type, series: new Map() });
  }

  #series<Value extends Counter | Histogram>(
    name: string,
    help: string,
    type: Type,
    labels: Labels,
    create: () => Value,
  ): Value {
    let family = this.#families.get(name);
    if (family === undefined) {
      family = { help, type, series: new Map() };
      this.#families.set(name, family);
    }
    if (family.type !== type) throw new TypeError(`${name} is a ${family.type}, not a ${type}`);
    const key = labelsText(labels);
    const existing = family.series.get(key);
    if (existing !== undefined) return existing.value as Value;
    const value = create();
    family.series.set(key, { labels, value });
    return value;
  }

  text(): string {
    let text = "";
    for (const [name, { help, type, series }] of this.#families) {
      text += `# HELP ${name} ${escaped(help)}\n# TYPE ${name} ${type}\n`;
      for (const { labels, value } of series.values()) text += value.lines(name, labels);
    }
    return text;
  }
}

const labelsText = (labels: Labels): string => {
  const entries = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value).replaceAll('"', '\\"')}"`);
  return entries.length === 0 ? "" : `{${entries.join(",")}}`;
};

const escaped = (text: string): string => text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
