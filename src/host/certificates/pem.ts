/** PEM (RFC 7468): what lies between the lines of dashes. */

const CERTIFICATE =
  /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----([^-]*)-----END (?:TRUSTED |X509 )?CERTIFICATE-----/g;

/** A byte order mark, as UTF-8 read as such or as latin1: some editors put one first, and OpenSSL stops at it. */
const BYTE_ORDER_MARK = /^(?:\ufeff|\u00ef\u00bb\u00bf)/;

export function pemText(pem: string | Uint8Array): string {
  const text = typeof pem === "string" ? pem : Buffer.from(pem.buffer, pem.byteOffset, pem.length).toString("latin1");
  return text.replace(BYTE_ORDER_MARK, "");
}

/** Every certificate of a PEM text, in DER. */
export function certificatesOfPem(pem: string): Uint8Array[] {
  return Array.from(pem.matchAll(CERTIFICATE), ([, base64]) => new Uint8Array(Buffer.from(base64!, "base64")));
}

/** What is given where a certificate is meant: PEM text or bytes, or DER. */
export function certificatesOf(source: string | Uint8Array): Uint8Array[] {
  const text = pemText(source);
  if (text.includes("-----BEGIN")) return certificatesOfPem(text);
  return typeof source === "string" || source.length === 0 ? [] : [new Uint8Array(source)];
}
