/** Parses PEM (RFC 7468). */

const CERTIFICATE =
  /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----([^-]*)-----END (?:TRUSTED |X509 )?CERTIFICATE-----/g;

/** A byte order mark, decoded as UTF-8 or as latin1. Some editors write one, and OpenSSL fails on it. */
const BYTE_ORDER_MARK = /^(?:\ufeff|\u00ef\u00bb\u00bf)/;

export function pemText(pem: string | Uint8Array): string {
  const text = typeof pem === "string" ? pem : Buffer.from(pem.buffer, pem.byteOffset, pem.length).toString("latin1");
  return text.replace(BYTE_ORDER_MARK, "");
}

/** All certificates in a PEM text, in DER. */
export function certificatesOfPem(pem: string): Uint8Array[] {
  return Array.from(pem.matchAll(CERTIFICATE), ([, base64]) => new Uint8Array(Buffer.from(base64!, "base64")));
}

/** The certificates in PEM text, PEM bytes or DER. */
export function certificatesOf(source: string | Uint8Array): Uint8Array[] {
  const text = pemText(source);
  if (text.includes("-----BEGIN")) return certificatesOfPem(text);
  return typeof source === "string" || source.length === 0 ? [] : [new Uint8Array(source)];
}
