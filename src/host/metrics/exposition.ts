/**
 * Prometheus' text format as data, to add up the metrics of several processes. Pure. It reads what `registry.ts` and
 * prom-client write: families with a type, and samples without timestamps.
 */

interface Family {
  readonly help: string;
  readonly type: string;
  /** By name and labels, as written. */
  readonly samples: Map<string, number>;
}

export type Exposition = ReadonlyMap<string, Family>;

/** How the values of several processes become one; the sum by default. */
export type Merges = Readonly<Record<string, "max" | "min">>;

/** Ignores lines that it cannot read. */
export function parseExposition(text: string): Exposition {
  const families = new Map<string, Family>();
  const helps = new Map<string, string>();
  let current: { readonly name: string; readonly family: Family } | undefined;
  for (const line of text.split("\n")) {
    if (line.startsWith("# HELP ")) {
      const [name, help] = headOf(line, 7);
      helps.set(name, help);
    } else if (line.startsWith("# TYPE ")) {
      const [name, type] = headOf(line, 7);
      current = { name, family: families.get(name) ?? { help: helps.get(name) ?? "", type, samples: new Map() } };
      families.set(name, current.family);
    } else if (line !== "" && !line.startsWith("#")) {
      const end = line.lastIndexOf(" ");
      const value = Number(line.slice(end + 1));
      const key = line.slice(0, end);
      if (current === undefined || !key.startsWith(current.name) || Number.isNaN(value)) continue;
      current.family.samples.set(key, value);
    }
  }
  return families;
}

function headOf(line: string, start: number): [string, string] {
  const space = line.indexOf(" ", start);
  return space < 0 ? [line.slice(start), ""] : [line.slice(start, space), line.slice(space + 1)];
}

/** The metrics of all processes as one. */
export function mergeExpositions(expositions: readonly Exposition[], merges: Merges = {}): Exposition {
  const merged = new Map<string, Family>();
  for (const exposition of expositions) {
    for (const [name, { help, type, samples }] of exposition) {
      let family = merged.get(name);
      if (family === undefined) {
        family = { help, type, samples: new Map() };
        merged.set(name, family);
      }
      for (const [key, value] of samples) {
        const before = family.samples.get(key);
        family.samples.set(key, before === undefined ? value : combined(before, value, merges[name]));
      }
    }
  }
  return merged;
}

function combined(a: number, b: number, how: "max" | "min" | undefined): number {
  return how === undefined ? a + b : Math[how](a, b);
}

/** What stays of a process that has ended: what it has counted, but not its present state. */
export const countersOf = (exposition: Exposition): Exposition =>
  new Map([...exposition].filter(([, { type }]) => type === "counter" || type === "histogram"));

export function formatExposition(exposition: Exposition): string {
  let text = "";
  for (const [name, { help, type, samples }] of exposition) {
    text += `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`;
    for (const [key, value] of samples) text += `${key} ${value === Number.POSITIVE_INFINITY ? "+Inf" : value}\n`;
  }
  return text;
}
