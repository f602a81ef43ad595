import { expect, test } from "vitest";
import { DEFAULT_SETTINGS } from "../../h3/settings.ts";
import { requestsSession, takesSessions, webTransportSettings } from "./index.ts";

const announced = (draft15: boolean) =>
  Object.fromEntries(webTransportSettings(16, { draft15 }).map(({ id, value }) => [id.toString(16), value]));

test("drafts 02 and 07 are announced, and draft 15 on request only", () => {
  expect(announced(false)).toEqual({ "2b603742": 1, c671706a: 16 });
  expect(announced(true)).toEqual({ "2b603742": 1, c671706a: 16, "2c7cf000": 1 });
});

test("SETTINGS_WT_ENABLED is 0 or 1", () => {
  const { problem } = webTransportSettings(1, { draft15: true }).at(-1)!;
  expect([0, 1, 2].map((value) => problem!(value))).toEqual([undefined, undefined, "neither 0 nor 1"]);
});

test.each([
  ["webtransport", true],
  ["webtransport-h3", true],
  ["websocket", false],
  [undefined, false],
])("the protocol %s requests a session: %s", (protocol, expected) => {
  expect(requestsSession(protocol)).toBe(expected);
});

test.each([
  ["draft 02", true, { 727725890: 1 }, true],
  ["draft 07", true, { 3329323114: 1 }, true],
  ["both", true, { 727725890: 1, 3329323114: 9 }, true],
  ["draft 07 with no sessions", true, { 3329323114: 0 }, false],
  ["draft 02, off", true, { 727725890: 0 }, false],
  ["draft 02 without datagrams", false, { 727725890: 1 }, false],
  ["draft 15 only", true, { 746385408: 1 }, false],
  ["nothing", true, {}, false],
])("a server that announces %s takes sessions of ours, or does not", (_, h3Datagram, announced, expected) => {
  const extensions = Object.entries(announced).map(([id, value]) => ({ id: Number(id), value }));
  expect(takesSessions({ ...DEFAULT_SETTINGS, h3Datagram, extensions })).toBe(expected);
});
