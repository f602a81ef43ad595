import { expect, test } from "vitest";
import type { FieldLine } from "../field-section.ts";
import { echoFields, HandbackCount, handbackProblem, isHandback } from "./replay.ts";

const FIELDS: FieldLine[] = [
  ["content-length", "10"],
  ["x-a", "1"],
  ["x-a", "2"],
  ["connection", "close"],
  ["expect", "100-continue"],
  ["partial-post-replay", "1"],
];
const HEAD = { method: "POST", scheme: "https", authority: "a", path: "/p", fields: FIELDS };

test("a request is echoed with its fields in order, and its pseudo-header fields", () => {
  const fields = [
    ["echo-content-length", "10"],
    ["echo-x-a", "1"],
    ["echo-x-a", "2"],
    ["echo-partial-post-replay", "1"],
  ];
  expect(echoFields({ ...HEAD, protocol: "http/1.1" })).toEqual([["echo-host", "a"], ...fields]);
  expect(echoFields({ ...HEAD, protocol: "h3" })).toEqual([
    ["pseudo-echo-method", "POST"],
    ["pseudo-echo-scheme", "https"],
    ["pseudo-echo-authority", "a"],
    ["pseudo-echo-path", "/p"],
    ...fields,
  ]);
});

test.each<[string, number, FieldLine[], RegExp | undefined]>([
  ["what was sent", 3, [], undefined],
  ["the scheme of the server", 3, [["pseudo-echo-scheme", "http"]], undefined],
  ["another path", 3, [["pseudo-echo-path", "/q"]], /pseudo-echo-path is not what was sent/],
  ["an unknown pseudo-header field", 3, [["pseudo-echo-x", "1"]], /pseudo-echo-x is not/],
  ["a field more", 3, [["echo-authorization", "x"]], /echoes 4 fields of 3/],
  ["another value", 3, [["echo-x-a", "3"]], /was not sent: x-a/],
  ["a connection's field", 3, [["echo-transfer-encoding", "chunked"]], undefined],
  ["too many replays", 1, [["echo-partial-post-replay", "1"]], /replayed 2 times, and 1 are allowed/],
])("an echo with %s", (_what, maxReplays, more, expected) => {
  const sent = { ...HEAD, fields: [...FIELDS, ["via", "1.1 x"] as const] };
  const echo = echoFields({ ...sent, protocol: "h2" });
  const problem = handbackProblem(sent, [...echo, ...more], maxReplays);
  if (expected === undefined) expect(problem).toBeUndefined();
  else expect(problem).toMatch(expected);
});

test("lines that a hop has combined are the same", () => {
  const echo: FieldLine[] = [
    ["echo-x-a", "1, 2"],
    ["echo-partial-post-replay", "1, 1"],
  ];
  const sent = { ...HEAD, fields: [...FIELDS, ["partial-post-replay", "1"] as const] };
  expect(handbackProblem(sent, echo, 2)).toBeUndefined();
  expect(handbackProblem(sent, echo, 1)).toMatch(/replayed 2 times/);
});

test("a status alone is no handback", () => {
  const of = (status: number, reason: string, ...fields: FieldLine[]) => isHandback({ status, reason, fields });
  expect([of(379, "Partial POST Replay"), of(379, "", ["pseudo-echo-path", "/"])]).toEqual([true, true]);
  expect([of(379, ""), of(379, "Odd"), of(200, "Partial POST Replay")]).toEqual([false, false, false]);
});

test("exactly what was forwarded must come back", () => {
  const count = new HandbackCount(5);
  expect([count.take(3), count.isComplete, count.problem]).toEqual([true, false, "only 3 of 5 bytes came back"]);
  expect([count.take(2), count.isComplete, count.problem]).toEqual([true, true, undefined]);
  expect([count.take(1), count.problem]).toEqual([false, "more came back than the 5 bytes that were forwarded"]);
});
