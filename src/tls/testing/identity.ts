/** Certificates for tests: valid enough to carry a public key, but never validated. */

import { createEd25519Signer } from "../../crypto/pure/ed25519-signer.ts";
import { fromHex } from "../../wire/hex.ts";
import { concat, latin1 } from "../../wire/text.ts";
import type { TlsIdentity } from "../handshake.ts";

/** A DER element. */
export function der(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const contents = concat(...parts);
  const { length } = contents;
  if (length < 0x80) return concat(Uint8Array.of(tag, length), contents);
  if (length < 0x100) return concat(Uint8Array.of(tag, 0x81, length), contents);
  return concat(Uint8Array.of(tag, 0x82, length >>> 8, length), contents);
}

const SEQUENCE = 0x30;
const ED25519_ALGORITHM = der(SEQUENCE, fromHex("06032b6570"));

/** A version 3 certificate around `spki`, with an invalid signature. */
export function makeCertificate(spki: Uint8Array): Uint8Array {
  const time = der(0x17, latin1("260101000000Z"));
  const tbsCertificate = der(
    SEQUENCE,
    der(0xa0, der(0x02, Uint8Array.of(2))),
    der(0x02, Uint8Array.of(1)),
    ED25519_ALGORITHM,
    der(SEQUENCE),
    der(SEQUENCE, time, time),
    der(SEQUENCE),
    spki,
  );
  return der(SEQUENCE, tbsCertificate, ED25519_ALGORITHM, der(0x03, new Uint8Array(65)));
}

/** An identity whose signatures are the same in every run. */
export function ed25519Identity(seed = 1): TlsIdentity {
  const signer = createEd25519Signer(new Uint8Array(32).fill(seed));
  const spki = der(SEQUENCE, ED25519_ALGORITHM, der(0x03, Uint8Array.of(0), signer.publicKey));
  return { chain: [makeCertificate(spki)], signer };
}
