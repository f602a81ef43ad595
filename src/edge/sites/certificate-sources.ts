/** The certificates of the sites in a configuration. */

import { readFile } from "node:fs/promises";
import type { ManagedSource } from "../../host/acme/managed-certificates.ts";
import type { AcmeOptions } from "../../host/acme/options.ts";
import { ServeError } from "../../host/listen/errors.ts";
import type { ValidConfig } from "../config/schema.ts";

/** Without sites that name a certificate, one for development. The first source is the default one. */
export async function certificateSources({
  sites,
  acme,
}: ValidConfig): Promise<readonly [ManagedSource, ...ManagedSource[]]> {
  const files = new Map<string, ManagedSource>();
  const named = { auto: [] as string[], development: [] as string[] };
  for (const [name, { tls }] of Object.entries(sites)) {
    if (typeof tls === "object") files.set(JSON.stringify(tls), defined(tls));
    else if (tls !== undefined) named[tls].push(name);
  }
  const isAuto = named.auto.length > 0;
  const given = [...files.values(), ...(isAuto ? [await autoSource(named.auto, acme ?? {})] : [])];
  const needsDevelopment = given.length === 0 || named.development.length > 0;
  const [first, ...others] = [...given, ...(needsDevelopment ? [await developmentSource(named.development)] : [])];
  return [first!, ...others];
}

/** True if no site has a certificate that others than this machine's user would accept. */
export const isDevelopment = ({ sites }: ValidConfig): boolean =>
  Object.values(sites).every(({ tls }) => tls === undefined || tls === "development");

/** A certificate for each site; those of "*" are obtained on demand. */
async function autoSource(
  names: readonly string[],
  { caFile, ...options }: NonNullable<ValidConfig["acme"]>,
): Promise<ManagedSource> {
  const domains = names.filter((name) => name !== "*");
  const ca = caFile === undefined ? undefined : await readPem(caFile);
  return { auto: defined({ ...options, domains, ca }) as AcmeOptions };
}

async function readPem(path: string): Promise<string> {
  try {
    return await readFile(path, "latin1");
  } catch (cause) {
    throw new ServeError("OPTION_INVALID", `cannot read acme.caFile ${path}: ${(cause as Error).message}`, { cause });
  }
}

async function developmentSource(names: readonly string[]): Promise<ManagedSource> {
  const { developmentIdentity } = await import("../../host/certificates/development.ts");
  const { cert, key } = await developmentIdentity({
    names: names.filter((name) => name !== "*" && name !== "localhost"),
  });
  return { cert, key };
}

/** Without the members that are undefined. */
const defined = <Options extends object>(options: Options) =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as {
    [Name in keyof Options]: Exclude<Options[Name], undefined>;
  };
