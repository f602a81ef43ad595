/** The names for which a CA may issue certificates (RFC 5280 §4.2.1.10). */

import type { Certificate, GeneralName } from "./certificate.ts";
import { formatAddressBytes } from "./host-name.ts";
import { isWithin } from "./name.ts";

/** The first name of `certificate` that `issuer`'s constraints forbid, for display; undefined if all are allowed. */
export function forbiddenName(certificate: Certificate, issuer: Certificate): string | undefined {
  const constraints = issuer.nameConstraints;
  if (constraints === undefined) return undefined;
  const names: GeneralName[] = [...certificate.altNames];
  if (certificate.subject.canonical.length > 0) names.push({ type: "directory", name: certificate.subject });
  const forbidden = names.find((name) => {
    if (constraints.excluded.some((base) => base.type === name.type && mayBeWithin(name, base))) return true;
    const permitted = constraints.permitted.filter((base) => base.type === name.type);
    return permitted.length > 0 && !permitted.some((base) => isCertainlyWithin(name, base));
  });
  return forbidden === undefined ? undefined : describe(forbidden);
}

/** For permitted subtrees: true if everything that the name matches is within `base`. */
function isCertainlyWithin(name: GeneralName, base: GeneralName): boolean {
  if (name.type === "dns" && base.type === "dns") return dnsIsWithin(name.name.replace(/^\*\./, "any."), base.name);
  if (name.type === "address" && base.type === "address") return addressIsWithin(name.bytes, base.bytes);
  if (name.type === "directory" && base.type === "directory") return isWithin(name.name, base.name);
  // Constraints on other kinds of names are not supported and count as violated (RFC 5280 §4.2.1.10).
  return false;
}

/** For excluded subtrees: true if anything that the name matches is within `base`. */
function mayBeWithin(name: GeneralName, base: GeneralName): boolean {
  if (name.type === "email" || name.type === "uri" || name.type === "other") return true;
  if (isCertainlyWithin(name, base)) return true;
  // *.example.com also matches a.example.com, which may be the excluded name.
  if (name.type !== "dns" || base.type !== "dns" || !name.name.startsWith("*.")) return false;
  const parent = name.name.slice(1).toLowerCase();
  const excluded = base.name.replace(/^\./, "").toLowerCase();
  return excluded.endsWith(parent) && !excluded.slice(0, -parent.length).includes(".");
}

/** True for the base itself and its subdomains; with a leading dot, only for subdomains. */
function dnsIsWithin(name: string, base: string): boolean {
  const [lower, suffix] = [name.toLowerCase().replace(/\.$/, ""), base.toLowerCase()];
  if (suffix === "") return true;
  if (suffix.startsWith(".")) return lower.endsWith(suffix);
  return lower === suffix || lower.endsWith(`.${suffix}`);
}

/** The base is an address followed by a mask of the same family. */
const addressIsWithin = (address: Uint8Array, base: Uint8Array): boolean =>
  base.length === 2 * address.length &&
  address.every((byte, i) => ((byte ^ base[i]!) & base[address.length + i]!) === 0);

function describe(name: GeneralName): string {
  switch (name.type) {
    case "address":
      return formatAddressBytes(name.bytes);
    case "directory":
      return `"${name.name.display}"`;
    case "other":
      return "a name of an unknown kind";
    default:
      return name.name;
  }
}
