/** CertificateRequest (RFC 8446 §4.3.2). */

import type { Reader } from "../../wire/reader.ts";
import { type Extensions, emitExtensions, parseExtensions } from "./extensions.ts";
import { emitMessage } from "./message.ts";
import { readVector8, vector8 } from "./presentation.ts";

export interface CertificateRequest {
  readonly requestContext: Uint8Array;
  readonly extensions: Extensions<"CR">;
}

export const parseCertificateRequest = (body: Reader): CertificateRequest => ({
  requestContext: readVector8(body).rest(),
  extensions: parseExtensions(body, "CR"),
});

export const emitCertificateRequest = ({ requestContext, extensions }: CertificateRequest): Uint8Array =>
  emitMessage("certificate_request", vector8(requestContext), emitExtensions(extensions, "CR"));
