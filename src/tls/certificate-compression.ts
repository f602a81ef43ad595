/**
 * Certificate compression (RFC 8879). A chain is most of a server's first flight, and one that fits what the server may
 * send before the client's address is validated (RFC 9000 §8.1) saves a round trip. The host provides the algorithms.
 */

import { alertError } from "./alerts.ts";
import { MAX_MESSAGE_LENGTH } from "./channel.ts";
import { COMPRESSION_ALGORITHMS, type CompressionAlgorithm, formatCodePoint, nameOf } from "./code-points.ts";
import type { CertificateCompression } from "./handshake.ts";
import { emitCompressedCertificate, parseCompressedCertificate } from "./messages/compressed-certificate.ts";
import {
  emitMessage,
  type HandshakeMessage,
  handshakeMessage,
  MESSAGE_HEADER_LENGTH,
  parseBody,
} from "./messages/message.ts";

/** By Certificate message, which is one object per chain. */
const compressed = new WeakMap<Uint8Array, Map<CompressionAlgorithm, Uint8Array>>();

/** The message to send instead of this Certificate message to a client that offers `offered`: itself if that is shorter. */
export function compressCertificate(
  certificate: Uint8Array,
  offered: readonly number[] | undefined,
  compression: CertificateCompression | undefined,
): Uint8Array {
  const algorithm = compression?.algorithms.find((each) => offered?.includes(COMPRESSION_ALGORITHMS[each]));
  if (compression === undefined || algorithm === undefined) return certificate;
  let known = compressed.get(certificate);
  if (known === undefined) compressed.set(certificate, (known = new Map()));
  let message = known.get(algorithm);
  if (message === undefined) {
    const body = certificate.subarray(MESSAGE_HEADER_LENGTH);
    const shorter = emitCompressedCertificate({
      algorithm: COMPRESSION_ALGORITHMS[algorithm],
      uncompressedLength: body.length,
      compressed: compression.compress(algorithm, body),
    });
    message = shorter.length < certificate.length ? shorter : certificate;
    known.set(algorithm, message);
  }
  return message;
}

/** The Certificate message in a CompressedCertificate. */
export function decompressCertificate(
  message: HandshakeMessage,
  offered: readonly number[] | undefined,
  compression: CertificateCompression | undefined,
): HandshakeMessage {
  const { algorithm, uncompressedLength, compressed } = parseBody(message, parseCompressedCertificate);
  const name = nameOf(COMPRESSION_ALGORITHMS, algorithm);
  // RFC 8879 §4
  if (compression === undefined || name === undefined || offered?.includes(algorithm) !== true) {
    throw alertError("illegal_parameter", "compressed_certificate", `${formatCodePoint(algorithm)} was not offered`);
  }
  if (uncompressedLength > MAX_MESSAGE_LENGTH) {
    throw alertError("bad_certificate", "compressed_certificate", `${uncompressedLength} bytes are too many`);
  }
  const body = compression.decompress(name, compressed, uncompressedLength);
  if (body === undefined || body.length !== uncompressedLength) {
    throw alertError("bad_certificate", "compressed_certificate", `it does not yield ${uncompressedLength} bytes`);
  }
  return handshakeMessage(emitMessage("certificate", body));
}
