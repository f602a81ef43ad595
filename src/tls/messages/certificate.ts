/** Certificate (RFC 8446 §4.4.2): a DER chain, leaf first; each certificate has its own extensions. */

import type { Reader } from "../../wire/reader.ts";
import { concat } from "../../wire/text.ts";
import { type Extensions, emitExtensions, parseExtensions } from "./extensions.ts";
import { emitMessage } from "./message.ts";
import { readList, readVector8, readVector24, vector8, vector24 } from "./presentation.ts";

export interface CertificateEntry {
  readonly certificate: Uint8Array;
  readonly extensions: Extensions<"CT">;
}

export interface CertificateMessage {
  /** Echoes the context of a CertificateRequest; empty from a server. */
  readonly requestContext: Uint8Array;
  readonly entries: readonly CertificateEntry[];
}

export const parseCertificate = (body: Reader): CertificateMessage => ({
  requestContext: readVector8(body).rest(),
  entries: readList(readVector24(body), (list) => ({
    certificate: readVector24(list, 1).rest(),
    extensions: parseExtensions(list, "CT"),
  })),
});

export const emitCertificate = ({ requestContext, entries }: CertificateMessage): Uint8Array =>
  emitMessage(
    "certificate",
    vector8(requestContext),
    vector24(
      ...entries.map(({ certificate, extensions }) => concat(vector24(certificate), emitExtensions(extensions, "CT"))),
    ),
  );
