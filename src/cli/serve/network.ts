// What users of other devices need to know about a server with a development certificate: addresses to open, and what to trust.
import { networkInterfaces } from "node:os";
import type { DevelopmentIdentity } from "../../host/certificates/development.ts";
import type { Identity } from "../../host/certificates/identity.ts";
import { isLoopback, type ServerSettings } from "./flags.ts";

/** The URL of the same server under another name in the certificate. */
export function urlFor(name: string, { port }: URL): URL {
  return new URL(`https://${name.includes(":") ? `[${name}]` : name.replace(/^\*\./, "any.")}:${port}/`);
}

/** Lines for stderr. None if the server listens on loopback only, or has its own certificate. */
export function networkLines(
  url: URL,
  { host, names }: Pick<ServerSettings, "host" | "names">,
  identity: Identity,
  interfaces: ReturnType<typeof networkInterfaces> = networkInterfaces(),
): readonly string[] {
  if (!isForDevelopment(identity) || isLoopback(host)) return [];
  const lines: string[] = [];
  if (names.length === 0) {
    const isAll = host === "::" || host === "0.0.0.0";
    const addresses = isAll ? addressesOf(interfaces, host) : [];
    for (const address of addresses) lines.push(`nagare: from other devices: ${urlFor(address, url).href}`);
    const [example = isAll ? "ADDRESS" : host] = addresses;
    lines.push(`nagare: the certificate does not include this address; add it with --name ${example}`);
  }
  // Browsers show this digest in the details of their warning.
  const digest = Buffer.from(identity.sha256).toString("hex").toUpperCase().match(/../g)!.join(":");
  lines.push(`nagare: other devices show a warning once; accept the certificate if its SHA-256 is ${digest}`);
  return lines;
}

/** The addresses that other devices can reach: neither loopback nor link-local. IPv4 comes first. */
function addressesOf(interfaces: ReturnType<typeof networkInterfaces>, host: string): string[] {
  const all = Object.values(interfaces).flatMap((each) => each ?? []);
  const usable = all.filter(({ internal, address }) => !internal && !/^(?:fe[89ab]|169\.254\.)/i.test(address));
  const of = (family: string): string[] =>
    usable.filter((each) => each.family === family).map(({ address }) => address);
  return host === "::" ? [...of("IPv4"), ...of("IPv6")] : of("IPv4");
}

const isForDevelopment = (identity: Identity): identity is DevelopmentIdentity => "sha256" in identity;
