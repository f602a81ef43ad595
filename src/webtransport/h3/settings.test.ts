import { expect, test } from "vitest";
import { DEFAULT_SETTINGS } from "../../h3/settings.ts";
import {
  allowedSessions,
  type NewerDrafts,
  requestsSession,
  sessionTerms,
  takesSessions,
  webTransportSettings,
} from "./index.ts";
import { OWN_FLOW } from "./session-flow.ts";

const announced = (newer?: NewerDrafts) =>
  Object.fromEntries(
    webTransportSettings(16, newer).flatMap(({ id, value }) => (value === undefined ? [] : [[id.toString(16), value]])),
  );
const FLOW = { "2b61": OWN_FLOW.maxData, "2b64": OWN_FLOW.maxStreamsUni, "2b65": OWN_FLOW.maxStreamsBidi };

test("drafts 02 and 07 are announced, and newer ones with their flow control on request only", () => {
  const old = { "2b603742": 1, c671706a: 16 };
  expect(announced()).toEqual(old);
  expect(announced({ draft15: true })).toEqual({ ...old, "2c7cf000": 1, ...FLOW });
  expect(announced({ draft13: true, draft15: true })).toEqual({ ...old, "14e9cd29": 16, "2c7cf000": 1, ...FLOW });
});

test("SETTINGS_WT_ENABLED is 0 or 1", () => {
  const { problem } = webTransportSettings(1).find(({ name }) => name === "SETTINGS_WT_ENABLED")!;
  expect([0, 1, 2].map((value) => problem!(value))).toEqual([undefined, undefined, "neither 0 nor 1"]);
});

const BOTH = { draft13: true, draft15: true };
const LIMITS = { 11105: 1000, 11108: 3, 11109: 4 };

test.each<[string, NewerDrafts, Record<number, number>, string | undefined, boolean]>([
  ["draft 02 by Chromium", BOTH, { 727725890: 1 }, undefined, false],
  ["draft 13 with several sessions", BOTH, { 350866729: 9 }, "draft-13", true],
  ["draft 13 with one session", BOTH, { 350866729: 1 }, "draft-13", false],
  ["draft 14 with limits", BOTH, { 350866729: 1, 11108: 1 }, "draft-13", true],
  ["draft 13, which we do not offer", { draft15: true }, { 350866729: 9, ...LIMITS }, undefined, false],
  ["draft 15 without limits", BOTH, { 746385408: 1 }, "draft-15", false],
  ["draft 15 with limits", BOTH, { 746385408: 1, ...LIMITS }, "draft-15", true],
  ["both, as webtransport-go does", BOTH, { 746385408: 1, 350866729: 2 ** 50 }, "draft-15", false],
  ["draft 15, which we do not offer", { draft13: true }, { 746385408: 1, ...LIMITS }, undefined, false],
])("with a peer that announces %s, the draft and flow control follow", (_, newer, given, draft, hasFlow) => {
  const extensions = Object.entries(given).map(([id, value]) => ({ id: Number(id), value }));
  const terms = sessionTerms(newer, { ...DEFAULT_SETTINGS, h3Datagram: true, extensions });
  expect([terms.draft, terms.flow !== undefined]).toEqual([draft, hasFlow]);
  if (hasFlow && given[0x2b61] === 1000) {
    expect(terms.flow?.peer).toEqual({ maxData: 1000, maxStreamsUni: 3, maxStreamsBidi: 4 });
  }
  expect(sessionTerms(newer, { ...DEFAULT_SETTINGS, extensions }).draft).toBeUndefined();
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

test.each<[string, Record<number, number>, number]>([
  ["draft 02", { 727725890: 1 }, Number.POSITIVE_INFINITY],
  ["draft 07", { 727725890: 1, 3329323114: 7 }, 7],
  ["draft 13 with flow control", { 350866729: 9 }, 9],
  ["draft 13 without", { 350866729: 1 }, 1],
  ["draft 15 with flow control", { 746385408: 1, ...LIMITS }, Number.POSITIVE_INFINITY],
  ["draft 15 without", { 746385408: 1 }, 1],
])("a server that announces %s allows so many sessions on a connection", (_, announced, expected) => {
  const extensions = Object.entries(announced).map(([id, value]) => ({ id: Number(id), value }));
  const settings = { ...DEFAULT_SETTINGS, h3Datagram: true, extensions };
  expect(allowedSessions(sessionTerms(BOTH, settings), settings)).toBe(expected);
});
