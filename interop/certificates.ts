/** The run's own authority with its certificates: a valid one, and one for each fault. */

import { createHash, randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { extension } from "../src/host/certificates/builder.ts";
import { type Identity, loadIdentity } from "../src/host/certificates/index.ts";
import { makeCertificate, type TestCertificate } from "../src/host/certificates/testing/make-certificate.ts";

/** The name of every server in a run. `.test` is reserved for tests (RFC 6761 §6.2). */
export const HOST = "peer.test";

const DAY = 86_400_000;

const INTERMEDIATES = 5;
/** An extension without meaning, of random bytes, which compression does not make smaller. */
const PADDING = "1.3.6.1.4.1.55555.1";
const PADDING_LENGTH = 1_400;

export interface CertificateFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

export interface TestIdentity extends CertificateFiles {
  readonly identity: Identity;
  /** The authority as PEM, and the file that holds it. */
  readonly ca: string;
  readonly caFile: string;
  /** Base64 of the SHA-256 of the public key, for Chromium. */
  readonly spkiHash: string;
  /** The SHA-256 of the certificate. */
  readonly certificateHash: Uint8Array;
  /** Its chain does not fit into what a server may send before the client's address is valid. */
  readonly longChain: CertificateFiles;
  readonly wrongName: CertificateFiles;
  readonly expired: CertificateFiles;
  /** Valid except for its untrusted issuer. */
  readonly unknownAuthority: CertificateFiles;
}

/** `more` are further names of the right certificate. */
export function createIdentities(directory: string, more: readonly string[] = []): TestIdentity {
  const authority = makeCertificate({ subject: "Interop Root", ca: true });
  const stranger = makeCertificate({ subject: "Stranger Root", ca: true });
  const names = [HOST, "localhost", "127.0.0.1", "::1", ...more];
  // A browser accepts a certificate by its hash only if it is valid for at most 14 days.
  const right = makeCertificate({ names, issuer: authority, notAfter: daysAgo(-12) });
  const expired = { names, issuer: authority, notBefore: daysAgo(9), notAfter: daysAgo(2) };
  const caFile = join(directory, "ca.pem");
  writeFileSync(caFile, authority.cert);
  return {
    ...writeFiles(directory, "right", right),
    identity: loadIdentity({ cert: right.certChain, key: right.key }),
    ca: authority.cert,
    caFile,
    spkiHash: createHash("sha256").update(right.spki).digest("base64"),
    certificateHash: createHash("sha256").update(right.der).digest(),
    longChain: longChain(directory, names, authority),
    wrongName: writeFiles(directory, "wrong-name", makeCertificate({ names: ["other.test"], issuer: authority })),
    expired: writeFiles(directory, "expired", makeCertificate(expired)),
    unknownAuthority: writeFiles(directory, "unknown-authority", makeCertificate({ names, issuer: stranger })),
  };
}

/** The public runner's chain has more than 7,500 bytes. Some libraries accept only six intermediates, so ours are large. */
function longChain(directory: string, names: readonly string[], root: TestCertificate): CertificateFiles {
  let issuer = root;
  for (let n = 1; n <= INTERMEDIATES; n += 1) {
    const extensions = [extension(PADDING, false, randomBytes(PADDING_LENGTH))];
    issuer = makeCertificate({ subject: `Interop Intermediate ${n}`, ca: true, issuer, extensions });
  }
  return writeFiles(directory, "long-chain", makeCertificate({ names, issuer }));
}

const daysAgo = (days: number): Date => new Date(Date.now() - days * DAY);

function writeFiles(directory: string, name: string, certificate: TestCertificate): CertificateFiles {
  const certFile = join(directory, `${name}.pem`);
  const keyFile = join(directory, `${name}-key.pem`);
  writeFileSync(certFile, certificate.certChain);
  writeFileSync(keyFile, certificate.key);
  return { certFile, keyFile };
}
