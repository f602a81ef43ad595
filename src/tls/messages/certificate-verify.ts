/** CertificateVerify (RFC 8446 §4.4.3): proves that the sender holds the key of its certificate. */

import type { Reader } from "../../wire/reader.ts";
import { concat, latin1 } from "../../wire/text.ts";
import { emitMessage } from "./message.ts";
import { readVector16, uint16, vector16 } from "./presentation.ts";

export interface CertificateVerify {
  readonly algorithm: number;
  readonly signature: Uint8Array;
}

export const parseCertificateVerify = (body: Reader): CertificateVerify => ({
  algorithm: body.uint16(),
  signature: readVector16(body).rest(),
});

export const emitCertificateVerify = ({ algorithm, signature }: CertificateVerify): Uint8Array =>
  emitMessage("certificate_verify", uint16(algorithm), vector16(signature));

const contextOf = (side: "client" | "server"): Uint8Array =>
  concat(new Uint8Array(64).fill(0x20), latin1(`TLS 1.3, ${side} CertificateVerify`), new Uint8Array(1));

const CONTEXTS = { client: contextOf("client"), server: contextOf("server") } as const;

/** What a side signs: a context string and the transcript up to and including its Certificate (RFC 8446 §4.4.3). */
export const signedContent = (transcriptHash: Uint8Array, signer: "client" | "server"): Uint8Array =>
  concat(CONTEXTS[signer], transcriptHash);
