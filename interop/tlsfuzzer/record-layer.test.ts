/** The record layer around our TLS, against itself. */

import type { Socket } from "node:net";
import { describe, expect, it } from "vitest";
import { pureEngine } from "../../src/crypto/pure/index.ts";
import { CIPHER_SUITES } from "../../src/tls/code-points.ts";
import { EncryptionLevel } from "../../src/tls/handshake.ts";
import { RecordLayer, RecordType } from "./record-layer.ts";

/** Two sides that have the same keys; what the first writes is in `sent`. */
function pair() {
  const sent: Buffer[] = [];
  const socket = { write: (bytes: Uint8Array) => sent.push(Buffer.from(bytes)) } as unknown as Socket;
  const [writer, reader] = [new RecordLayer(socket, pureEngine), new RecordLayer(socket, pureEngine)];
  const suite = CIPHER_SUITES.TLS_AES_256_GCM_SHA384;
  const secret = { level: EncryptionLevel.oneRtt, suite, secret: new Uint8Array(48).fill(3) };
  writer.setSecret({ ...secret, direction: "write" });
  reader.setSecret({ ...secret, direction: "read" });
  return { sent, writer, reader };
}

describe("the record layer", () => {
  it("returns records as they were written, wherever the bytes are split", () => {
    const { sent, writer, reader } = pair();
    writer.write(RecordType.handshake, Uint8Array.of(1, 2, 0));
    writer.write(RecordType.applicationData, new Uint8Array(20_000));
    for (const byte of Buffer.concat(sent)) reader.receive(Buffer.of(byte));
    const level = EncryptionLevel.oneRtt;
    expect(reader.next()).toEqual({ type: RecordType.handshake, level, content: Uint8Array.of(1, 2, 0) });
    expect([reader.next()!.content.length, reader.next()!.content.length]).toEqual([16_384, 3_616]);
    expect(reader.next()).toBeUndefined();
  });

  it.each([
    [
      "that does not decrypt",
      20,
      (bytes: Buffer) => Buffer.concat([bytes.subarray(0, -1), Buffer.of(bytes.at(-1)! ^ 1)]),
    ],
    ["that is not protected", 10, () => Buffer.of(RecordType.handshake, 3, 3, 0, 1, 1)],
    ["that is too long", 22, () => Buffer.of(RecordType.applicationData, 3, 3, 0x41, 1)],
  ])("refuses a record %s", (_, alert, change) => {
    const { sent, writer, reader } = pair();
    writer.write(RecordType.handshake, Uint8Array.of(1));
    reader.receive(change(sent[0]!));
    expect(() => reader.next()).toThrow(expect.objectContaining({ alert }));
  });
});
