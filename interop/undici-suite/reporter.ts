/** A reporter for node:test: each test without subtests, as a line of JSON. */

interface Event {
  readonly type: string;
  readonly data: {
    readonly name: string;
    readonly nesting: number;
    readonly skip?: string | boolean;
    readonly todo?: string | boolean;
    readonly details?: { readonly error?: Error; readonly type?: string };
  };
}

export interface TestLine {
  readonly name: string;
  readonly outcome: "pass" | "fail" | "skip";
  readonly detail: string;
}

export const MARK = "undici-suite: ";

export default async function* report(source: AsyncIterable<Event>): AsyncGenerator<string> {
  const names: string[] = [];
  /** How many levels the test that ended last had above it. */
  let last = 0;
  for await (const { type, data } of source) {
    if (type === "test:start") {
      names[data.nesting] = data.name;
      last = data.nesting;
    }
    if (type !== "test:pass" && type !== "test:fail") continue;
    const hasSubtests = last > data.nesting || data.details?.type === "suite";
    last = data.nesting;
    if (hasSubtests) continue;
    const { error } = data.details ?? {};
    const cause = (error?.cause ?? error) as Error | undefined;
    const isSkipped = data.skip !== undefined || data.todo !== undefined;
    const line: TestLine = {
      name: names.slice(0, data.nesting + 1).join(" > "),
      outcome: isSkipped ? "skip" : type === "test:pass" ? "pass" : "fail",
      detail: cause === undefined ? "" : String(cause.message ?? cause).slice(0, 300),
    };
    yield `${MARK}${JSON.stringify(line)}\n`;
  }
}
