/** The runner's conditions. Each throws an assertion error. */

import { expect } from "vitest";
import { Ecn } from "../../../src/base/datagrams.ts";
import { VERSION_1, VERSION_2 } from "../../../src/quic/versions/index.ts";
import { CIPHER_SUITES } from "../../../src/tls/index.ts";
import type { SeenFrame, Side } from "./evidence.ts";
import type { CaseResult } from "./run.ts";

export type Check = (result: CaseResult) => void;

const SIDES: readonly Side[] = ["client", "server"];

/** Distinct handshakes, with one version. Connections end with code 0, sent by the client. */
export const handshakes =
  (count: number, version: number | "any" = VERSION_1): Check =>
  ({ evidence, ends }) => {
    expect(evidence.handshakes).toBe(count);
    const seen = new Set(evidence.packets.filter(({ form }) => form !== "one-rtt").map((packet) => packet.version));
    if (version !== "any") expect([...seen]).toEqual([version]);
    for (const end of ends) expect(end).toMatchObject({ type: "peer", code: 0 });
    expect(ends).toHaveLength(count);
  };

/** For paths that lose the end of a connection: the number of handshakes only. */
export const handshakesOnly =
  (count: number): Check =>
  ({ evidence }) =>
    expect(evidence.handshakes).toBe(count);

export const noRetry: Check = ({ evidence }) => expect(evidence.sentBy("server", "retry")).toEqual([]);

/** The client grants more connection and stream credit than at first. */
export const growingWindows: Check = ({ evidence }) => {
  for (const name of ["max-data", "max-stream-data"]) {
    expect(evidence.framesOf("client", "other").filter((frame) => frame.name === name).length).toBeGreaterThan(1);
  }
};

const startsHandshake = (frame: SeenFrame): boolean => frame.type === "crypto" && frame.offset === 0;

/** The probe timeout fired before the server's first flight arrived. */
export const repeatedClientHello: Check = ({ evidence }) => {
  const hellos = evidence.sentBy("client", "initial").filter(({ frames }) => frames.some(startsHandshake));
  expect(hellos.length).toBeGreaterThanOrEqual(2);
};

/** RFC 8446 §4.1.2: the suites of a ClientHello, after its type, length, version, random and session id. */
function offeredSuites(hello: Uint8Array): number[] {
  const view = new DataView(hello.buffer, hello.byteOffset, hello.byteLength);
  const start = 1 + 3 + 2 + 32 + 1 + view.getUint8(1 + 3 + 2 + 32);
  const count = view.getUint16(start) / 2;
  return Array.from({ length: count }, (_, i) => view.getUint16(start + 2 + 2 * i));
}

export const onlyChaCha20: Check = ({ evidence }) => {
  const hellos = evidence
    .sentBy("client", "initial")
    .flatMap(({ frames }) => frames)
    .filter((frame) => frame.type === "crypto" && frame.offset === 0);
  expect(hellos.length).toBeGreaterThan(0);
  for (const hello of hellos) {
    if (hello.type === "crypto")
      expect(offeredSuites(hello.data)).toEqual([CIPHER_SUITES.TLS_CHACHA20_POLY1305_SHA256.id]);
  }
};

export const raisedStreamLimit: Check = ({ evidence, clients }) => {
  expect(clients[0]!.peerParameters!.initialMaxStreamsBidi).toBeLessThanOrEqual(1000);
  expect(evidence.framesOf("server", "other").some(({ name }) => name === "max-streams")).toBe(true);
};

const CERTIFICATE = 11;

/** The server proves its identity on the first connection only. */
export const resumed: Check = ({ evidence }) => {
  const [first, second, ...others] = evidence.serverMessages;
  expect(first).toContain(CERTIFICATE);
  expect(second!.length).toBeGreaterThan(0);
  expect(second).not.toContain(CERTIFICATE);
  expect(others).toEqual([]);
};

/** The requests of the second connection are early: what the client sends in 1-RTT packets is small. */
export const sentEarly: Check = ({ evidence }) => {
  const bytes = (form: "zero-rtt" | "one-rtt"): number =>
    evidence.sentBy("client", form).reduce((sum, { size }) => sum + size, 0);
  expect(bytes("zero-rtt")).toBeGreaterThan(0);
  expect(bytes("one-rtt")).toBeLessThanOrEqual(5_000);
};

/** RFC 9368: the client's first Initial is of version 1, the rest of the handshake of version 2. */
export const upgradedToVersion2: Check = ({ evidence }) => {
  expect(evidence.sentBy("client", "initial")[0]!.version).toBe(VERSION_1);
  const versions = (side: Side, form: "initial" | "handshake") => [
    ...new Set(evidence.sentBy(side, form).map(({ version }) => version)),
  ];
  expect(versions("server", "initial")).toEqual([VERSION_2]);
  for (const side of SIDES) expect(versions(side, "handshake")).toEqual([VERSION_2]);
};

/** RFC 9000 §17.2.5: the client repeats the token, and its packet numbers continue. */
export const retried: Check = ({ evidence }) => {
  const { packets } = evidence;
  const at = packets.findIndex(({ form }) => form === "retry");
  expect(at).toBeGreaterThan(0);
  expect(packets[at]!.token.length).toBeGreaterThan(0);
  const initials = (some: typeof packets) => some.filter(({ side, form }) => side === "client" && form === "initial");
  const before = initials(packets.slice(0, at));
  const later = initials(packets.slice(at)).filter(({ token }) => token === packets[at]!.token);
  expect(later.length).toBeGreaterThan(0);
  const last = Math.max(...before.map(({ packetNumber }) => packetNumber));
  for (const { packetNumber } of later) expect(packetNumber).toBeGreaterThan(last);
};

export const bothKeyPhases: Check = ({ evidence }) => {
  for (const side of SIDES) expect(evidence.keyPhases(side)).toEqual(new Set([0, 1]));
};

/** Both sides mark packets, never as CE, and their acknowledgements have counts. */
export const ecnMarked: Check = ({ evidence }) => {
  for (const side of SIDES) {
    const marks = evidence.marks[side];
    expect(marks.has(Ecn.ect0)).toBe(true);
    expect(marks.has(Ecn.ce)).toBe(false);
    expect(evidence.framesOf(side, "ack").some(({ hasEcn }) => hasEcn)).toBe(true);
  }
};

/** RFC 9000 §8.1: at most three times as much as received, from a server with a chain of several packets. */
export const amplificationLimit: Check = ({ evidence }) => {
  const flight = evidence
    .sentBy("server", "handshake")
    .flatMap(({ frames }) => frames)
    .map((frame) => (frame.type === "crypto" ? frame.offset + frame.data.length : 0));
  expect(Math.max(...flight)).toBeGreaterThanOrEqual(7500);
  expect(evidence.beforeValidation.length).toBeGreaterThan(0);
  for (const { sent, received } of evidence.beforeValidation) expect(sent).toBeLessThanOrEqual(3 * received);
};

export const dropped =
  (reason: string, least: number): Check =>
  ({ evidence }) => {
    const count = SIDES.reduce((sum, side) => sum + (evidence.drops.get(`${side} ${reason}`) ?? 0), 0);
    expect(count).toBeGreaterThanOrEqual(least);
  };

export const onlyFamily =
  (family: 4 | 6): Check =>
  ({ evidence }) =>
    expect([...evidence.families]).toEqual([family]);

/** RFC 9000 §9.3: the server's first packet on each new path has a challenge, which the client answers. */
export const validatedPaths =
  (what: "ports" | "addresses"): Check =>
  ({ evidence }) => {
    const oneRtt = evidence.sentBy("server", "one-rtt");
    const paths = [...new Set(oneRtt.map(({ path }) => path))];
    expect(paths.length).toBeGreaterThanOrEqual(2);
    if (what === "addresses") {
      expect(new Set(oneRtt.map(({ remoteHost }) => remoteHost)).size).toBeGreaterThanOrEqual(2);
    }
    const answers = evidence.framesOf("client", "path-response").map(({ data }) => data);
    for (const path of paths.slice(1)) {
      const first = oneRtt.find((packet) => packet.path === path)!;
      const challenge = first.frames.find((frame) => frame.type === "path-challenge");
      expect(challenge, `the first packet on ${path}`).toBeDefined();
      if (challenge?.type === "path-challenge") expect(answers).toContain(challenge.data);
    }
  };

/** RFC 9000 §9.5: the client's first packet on another path has another destination id. */
export const newIdOnNewPath: Check = ({ evidence }) => {
  const oneRtt = evidence.sentBy("client", "one-rtt");
  const paths = [...new Set(oneRtt.map(({ path }) => path))];
  expect(paths).toHaveLength(2);
  const [before, after] = paths.map(
    (path) => new Set(oneRtt.filter((one) => one.path === path).map(({ destination }) => destination)),
  );
  for (const id of after!) expect(before).not.toContain(id);
};

/** Mbit/s from the first to the last 1-RTT packet that reaches the client. */
export const goodput =
  (least: number, most = Number.POSITIVE_INFINITY): Check =>
  ({ evidence, files }) => {
    const bytes = files.reduce((sum, { size }) => sum + size, 0);
    const rate = (bytes * 8) / (evidence.lastOneRtt! - evidence.firstOneRtt!);
    expect(rate).toBeGreaterThanOrEqual(least);
    expect(rate).toBeLessThanOrEqual(most);
  };
