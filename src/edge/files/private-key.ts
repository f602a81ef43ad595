/** Recognizes files that hold a private key, such as the server's own next to its pages. They are never served. */
import { closeSync, constants, openSync, readSync } from "node:fs";
import { basename } from "node:path";

/** PKCS #12 and PuTTY's format, which exist to hold keys. */
const ALWAYS = /\.(?:p12|pfx|ppk)$/i;
/** Names of files in PEM, which may hold certificates, public keys or private keys. Keys of OpenSSH have no extension. */
const PEM = /\.(?:pem|key|p8|crt|cer)$|^[^.]+$/i;
/** RFC 7468 §10 and §11, and the older labels, such as `RSA PRIVATE KEY`. */
const LABEL = /-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----/;
/** A key may follow a chain of certificates. Other text of this length is not searched further. */
const SEARCHED = 65_536;
/** Without O_NONBLOCK, opening a file that has become a pipe would wait for a writer. Windows has no such flag. */
const OPEN_FLAGS = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

export function holdsPrivateKey(path: string): boolean {
  const name = basename(path);
  return ALWAYS.test(name) || (PEM.test(name) && LABEL.test(startOf(path)));
}

function startOf(path: string): string {
  const file = openSync(path, OPEN_FLAGS);
  try {
    const bytes = Buffer.allocUnsafe(SEARCHED);
    return bytes.toString("latin1", 0, readSync(file, bytes, 0, SEARCHED, 0));
  } finally {
    closeSync(file);
  }
}
