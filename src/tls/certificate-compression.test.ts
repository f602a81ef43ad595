/** Certificate compression (RFC 8879), by node:zlib's algorithms and by broken ones. */

import { brotliCompressSync, deflateSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { certificateCompression } from "../host/certificates/compression.ts";
import { MAX_MESSAGE_LENGTH } from "./channel.ts";
import { COMPRESSION_ALGORITHMS, type CompressionAlgorithm } from "./code-points.ts";
import type { CertificateCompression, TlsIdentity } from "./index.ts";
import { emitCompressedCertificate } from "./messages/compressed-certificate.ts";
import { MESSAGE_TYPES } from "./messages/message.ts";
import { expectCode } from "./testing/expect.ts";
import { ed25519Identity } from "./testing/identity.ts";
import { eventOf, Pair, type Tamper } from "./testing/pair.ts";

/** A chain whose second certificate compresses well. */
const { chain, signer } = ed25519Identity();
const identity: TlsIdentity = { chain: [...chain, new Uint8Array(3_000).fill(7)], signer };
const server = { selectIdentity: () => identity, certificateCompression };

const only = (...algorithms: CompressionAlgorithm[]): CertificateCompression => ({
  ...certificateCompression,
  algorithms,
});

const messagesOf = (pair: Pair) =>
  pair.toClient.flatMap(({ bytes }) => {
    const isCompressed = bytes[0] === MESSAGE_TYPES.compressed_certificate;
    return isCompressed || bytes[0] === MESSAGE_TYPES.certificate ? [{ isCompressed, bytes }] : [];
  });

describe("a server's chain", () => {
  it.each<[CompressionAlgorithm, CertificateCompression]>([
    ["brotli", certificateCompression],
    ["brotli", only("brotli")],
    ["zlib", only("zlib")],
    ["zlib", only("zlib", "brotli")],
  ])("is compressed with %s, and arrives whole", (algorithm, compression) => {
    for (const chunk of [undefined, 1]) {
      const client = { certificateCompression: only("zlib", "brotli") };
      const options = { client, server: { ...server, certificateCompression: compression } };
      const pair = new Pair(chunk === undefined ? options : { ...options, chunk }).run();
      expect(pair.isComplete).toBe(true);
      expect(eventOf(pair.clientEvents, "verify-certificate")!.chain).toEqual(identity.chain);
      const [message, ...others] = messagesOf(pair);
      expect([message!.isCompressed, others]).toEqual([true, []]);
      expect(message!.bytes.length).toBeLessThan(500);
      expect((message!.bytes[4]! << 8) | message!.bytes[5]!).toBe(COMPRESSION_ALGORITHMS[algorithm]);
    }
  });

  it("is compressed once for all handshakes", () => {
    let count = 0;
    const counting: CertificateCompression = {
      ...certificateCompression,
      compress: (...input) => {
        count += 1;
        return certificateCompression.compress(...input);
      },
    };
    const own: TlsIdentity = { ...identity, chain: [...identity.chain] };
    for (let i = 0; i < 3; i += 1) {
      new Pair({
        client: { certificateCompression: only("zlib") },
        server: { selectIdentity: () => own, certificateCompression: counting },
      }).run();
    }
    expect(count).toBe(1);
  });

  it.each([
    ["that offers nothing", undefined, certificateCompression],
    ["that offers another algorithm", only("brotli"), only("zlib")],
    ["of a server without compression", certificateCompression, undefined],
  ])("goes out as it is to a client %s", (_name, offered, compression) => {
    const pair = new Pair({
      client: { certificateCompression: offered },
      server: { ...server, certificateCompression: compression },
    }).run();
    expect(pair.isComplete).toBe(true);
    expect(messagesOf(pair).map(({ isCompressed }) => isCompressed)).toEqual([false]);
  });

  it("goes out as it is if that is shorter", () => {
    const longer = { ...certificateCompression, compress: (_: unknown, bytes: Uint8Array) => bytes };
    const own: TlsIdentity = { ...identity, chain: [...identity.chain] };
    const pair = new Pair({
      client: { certificateCompression },
      server: { selectIdentity: () => own, certificateCompression: longer },
    }).run();
    expect(messagesOf(pair).map(({ isCompressed }) => isCompressed)).toEqual([false]);
  });

  it("is compressed after a HelloRetryRequest too", () => {
    const pair = new Pair({ client: { certificateCompression }, server: { ...server, groups: ["secp256r1"] } }).run();
    expect([pair.isComplete, messagesOf(pair)[0]!.isCompressed]).toEqual([true, true]);
  });
});

describe("a client aborts on a CompressedCertificate", () => {
  const compressed =
    (algorithm: number, uncompressedLength: number, bytes: Uint8Array): Tamper =>
    (message, name) =>
      name === "certificate" || name === "compressed_certificate"
        ? emitCompressedCertificate({ algorithm, uncompressedLength, compressed: bytes })
        : message;
  const body = new Uint8Array(2_000).fill(1);
  const bomb = new Uint8Array(16 * 1024 * 1024);
  const { zlib, brotli } = COMPRESSION_ALGORITHMS;

  it.each([
    ["with an algorithm that was not offered", "illegal_parameter", compressed(3, 2_000, body)],
    ["that is not compressed at all", "bad_certificate", compressed(zlib, 2_000, body)],
    ["that is cut off", "bad_certificate", compressed(zlib, 2_000, deflateSync(body).subarray(0, -5))],
    ["that yields more than it says", "bad_certificate", compressed(zlib, 1_999, deflateSync(body))],
    ["that yields less than it says", "bad_certificate", compressed(brotli, 2_001, brotliCompressSync(body))],
    ["that says nothing and yields much", "bad_certificate", compressed(zlib, 0, deflateSync(bomb))],
    [
      "that says more than a message holds",
      "bad_certificate",
      compressed(zlib, MAX_MESSAGE_LENGTH + 1, deflateSync(bomb)),
    ],
    ["whose content is no certificate", "decode_error", compressed(zlib, 2_000, deflateSync(body))],
    ["without content", "decode_error", compressed(zlib, 0, new Uint8Array(0))],
  ] as const)("%s", (_name, alert, toClient) => {
    const pair = new Pair({ client: { certificateCompression }, server, toClient });
    expectCode(() => pair.run(), alert);
  });

  it("that it did not offer", () => {
    expectCode(
      () => new Pair({ server, toClient: compressed(zlib, 2_000, deflateSync(body)) }).run(),
      "illegal_parameter",
    );
  });
});
