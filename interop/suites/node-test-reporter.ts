/** A reporter for `node --test`: a line of JSON per test. */
import type { ReportedTest } from "./results.ts";

interface TestEvent {
  readonly type: string;
  readonly data: {
    readonly name: string;
    readonly nesting: number;
    readonly file?: string;
    readonly skip?: string | boolean;
    readonly todo?: string | boolean;
    readonly details?: { readonly type?: string; readonly error?: { readonly failureType?: string; cause?: unknown } };
  };
}

/** Failures of a parent that only repeat those of its subtests. */
const REPEATED = "subtestsFailed";

export default async function* report(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  /** The titles of the test that has started, by nesting, and whether it has subtests. */
  const titles: string[] = [];
  const isParent: boolean[] = [];
  for await (const { type, data } of events) {
    if (type === "test:start") {
      titles.length = data.nesting;
      titles[data.nesting] = data.name;
      isParent.length = data.nesting + 1;
      isParent[data.nesting] = false;
      if (data.nesting > 0) isParent[data.nesting - 1] = true;
    } else if (type === "test:pass" || type === "test:fail") {
      const error = data.details?.error;
      const hasSubtests = isParent[data.nesting] === true || data.details?.type === "suite";
      if (hasSubtests && (type === "test:pass" || error?.failureType === REPEATED)) continue;
      const isSkipped = isSet(data.skip) || isSet(data.todo);
      const line: ReportedTest = {
        outcome: isSkipped ? "skip" : type === "test:pass" ? "pass" : "fail",
        file: data.file ?? "",
        titles: [...titles.slice(0, data.nesting), data.name],
        ...(error === undefined ? {} : { error: messageOf(error) }),
      };
      yield `${JSON.stringify(line)}\n`;
    }
  }
}

const isSet = (mark: string | boolean | undefined): boolean => mark !== undefined && mark !== false;

function messageOf(error: { readonly cause?: unknown }): string {
  const cause = error.cause ?? error;
  return cause instanceof Error ? cause.message : String(cause);
}
