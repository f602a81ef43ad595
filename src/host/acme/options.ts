/** The options of automatic certificates, and their check. */

import { join } from "node:path";
import { dataDirectory } from "../kept-file.ts";
import type { ChallengeKind } from "./answers.ts";
import type { CertificateKeyType } from "./csr.ts";
import { DiskStorage } from "./disk-storage.ts";
import { type DnsCommand, type DnsHook, dnsHookOf } from "./dns-hook.ts";
import { invalidOption } from "./errors.ts";
import type { AccountAlgorithm, ExternalAccount } from "./jose.ts";
import { checkDomains } from "./names.ts";
import type { Storage } from "./storage.ts";

export const LETS_ENCRYPT = "https://acme-v02.api.letsencrypt.org/directory";
/** Issues certificates that no browser trusts, for tests. */
export const LETS_ENCRYPT_STAGING = "https://acme-staging-v02.api.letsencrypt.org/directory";

/** Everything but `storage`, `dnsHook` and `onDemand.allow` as objects or functions is plain data. */
export interface AcmeOptions {
  /** The names of the certificates: a certificate for each entry, or for all names of a list. May be empty with `onDemand`. */
  readonly domains?: readonly (string | readonly string[])[];
  /** True to agree to the authority's terms of service, which its directory names. */
  readonly agreeToTerms?: boolean;
  /** Where the authority sends its mails, if it sends any. */
  readonly email?: string | readonly string[];
  /** The URL of the authority's directory. Let's Encrypt by default. */
  readonly directory?: string;
  /** PEM: trusted for the authority itself, in addition to Node's roots. For an authority of your own. */
  readonly ca?: string;
  /** The account that the authority's site has given out, if it asks for one. */
  readonly eab?: ExternalAccount;
  /**
   * The challenges to use, in order of preference; after a failure, the next attempt starts with another one. By default
   * dns-01 if there is a `dnsHook`; otherwise tls-alpn-01, which needs port 443, and http-01 if the server listens on plain HTTP.
   */
  readonly challenges?: readonly ChallengeKind[];
  /** A port for plain HTTP, which answers http-01 and redirects all else to https. The authority asks on port 80. */
  readonly httpPort?: number;
  /** Sets and removes the records of dns-01: a program with its first arguments, or an object. */
  readonly dnsHook?: DnsCommand | DnsHook;
  /** A folder, or storage of another kind. By default `nagare/acme` in the user's folder for data. */
  readonly storage?: string | Storage;
  /** Obtains certificates for further names when clients ask for them. */
  readonly onDemand?: OnDemandOptions;
  /** The type of the certificates' keys: "p256" by default. */
  readonly keyType?: CertificateKeyType;
  /** The type of the account's key: "ES256" by default. */
  readonly accountKeyType?: AccountAlgorithm;
  /** The kind of certificate, for authorities that have several, such as "shortlived". */
  readonly profile?: string;
  /** The common name of an authority: of several chains, the one that contains it is used. */
  readonly preferredChain?: string;
}

/** Which certificates may be ordered when a client asks for a name. */
export interface OnDemandOptions {
  /**
   * Which names: patterns such as "*.customers.example"; or the http or https URL of a service that is asked with
   * `?domain=NAME` and answers 200 to allow it; or a function. Without it, strangers could order certificates for any name.
   */
  readonly allow: readonly string[] | string | ((name: string) => boolean | Promise<boolean>);
  /** The number of names, at most. 1000 by default. */
  readonly limit?: number;
}

export interface CheckedOptions extends Omit<AcmeOptions, "domains" | "storage" | "dnsHook"> {
  readonly domains: readonly (readonly string[])[];
  readonly directory: string;
  readonly kinds: readonly ChallengeKind[];
  readonly storage: Storage;
  readonly dnsHook: DnsHook | undefined;
}

/** For `checkAcmeOptions`. The compiler ensures that the list is complete. */
const OPTIONS: Readonly<Record<keyof AcmeOptions, true>> = {
  accountKeyType: true,
  agreeToTerms: true,
  ca: true,
  challenges: true,
  directory: true,
  dnsHook: true,
  domains: true,
  eab: true,
  email: true,
  httpPort: true,
  keyType: true,
  onDemand: true,
  preferredChain: true,
  profile: true,
  storage: true,
};

const KINDS: readonly ChallengeKind[] = ["http-01", "tls-alpn-01", "dns-01"];
const KEY_TYPES: readonly CertificateKeyType[] = ["p256", "p384", "rsa2048", "rsa4096"];
const ACCOUNT_KEY_TYPES: readonly AccountAlgorithm[] = ["ES256", "EdDSA"];

/** Throws an `AcmeError` that names the option. `hasHttp` is true if the caller answers http-01 on a port of its own. */
export function checkAcmeOptions(options: AcmeOptions, hasHttp = false): CheckedOptions {
  const unknown = Object.keys(options).find((name) => !Object.hasOwn(OPTIONS, name));
  if (unknown !== undefined) {
    throw invalidOption(
      `automatic certificates have no option "${unknown}"; known are ${Object.keys(OPTIONS).join(", ")}`,
    );
  }
  const { directory = LETS_ENCRYPT, storage, dnsHook, onDemand, eab, ca } = options;
  const domains = checkDomains(options.domains ?? []);
  if (domains.length === 0 && onDemand === undefined) {
    throw invalidOption("domains is empty: name the domains of this server, such as www.example.com");
  }
  if (!URL.canParse(directory) || new URL(directory).protocol !== "https:") {
    throw invalidOption(`directory ${directory} is not an https URL`);
  }
  if (options.agreeToTerms !== true) {
    const message = `agreeToTerms is missing: read the terms of service of ${new URL(directory).host}, then set it to true`;
    throw invalidOption(message);
  }
  if (ca !== undefined && !ca.includes("-----BEGIN CERTIFICATE")) {
    throw invalidOption("ca is not a certificate in PEM: read the file and pass its content");
  }
  if (eab !== undefined && !/^[A-Za-z0-9_-]{8,}={0,2}$/.test(eab.hmacKey ?? "")) {
    throw invalidOption("eab.hmacKey is not base64url: copy it from the authority's site");
  }
  checkOneOf("keyType", options.keyType, KEY_TYPES);
  checkOneOf("accountKeyType", options.accountKeyType, ACCOUNT_KEY_TYPES);
  const kinds = kindsOf(options, hasHttp);
  const wildcard = domains.flat().find((name) => name.startsWith("*."));
  if (wildcard !== undefined && !kinds.includes("dns-01")) {
    throw invalidOption(`${wildcard} needs dns-01: set dnsHook to a program that sets TXT records`);
  }
  if (onDemand !== undefined) checkOnDemand(onDemand);
  return {
    ...options,
    domains,
    directory,
    kinds,
    storage: typeof storage === "object" ? storage : new DiskStorage(storage ?? defaultAcmeFolder()),
    dnsHook: dnsHook === undefined ? undefined : dnsHookOf(dnsHook),
  };
}

export const defaultAcmeFolder = (): string => join(dataDirectory(), "acme");

function kindsOf({ challenges, dnsHook, httpPort }: AcmeOptions, hasHttp: boolean): readonly ChallengeKind[] {
  const isHttpOpen = hasHttp || httpPort !== undefined;
  if (challenges === undefined) {
    if (dnsHook !== undefined) return ["dns-01"];
    return isHttpOpen ? ["tls-alpn-01", "http-01"] : ["tls-alpn-01"];
  }
  if (challenges.length === 0) throw invalidOption("challenges is empty: name at least one kind");
  for (const kind of challenges) checkOneOf("challenges", kind, KINDS);
  if (challenges.includes("dns-01") && dnsHook === undefined) {
    throw invalidOption("dns-01 needs dnsHook: a program that sets TXT records");
  }
  if (challenges.includes("http-01") && !isHttpOpen) {
    throw invalidOption("http-01 needs a port for plain HTTP: set httpPort, to which port 80 must lead");
  }
  return challenges;
}

function checkOneOf(option: string, value: string | undefined, known: readonly string[]): void {
  if (value === undefined || known.includes(value)) return;
  throw invalidOption(`${option} ${value} is unknown: use ${known.join(", ")}`);
}

function checkOnDemand({ allow, limit = 1 }: OnDemandOptions): void {
  const isUrl = typeof allow === "string" && URL.canParse(allow) && /^https?:$/.test(new URL(allow).protocol);
  if (!isUrl && !Array.isArray(allow) && typeof allow !== "function") {
    throw invalidOption("onDemand.allow is not a list of patterns, an http or https URL, or a function");
  }
  if (!Number.isInteger(limit) || limit < 1) throw invalidOption(`onDemand.limit ${limit} is not a number of names`);
}
