/** Certificate compression (RFC 8879) by node:zlib. A chain is compressed once, during the first handshake that wants it. */

import { brotliCompressSync, brotliDecompressSync, constants, deflateSync, inflateSync } from "node:zlib";
import type { CertificateCompression } from "../../tls/index.ts";

/** The best quality takes much longer and saves little more. */
const BROTLI = {
  params: { [constants.BROTLI_PARAM_QUALITY]: 9, [constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_GENERIC },
};

const plain = (buffer: Buffer): Uint8Array => new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);

export const certificateCompression: CertificateCompression = {
  algorithms: ["brotli", "zlib"],
  compress: (algorithm, bytes) =>
    plain(algorithm === "brotli" ? brotliCompressSync(bytes, BROTLI) : deflateSync(bytes, { level: 9 })),
  decompress(algorithm, bytes, length) {
    const decompress = algorithm === "brotli" ? brotliDecompressSync : inflateSync;
    try {
      // It throws as soon as there is more.
      const result = decompress(bytes, { maxOutputLength: Math.max(length, 1) });
      return result.length === length ? plain(result) : undefined;
    } catch {
      return undefined;
    }
  },
};
