// The options for certificates from an authority, which serve and proxy share.

import { readFileSync } from "node:fs";
import { type Command, Option } from "commander";
import type { AcmeOptions } from "../../host/acme/options.ts";
import { collect } from "../collect.ts";
import { usageError } from "../fail.ts";

export interface AcmeFlags {
  readonly acme?: readonly string[];
  readonly acmeAgree?: true;
  readonly acmeEmail?: string;
  readonly acmeDirectory?: string;
  readonly acmeChallenge?: readonly ChallengeKind[];
  readonly acmeDnsHook?: string;
  readonly acmeOnDemand?: readonly string[];
  readonly acmeStorage?: string;
  readonly acmeCa?: string;
  readonly acmeEab?: string;
}

type ChallengeKind = NonNullable<AcmeOptions["challenges"]>[number];

const KINDS: readonly ChallengeKind[] = ["tls-alpn-01", "http-01", "dns-01"];

export const addAcmeOptions = (command: Command): Command =>
  command
    .addOption(
      new Option(
        "--acme <name>",
        "get and renew a certificate for this name by itself; repeat for more names (Let's Encrypt)",
      ).argParser(collect),
    )
    .addOption(new Option("--acme-agree", "agree to the authority's terms of service, which --acme needs"))
    .addOption(new Option("--acme-email <address>", "where the authority may send mail"))
    .addOption(new Option("--acme-directory <url>", "another authority: the URL of its directory, or staging"))
    .addOption(
      new Option("--acme-challenge <kind>", "tls-alpn-01 (port 443), http-01 (port 80), dns-01; repeat for several")
        .choices(KINDS)
        .argParser(collect),
    )
    .addOption(new Option("--acme-dns-hook <program>", "for dns-01: run with present or cleanup, NAME and VALUE"))
    .addOption(
      new Option(
        "--acme-on-demand <pattern>",
        "also for such names, when clients ask for them: *.example.com, or the URL of a service to ask",
      ).argParser(collect),
    )
    .addOption(new Option("--acme-storage <folder>", "where accounts, keys and certificates are kept"))
    .addOption(new Option("--acme-ca <file>", "PEM: trusted for the authority itself, if it is your own"))
    .addOption(
      new Option("--acme-eab <id:key>", "an account that the authority's site has given out").env("NAGARE_ACME_EAB"),
    );

const STAGING = "https://acme-staging-v02.api.letsencrypt.org/directory";

/** Undefined without --acme and --acme-on-demand. The library checks the values. */
export function readAcme(flags: AcmeFlags): AcmeOptions | undefined {
  const { acme, acmeOnDemand, acmeDirectory, acmeDnsHook } = flags;
  if (acme === undefined && acmeOnDemand === undefined) {
    const alone = Object.keys(flags).find((name) => /^acme(?!Eab)/.test(name));
    if (alone !== undefined) throw usageError(`${spelled(alone)} without --acme`, "name the domains with --acme");
    return undefined;
  }
  if (flags.acmeAgree !== true) {
    const terms = acmeDirectory === undefined ? "https://letsencrypt.org/repository/" : "those of its site";
    throw usageError("--acme without --acme-agree", `read the authority's terms of service (${terms}), then add it`);
  }
  const kinds = flags.acmeChallenge;
  const unknown = kinds?.find((kind) => !KINDS.includes(kind));
  if (unknown !== undefined) throw usageError(`--acme-challenge ${unknown} is unknown`, `use ${KINDS.join(", ")}`);
  return {
    agreeToTerms: true,
    domains: acme ?? [],
    ...(flags.acmeEmail === undefined ? {} : { email: flags.acmeEmail }),
    ...(acmeDirectory === undefined ? {} : { directory: acmeDirectory === "staging" ? STAGING : acmeDirectory }),
    ...(kinds === undefined ? {} : { challenges: kinds }),
    ...(acmeDnsHook === undefined ? {} : { dnsHook: acmeDnsHook }),
    ...(acmeOnDemand === undefined ? {} : { onDemand: onDemandOf(acmeOnDemand) }),
    ...(flags.acmeStorage === undefined ? {} : { storage: flags.acmeStorage }),
    ...(flags.acmeCa === undefined ? {} : { ca: readCa(flags.acmeCa) }),
    ...(flags.acmeEab === undefined ? {} : { eab: eabOf(flags.acmeEab) }),
  };
}

const spelled = (name: string): string => `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

function onDemandOf(given: readonly string[]): NonNullable<AcmeOptions["onDemand"]> {
  const url = given.find((each) => /^https?:/.test(each));
  if (url === undefined) return { allow: given };
  if (given.length > 1) throw usageError("--acme-on-demand takes one URL, or patterns", "give one or the other");
  return { allow: url };
}

function readCa(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw usageError(`cannot read --acme-ca ${path}: ${(error as Error).message}`);
  }
}

function eabOf(text: string): NonNullable<AcmeOptions["eab"]> {
  const colon = text.lastIndexOf(":");
  if (colon < 1) throw usageError("--acme-eab is not an id and a key with a colon between them");
  return { kid: text.slice(0, colon), hmacKey: text.slice(colon + 1) };
}
