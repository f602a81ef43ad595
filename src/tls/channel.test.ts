/** Splitting crypto streams into messages, and the limits on buffered data. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { concat } from "../wire/text.ts";
import { CryptoChannel, MAX_MESSAGE_LENGTH } from "./channel.ts";
import { EncryptionLevel } from "./handshake.ts";
import { uint8, vector24 } from "./messages/presentation.ts";
import { expectCode, PROTOCOL_VIOLATION } from "./testing/expect.ts";

const message = (type: number, length: number): Uint8Array =>
  concat(uint8(type), vector24(new Uint8Array(length).fill(type)));

describe("CryptoChannel", () => {
  it("yields the same messages however the stream is split", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(255), fc.nat(3000)), { maxLength: 5 }),
        fc.array(fc.integer({ min: 1, max: 2000 }), { minLength: 1, maxLength: 20 }),
        (sizes, cuts) => {
          const sent = sizes.map(([type, length]) => message(type, length));
          const stream = concat(...sent);
          const channel = new CryptoChannel();
          const got: Uint8Array[] = [];
          for (let at = 0, i = 0; at < stream.length; i += 1) {
            const end = at + cuts[i % cuts.length]!;
            channel.receive(EncryptionLevel.initial, stream.subarray(at, end), ({ bytes }) => got.push(bytes));
            at = end;
          }
          expect(got).toEqual(sent);
        },
      ),
    );
  });

  it("accepts a message of maximum length, and refuses a longer one by its header alone", () => {
    const channel = new CryptoChannel();
    let length = 0;
    channel.receive(EncryptionLevel.initial, message(11, MAX_MESSAGE_LENGTH), ({ bytes }) => {
      length = bytes.length;
    });
    expect(length).toBe(MAX_MESSAGE_LENGTH + 4);
    const header = message(11, MAX_MESSAGE_LENGTH + 1).subarray(0, 4);
    expectCode(() => channel.receive(EncryptionLevel.initial, header, () => {}), "decode_error");
  });

  it("hands over its messages: a later one does not overwrite them", () => {
    const channel = new CryptoChannel();
    const got: Uint8Array[] = [];
    channel.receive(EncryptionLevel.initial, concat(message(1, 8), message(2, 8)), ({ bytes }) => got.push(bytes));
    expect(got).toEqual([message(1, 8), message(2, 8)]);
  });

  it("refuses bytes of the old level once the level has been raised", () => {
    const channel = new CryptoChannel();
    const raise = () => channel.readAt(EncryptionLevel.handshake);
    expectCode(
      () => channel.receive(EncryptionLevel.initial, concat(message(2, 3), uint8(8)), raise),
      PROTOCOL_VIOLATION,
    );
  });

  it("accepts empty input at any level", () => {
    const channel = new CryptoChannel();
    channel.receive(EncryptionLevel.oneRtt, new Uint8Array(0), () => expect.unreachable());
    expect(channel.pollEvent()).toBeUndefined();
  });
});
