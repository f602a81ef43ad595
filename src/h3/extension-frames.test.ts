/** Frames of extensions on the control stream. */

import { expect, test } from "vitest";
import { H3_ERRORS } from "./errors.ts";
import { H3Pair } from "./testing/pair.ts";
import { frame, RawPeer, settings } from "./testing/raw-peer.ts";

const TYPE = 0x89;
const payload = Uint8Array.of(1, 2, 3);

test("frames reach a client that wants their type, in order; others ignore them", () => {
  const server = {
    controlFrames: [
      { type: TYPE, payload },
      { type: TYPE, payload: new Uint8Array() },
    ],
  };
  const wanting = new H3Pair({ server, client: { extensionFrames: new Set([TYPE]) } }).run();
  expect(wanting.client.of("extension-frame")).toEqual([
    { type: "extension-frame", number: TYPE, payload },
    { type: "extension-frame", number: TYPE, payload: new Uint8Array() },
  ]);
  expect(new H3Pair({ server }).run().client.of("extension-frame")).toEqual([]);
});

test("one of excessive length is an error", () => {
  const peer = new RawPeer("client", { extensionFrames: new Set([TYPE]) });
  peer.openControl(settings(), frame(TYPE, new Uint8Array(4_097)));
  expect(peer.closeCode).toBe(H3_ERRORS.H3_EXCESSIVE_LOAD.code);
});

test("draft-davidben-http-client-hint-reliability: on a request stream, it is unexpected; a type that is not wanted is ignored there", () => {
  const codes = [new Set([TYPE]), new Set<number>()].map((extensionFrames) => {
    const peer = new RawPeer("client", { extensionFrames });
    peer.openControl(settings());
    peer.send(peer.openRequest(), frame(TYPE, payload));
    return peer.closeCode;
  });
  expect(codes).toEqual([H3_ERRORS.H3_FRAME_UNEXPECTED.code, undefined]);
});
