/** SETTINGS (RFC 9114 §7.2.4): the table and the settings of extensions. */

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { wideInt } from "../wire/varint.ts";
import { H3_ERRORS } from "./errors.ts";
import { emitSettings, extensionValue, parseSettings, SETTINGS } from "./settings.ts";
import { H3Pair } from "./testing/pair.ts";
import { RawPeer, settings } from "./testing/raw-peer.ts";

const SETTINGS_ERROR = H3_ERRORS.H3_SETTINGS_ERROR.code;
/** An identifier that needs all 62 bits. */
const WIDE = wideInt(0x3fff_ffff, 0xffff_fffe);
const GREASE = { id: 0x21, value: 5 };

describe("the table", () => {
  test("emitted settings parse back to the same values, and defaults are not sent", () => {
    const ours = {
      qpackMaxTableCapacity: 4096,
      maxFieldSectionSize: 2 ** 53 - 1,
      qpackBlockedStreams: 0,
      enableConnectProtocol: true,
      h3Datagram: true,
    };
    const payload = emitSettings(ours, [], GREASE);
    expect(parseSettings(payload)).toEqual({ ...ours, extensions: [] });
    expect(payload[0]).toBe(SETTINGS.qpackMaxTableCapacity.id);
    expect([...payload]).not.toContain(SETTINGS.qpackBlockedStreams.id);
  });

  test("matches the README", () => {
    const readme = readFileSync(new URL("README.md", import.meta.url), "utf8");
    for (const { id, name, source } of Object.values(SETTINGS)) {
      const row = readme.split("\n").find((line) => line.includes(`\`${name}\``));
      expect(row).toContain(`0x${id.toString(16).padStart(2, "0")}`);
      expect(row).toContain(source);
    }
  });

  test.each([2, WIDE])("a flag that is %o is an error", (value) => {
    const peer = new RawPeer("client");
    peer.openControl(settings([SETTINGS.enableConnectProtocol.id, value]));
    expect(peer.closeCode).toBe(SETTINGS_ERROR);
  });

  test("a limit of 62 bits has no effect", () => {
    const peer = new RawPeer("client");
    peer.openControl(settings([SETTINGS.maxFieldSectionSize.id, WIDE]));
    expect(peer.closeCode).toBeUndefined();
    expect(peer.victim.connection.peerSettings.maxFieldSectionSize).toBeGreaterThan(2 ** 53);
  });
});

describe("settings that an extension registers", () => {
  const flag = {
    id: 0x4d44,
    name: "SETTINGS_EXAMPLE",
    value: 1,
    problem: (value: unknown) => (value === 0 || value === 1 ? undefined : "neither 0 nor 1"),
  };

  test("are sent, and read with all 62 bits by a peer that registered them", () => {
    const wide = { id: WIDE, name: "SETTINGS_WIDE", value: wideInt(0x2000_0000, 7) };
    const readOnly = { id: WIDE, name: "SETTINGS_WIDE" };
    const pair = new H3Pair({
      client: { extensionSettings: [flag, readOnly] },
      server: { extensionSettings: [wide, flag] },
    }).run();
    const { peerSettings } = pair.client.connection;
    expect(extensionValue(peerSettings, 0x4d44)).toBe(1);
    expect(extensionValue(peerSettings, WIDE)).toEqual(wide.value);
    // A setting without a value is only read, not sent.
    expect(extensionValue(pair.server.connection.peerSettings, WIDE)).toBeUndefined();
    expect(extensionValue(pair.server.connection.peerSettings, 0x4d44)).toBe(1);
  });

  test("are ignored by a peer that did not register them", () => {
    const pair = new H3Pair({ server: { extensionSettings: [flag] } }).run();
    expect(pair.client.connection.peerSettings.extensions).toEqual([]);
  });

  test("close the connection if their owner rejects a value", () => {
    const peer = new RawPeer("server", { extensionSettings: [flag] });
    peer.openControl(settings([0x4d44, 2]));
    expect(peer.closeCode).toBe(SETTINGS_ERROR);
    expect(peer.victim.transport.closed?.phrase).toContain("SETTINGS_EXAMPLE");
  });

  test.each([
    ["HTTP/3's own", [{ id: 0x08, name: "A" }]],
    ["HTTP/2's", [{ id: 0x04, name: "A" }]],
    ["another's", [flag, { id: 0x4d44, name: "A" }]],
  ])("cannot have an identifier that is %s", (_, extensionSettings) => {
    expect(() => new H3Pair({ client: { extensionSettings } })).toThrow(RangeError);
  });
});
