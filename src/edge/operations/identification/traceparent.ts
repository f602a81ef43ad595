/** Trace context (W3C Recommendation, version 00): which trace a request belongs to, here and at origins. */

import { randomBytes } from "node:crypto";
import { ServeError } from "../../../host/listen/errors.ts";
import type { FieldLine, FieldSection } from "../../../http/index.ts";

/** Which traces are continued (W3C Trace Context). */
export interface TraceContextOptions {
  /** Whose traces are continued: everyone's (the default), those of `trustedProxies`, or nobody's. */
  readonly continue?: "all" | "trusted" | "none" | undefined;
  /** The share of new traces that are marked as sampled, from 0 to 1, the default. */
  readonly sampleRatio?: number | undefined;
}

export interface TraceContext {
  /** 32 lower-case hexadecimal digits. */
  readonly traceId: string;
  /** 16 digits: this server's span, the parent of the origin's. */
  readonly spanId: string;
  /** 16 digits: the span of the client; undefined if the trace begins here. */
  readonly parentId: string | undefined;
  readonly isSampled: boolean;
}

const TRACEPARENT = /^([\da-f]{2})-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(-.*)?$/;
const ZEROS = /^0+$/;

/** §3.2.2: returns undefined for a value that must be ignored. */
export function parseTraceparent(
  value: string,
): (Pick<TraceContext, "traceId" | "isSampled"> & { readonly parentId: string }) | undefined {
  const match = TRACEPARENT.exec(value);
  if (match === null) return undefined;
  const [, version, traceId, parentId, flags, rest] = match as unknown as [
    string,
    string,
    string,
    string,
    string,
    string?,
  ];
  // §3.2.2.1: ff is invalid. §4.3: a later version may have more after the flags; version 00 has none.
  if (version === "ff" || (version === "00" && rest !== undefined)) return undefined;
  if (ZEROS.test(traceId) || ZEROS.test(parentId)) return undefined;
  return { traceId, parentId, isSampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

/** §3.2.1, version 00. The flags that version 00 does not define are zero. */
export const formatTraceparent = ({ traceId, spanId, isSampled }: TraceContext): string =>
  `00-${traceId}-${spanId}-${isSampled ? "01" : "00"}`;

export class TraceContexts {
  readonly #continue: "all" | "trusted" | "none";
  readonly #sampleRatio: number;
  #sampled = 0;

  constructor({ continue: continued = "all", sampleRatio = 1 }: TraceContextOptions = {}) {
    if (!["trusted", "all", "none"].includes(continued)) {
      throw new ServeError(
        "OPTION_INVALID",
        `traceContext.continue is "all", "trusted" or "none", not ${String(continued)}`,
      );
    }
    if (!(sampleRatio >= 0 && sampleRatio <= 1)) {
      throw new ServeError("OPTION_INVALID", `traceContext.sampleRatio ${sampleRatio} is not a number from 0 to 1`);
    }
    this.#continue = continued;
    this.#sampleRatio = sampleRatio;
  }

  of(fields: FieldSection, isTrusted: boolean): TraceContext {
    const spanId = randomId(8);
    if (this.#continue === "all" || (this.#continue === "trusted" && isTrusted)) {
      const lines = fields.filter(([name]) => name === "traceparent");
      // §3.2: several traceparent fields are as good as none.
      const parent = lines.length === 1 ? parseTraceparent(lines[0]![1].trim()) : undefined;
      if (parent !== undefined) return { ...parent, spanId };
    }
    return { traceId: randomId(16), spanId, parentId: undefined, isSampled: this.#takeSample() };
  }

  /** Spreads the samples evenly. */
  #takeSample(): boolean {
    this.#sampled += this.#sampleRatio;
    if (this.#sampled < 1) return false;
    this.#sampled -= 1;
    return true;
  }
}

/**
 * The fields for the origin: this server's span takes the place of the client's. §3.3: without a valid traceparent, the
 * tracestate is meaningless.
 */
export function withTraceContext(fields: FieldSection, trace: TraceContext): readonly FieldLine[] {
  const kept = fields.filter(
    ([name]) => name !== "traceparent" && (name !== "tracestate" || trace.parentId !== undefined),
  );
  return [...kept, ["traceparent", formatTraceparent(trace)]];
}

/** §3.2.2.3: all zeros is invalid. */
function randomId(bytes: number): string {
  for (;;) {
    const id = randomBytes(bytes).toString("hex");
    if (!ZEROS.test(id)) return id;
  }
}
