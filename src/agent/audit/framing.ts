/** Who may frame a document: `frame-ancestors` of Content-Security-Policy (CSP3 §6.4.2), or X-Frame-Options (HTML §7.6). */

import { type Fields, type FullOrigin, isSameOrigin } from "../isolation/index.ts";
import { fieldOf } from "./findings.ts";

const NAME = "frame-ancestors";
const SCHEME_SOURCE = /^([a-z][a-z\d+.-]*):$/;
/** An origin has no path but `/`. */
const HOST_SOURCE = /^(?:(https?):\/\/)?(?:(\*\.)?([^:/*]+)|\*)(?::(\d+|\*))?\/?$/;

/** The policy that refuses the ancestor, such as `X-Frame-Options: DENY`; undefined if it may frame the document. */
export function framingRefusal(
  fields: Fields,
  page: FullOrigin | undefined,
  ancestor: FullOrigin | undefined,
): string | undefined {
  const policies = frameAncestors(fields);
  const refusing = policies.find((each) => !allowsAncestor(each, page, ancestor));
  if (refusing !== undefined) return `${NAME} ${refusing}`;
  // HTML §7.6: with frame-ancestors, X-Frame-Options does not count.
  if (policies.length > 0) return undefined;
  const options = fieldOf(fields, "x-frame-options");
  return options !== undefined && refusesByOptions(options, isSameOrigin(ancestor, page))
    ? `X-Frame-Options: ${options}`
    : undefined;
}

/** HTML §7.6, "check a navigation response's adherence to X-Frame-Options" */
function refusesByOptions(options: string, isSame: boolean): boolean {
  const values = new Set(options.split(",").map((each) => each.trim().toLowerCase()));
  const [value] = values;
  // Other values, such as ALLOW-FROM, count as none; but several of which one is known refuse.
  if (values.size > 1) return ["deny", "allowall", "sameorigin"].some((known) => values.has(known));
  return value === "deny" || (value === "sameorigin" && !isSame);
}

/** The sources of each policy that has the directive. */
function frameAncestors(fields: Fields): readonly string[] {
  // §2.2.2: lines are one list of policies, of which each counts.
  const policies = fieldOf(fields, "content-security-policy")?.split(",") ?? [];
  return policies.flatMap((policy) => {
    const directives = policy.split(";").map((each) => each.trim().split(/\s+/));
    // §2.2.1: the first of a name counts.
    const found = directives.find(([name]) => name!.toLowerCase() === NAME);
    return found === undefined ? [] : [found.slice(1).join(" ")];
  });
}

/** True if one of the sources is the ancestor's; no source is that of an opaque origin. */
const allowsAncestor = (sources: string, page: FullOrigin | undefined, ancestor: FullOrigin | undefined): boolean =>
  ancestor !== undefined && sources.split(" ").some((each) => matchesSource(each.toLowerCase(), page, ancestor));

/** CSP3, "does url match expression in origin" */
function matchesSource(source: string, page: FullOrigin | undefined, ancestor: FullOrigin): boolean {
  if (source === "*") return /^https?$/.test(ancestor.scheme);
  if (source === "'self'") return page !== undefined && isSelf(page, ancestor);
  const scheme = SCHEME_SOURCE.exec(source)?.[1];
  if (scheme !== undefined) return matchesScheme(scheme, ancestor);
  const parts = HOST_SOURCE.exec(source);
  if (parts === null) return false;
  const [, own = page?.scheme, wildcard, host, port] = parts;
  if (own === undefined || !matchesScheme(own, ancestor)) return false;
  const isHost =
    host === undefined || (wildcard === undefined ? ancestor.host === host : ancestor.host.endsWith(`.${host}`));
  return isHost && matchesPort(port, own, ancestor);
}

function matchesPort(port: string | undefined, scheme: string, ancestor: FullOrigin): boolean {
  if (port === undefined) return hasDefaultPort(ancestor);
  if (port === "*" || Number(port) === ancestor.port) return true;
  // Not in CSP3: for Chromium, http with its port includes https with its own.
  return port === "80" && scheme === "http" && ancestor.scheme === "https" && hasDefaultPort(ancestor);
}

/** What is allowed over http is allowed over https, too. */
const matchesScheme = (scheme: string, ancestor: FullOrigin): boolean =>
  scheme === ancestor.scheme || (scheme === "http" && ancestor.scheme === "https");

const isSelf = (page: FullOrigin, ancestor: FullOrigin): boolean =>
  page.host === ancestor.host &&
  matchesScheme(page.scheme, ancestor) &&
  (page.port === ancestor.port || (hasDefaultPort(page) && hasDefaultPort(ancestor)));

const hasDefaultPort = ({ scheme, port }: FullOrigin): boolean => port === (scheme === "https" ? 443 : 80);
