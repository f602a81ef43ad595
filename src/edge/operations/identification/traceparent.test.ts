import { describe, expect, test } from "vitest";
import { formatTraceparent, parseTraceparent, TraceContexts, withTraceContext } from "./traceparent.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const SPAN = "b7ad6b7169203331";

describe("a traceparent", () => {
  test.each([
    [`00-${TRACE}-${SPAN}-01`, true],
    [`00-${TRACE}-${SPAN}-00`, false],
    // Flags that version 00 does not define.
    [`00-${TRACE}-${SPAN}-ff`, true],
    // A later version, with more.
    [`cc-${TRACE}-${SPAN}-01-what-the-future-holds`, true],
  ])("%s is valid", (value, isSampled) => {
    expect(parseTraceparent(value)).toEqual({ traceId: TRACE, parentId: SPAN, isSampled });
  });

  test.each([
    "",
    `ff-${TRACE}-${SPAN}-01`,
    `00-${TRACE}-${SPAN}-01-more`,
    `cc-${TRACE}-${SPAN}-01.more`,
    `00-${"0".repeat(32)}-${SPAN}-01`,
    `00-${TRACE}-${"0".repeat(16)}-01`,
    `00-${TRACE.toUpperCase()}-${SPAN}-01`,
    `00-${TRACE}-${SPAN}-1`,
    `00-${TRACE}-${SPAN}`,
    `00_${TRACE}_${SPAN}_01`,
    `00-${TRACE}x-${SPAN}-01`,
    `00-${TRACE}-${SPAN}-01\n`,
  ])("%j is ignored", (value) => {
    expect(parseTraceparent(value)).toBeUndefined();
  });
});

describe("the trace of a request", () => {
  const fields = [
    ["traceparent", `00-${TRACE}-${SPAN}-01`],
    ["tracestate", "vendor=1"],
  ] as const;

  test("continues the client's, with a span of its own", () => {
    const trace = new TraceContexts().of(fields, false);
    expect(trace).toMatchObject({ traceId: TRACE, parentId: SPAN, isSampled: true });
    expect(trace.spanId).not.toBe(SPAN);
    expect(withTraceContext(fields, trace)).toEqual([
      ["tracestate", "vendor=1"],
      ["traceparent", `00-${TRACE}-${trace.spanId}-01`],
    ]);
  });

  test.each([
    ["without one", []],
    ["with an invalid one", [["traceparent", "x"], fields[1]]],
    ["with two", [fields[0], fields[0], fields[1]]],
  ] as const)("begins here %s, and the tracestate is dropped", (_name, given) => {
    const trace = new TraceContexts().of(given, true);
    expect(trace.parentId).toBeUndefined();
    const sent = withTraceContext(given, trace);
    expect(sent).toEqual([["traceparent", formatTraceparent(trace)]]);
    expect(parseTraceparent(sent[0]![1])).toMatchObject({ traceId: trace.traceId, parentId: trace.spanId });
  });

  test("is continued for trusted clients only, if so configured", () => {
    const traces = new TraceContexts({ continue: "trusted" });
    expect(traces.of(fields, true).traceId).toBe(TRACE);
    expect(traces.of(fields, false).traceId).not.toBe(TRACE);
  });

  test("is sampled as often as configured", () => {
    const traces = new TraceContexts({ sampleRatio: 0.25 });
    const sampled = Array.from({ length: 100 }, () => traces.of([], false).isSampled);
    expect(sampled.filter(Boolean)).toHaveLength(25);
  });
});
