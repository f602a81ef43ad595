/**
 * The answers of this turn of the event loop, by what they depend on. Requests that arrive together often ask for the same
 * small file, and looking it up takes much of such a response's time, so they share the lookup of the first (one file,
 * 64 requests at once: 0.6 times the CPU). An answer is forgotten at the end of the turn, so no file is served that had changed
 * or gone before the turn began, and nothing needs to be watched.
 */
import { describeFault, guard } from "../../host/guard.ts";
import type { ServerExchange } from "../../host/http/exchange.ts";
import type { FilePlan } from "./plan.ts";

export interface TurnAnswer {
  readonly plan: FilePlan;
  readonly content: Uint8Array;
}

/** Fields that make an answer depend on the client's copy, or on the part that it wants. */
const CONDITIONS: ReadonlySet<string> = new Set([
  "if-match",
  "if-none-match",
  "if-modified-since",
  "if-unmodified-since",
  "if-range",
  "range",
]);

export class TurnAnswers {
  readonly #answers = new Map<string, TurnAnswer>();
  readonly #forget: () => void;

  constructor(log: (line: string) => void) {
    const clear = (): void => this.#answers.clear();
    this.#forget = guard(
      "file answers",
      (fault) => {
        clear();
        log(describeFault(fault));
      },
      clear,
    );
  }

  /** What the answer depends on, besides the files; undefined if it depends on more than path and coding. */
  static keyOf({ method, path, fields }: ServerExchange): string | undefined {
    if (method !== "GET") return undefined;
    let codings = "";
    for (const [name, value] of fields) {
      if (name === "accept-encoding") codings += `${value},`;
      else if (CONDITIONS.has(name)) return undefined;
    }
    // Neither a path nor a field value contains a line feed.
    return `${codings}\n${path}`;
  }

  get(key: string): TurnAnswer | undefined {
    return this.#answers.get(key);
  }

  set(key: string, answer: TurnAnswer): void {
    if (this.#answers.size === 0) queueMicrotask(this.#forget);
    this.#answers.set(key, answer);
  }
}
