import { expect, test } from "vitest";
import { EncryptionLevel } from "../../tls/handshake.ts";
import { utf8 } from "../../wire/text.ts";
import { Writer } from "../../wire/writer.ts";
import { framesOf } from "../frame/index.ts";
import type { SentFrame } from "../recovery/sent-packet.ts";
import { CryptoStream } from "./crypto-stream.ts";

/** What one packet of 100 bytes carries, as offsets and text. */
function send(stream: CryptoStream): readonly [offset: number, text: string][] {
  const writer = new Writer(new Uint8Array(100));
  const sent: SentFrame[] = [];
  stream.writeFrames(writer, sent);
  const bytes = writer.written();
  return framesOf(bytes, 0, bytes.length, EncryptionLevel.handshake).map((frame) => {
    if (frame.type !== "crypto") throw new TypeError(`unexpected ${frame.type}`);
    return [frame.offset, new TextDecoder().decode(frame.data)];
  });
}

test("offsets go on after everything was acknowledged and released", () => {
  const stream = new CryptoStream();
  stream.write(utf8("first"));
  expect(send(stream)).toEqual([[0, "first"]]);
  stream.handleAcked(0, 5);
  expect([stream.hasData, stream.hasUnacknowledged]).toEqual([false, false]);
  stream.write(utf8("second"));
  expect([stream.hasData, stream.hasUnacknowledged]).toEqual([true, true]);
  expect(send(stream)).toEqual([[5, "second"]]);
  stream.handleLost(5, 6);
  expect(send(stream)).toEqual([[5, "second"]]);
  stream.handleAcked(5, 6);
  expect([stream.hasData, stream.hasUnacknowledged]).toEqual([false, false]);
});

test("what was acknowledged and released is not sent again", () => {
  const stream = new CryptoStream();
  stream.write(utf8("first"));
  send(stream);
  stream.handleAcked(0, 5);
  stream.handleLost(0, 5);
  expect(stream.hasData).toBe(false);
  stream.write(utf8("second"));
  send(stream);
  stream.repeatUnacknowledged();
  expect(send(stream)).toEqual([[5, "second"]]);
});
