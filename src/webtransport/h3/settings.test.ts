import { expect, test } from "vitest";
import { requestsSession, webTransportSettings } from "./index.ts";

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
