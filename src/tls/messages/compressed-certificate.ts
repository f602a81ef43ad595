/** CompressedCertificate (RFC 8879 §4): the body of a Certificate message, compressed. */

import type { Reader } from "../../wire/reader.ts";
import { emitMessage } from "./message.ts";
import { readVector24, uint16, uint24, vector24 } from "./presentation.ts";

export interface CompressedCertificate {
  readonly algorithm: number;
  readonly uncompressedLength: number;
  readonly compressed: Uint8Array;
}

export const parseCompressedCertificate = (body: Reader): CompressedCertificate => ({
  algorithm: body.uint16(),
  uncompressedLength: body.uint24(),
  compressed: readVector24(body, 1).rest(),
});

export const emitCompressedCertificate = (message: CompressedCertificate): Uint8Array =>
  emitMessage(
    "compressed_certificate",
    uint16(message.algorithm),
    uint24(message.uncompressedLength),
    vector24(message.compressed),
  );
