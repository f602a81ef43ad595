/** ORIGIN frames (RFC 9412). */

import { expect, test } from "vitest";
import { emitOriginEntries } from "../http/index.ts";
import { H3_ERRORS } from "./errors.ts";
import { FrameType } from "./frames.ts";
import { H3Pair } from "./testing/pair.ts";
import { frame, RawPeer, settings } from "./testing/raw-peer.ts";

test("a server's origins reach the client", () => {
  const origins = ["https://a.example", "https://b.example:8443"];
  const pair = new H3Pair({ server: { origins } }).run();
  expect(pair.client.of("origins")).toEqual([{ type: "origins", origins }]);
  expect(new H3Pair().run().client.of("origins")).toEqual([]);
});

test("a client's frame is ignored, a malformed one is an error, and so is one of excessive length", () => {
  const send = (role: "client" | "server", payload: Uint8Array): RawPeer => {
    const peer = new RawPeer(role);
    peer.openControl(settings(), frame(FrameType.ORIGIN, payload));
    return peer;
  };
  const entries = emitOriginEntries(["https://a.example"]);
  expect(send("client", entries).victim.of("origins")).toHaveLength(1);
  expect(send("server", entries).victim.events.map(({ type }) => type)).not.toContain("origins");
  expect(send("server", entries).closeCode).toBeUndefined();
  expect(send("client", entries.subarray(0, 9)).closeCode).toBe(H3_ERRORS.H3_FRAME_ERROR.code);
  expect(send("client", new Uint8Array(65_537)).closeCode).toBe(H3_ERRORS.H3_EXCESSIVE_LOAD.code);
});
