/** The three ways in which programs put new certificates in place, and pairs that no server can use. */

import { mkdirSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { CertificateFiles } from "../../interop/certificates.ts";
import { makeCertificate, type TestCertificate } from "../../src/host/certificates/testing/make-certificate.ts";

export interface Pair {
  readonly cert: string;
  readonly key: string;
}

/** The files that a server is given, and how a pair gets there. */
export interface Place {
  readonly name: string;
  readonly files: CertificateFiles;
  put(pair: Pair): void;
}

const CERT = "cert.pem";
const KEY = "key.pem";

const filesIn = (folder: string): CertificateFiles => ({ certFile: join(folder, CERT), keyFile: join(folder, KEY) });

function write(folder: string, { cert, key }: Pair): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, CERT), cert);
  writeFileSync(join(folder, KEY), key);
}

/** Replaces a link at once. */
function point(link: string, target: string): void {
  symlinkSync(target, `${link}.new`);
  renameSync(`${link}.new`, link);
}

/** Removes all folders but the newest ones. */
function prune(folder: string, kept: readonly string[]): void {
  for (const name of readdirSync(folder)) {
    if (/^(?:\.\.)?\d+$/.test(name) && !kept.includes(name)) rmSync(join(folder, name), { recursive: true });
  }
}

/** certbot: `live/NAME/cert.pem` is a link to `archive/NAME/…`; the links change one after the other. */
function certbot(folder: string): Place {
  const archive = join(folder, "archive");
  const live = join(folder, "live");
  mkdirSync(live, { recursive: true });
  let version = 0;
  return {
    name: "certbot.test",
    files: filesIn(live),
    put(pair) {
      version += 1;
      write(join(archive, `${version}`), pair);
      for (const name of [CERT, KEY]) point(join(live, name), `../archive/${version}/${name}`);
      prune(archive, [`${version}`]);
    },
  };
}

/** Kubernetes: both files are links through `..data`, which is a link that changes at once. */
function kubernetes(folder: string): Place {
  mkdirSync(folder, { recursive: true });
  for (const name of [CERT, KEY]) symlinkSync(`..data/${name}`, join(folder, name));
  let version = 0;
  return {
    name: "kubernetes.test",
    files: filesIn(folder),
    put(pair) {
      version += 1;
      write(join(folder, `..${version}`), pair);
      point(join(folder, "..data"), `..${version}`);
      prune(folder, [`..${version}`]);
    },
  };
}

/** An editor or a deployment: new files are renamed over the old ones, one after the other. */
function renaming(folder: string): Place {
  return {
    name: "renamed.test",
    files: filesIn(folder),
    put(pair) {
      const next = join(folder, "next");
      write(next, pair);
      for (const name of [CERT, KEY]) renameSync(join(next, name), join(folder, name));
    },
  };
}

export const places = (folder: string): readonly Place[] => [
  certbot(join(folder, "certbot")),
  kubernetes(join(folder, "kubernetes")),
  renaming(join(folder, "renamed")),
];

export const pairOf = ({ certChain, key }: TestCertificate): Pair => ({ cert: certChain, key });

/** Pairs that keep the previous certificate, by reason. */
export const BROKEN: readonly (readonly [reason: string, make: (name: string, issuer: TestCertificate) => Pair])[] = [
  [
    "does not belong",
    (name, issuer) => ({ ...certify(name, issuer), key: makeCertificate({ names: [name], issuer }).key }),
  ],
  ["is incomplete", (name, issuer) => truncated(certify(name, issuer))],
  ["expired on", (name, issuer) => pairOf(makeCertificate({ names: [name], issuer, ...PAST }))],
  ["is not PEM text", (name, issuer) => ({ ...certify(name, issuer), cert: "" })],
  ["is not a private key", (name, issuer) => ({ ...certify(name, issuer), key: "none" })],
];

const PAST = { notBefore: new Date("2020-01-01T00:00:00Z"), notAfter: new Date("2020-02-01T00:00:00Z") };

export const certify = (name: string, issuer: TestCertificate): Pair =>
  pairOf(makeCertificate({ names: [name], issuer }));

const truncated = ({ cert, key }: Pair): Pair => ({ cert: cert + cert.slice(0, 200), key });
