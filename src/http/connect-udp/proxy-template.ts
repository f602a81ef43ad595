/** The URI Template of a UDP proxy (RFC 9298 §2, §3), in which a client puts its target. */

import { parseUdpTarget, targetHostText, type UdpTarget } from "./target.ts";
import { TemplateError, UriTemplate } from "./uri-template.ts";

/** RFC 9298 §2: the template of a proxy that is only known by host and port. */
export const DEFAULT_UDP_PATH = "/.well-known/masque/udp/{target_host}/{target_port}/";

const VARIABLES = ["target_host", "target_port"] as const;

/** The template of a proxy at an origin such as "https://proxy.example:4433". */
export const defaultUdpTemplate = (origin: string): string => `${origin}${DEFAULT_UDP_PATH}`;

/** Checks a template as RFC 9298 §2 says. Throws a `TemplateError`. */
export function parseUdpTemplate(text: string): UriTemplate {
  checkCharacters(text);
  const absolute = /^(https?):\/\/([^/?#{}]+)(\/.*)$/i.exec(text);
  if (absolute === null) {
    // "The URI Template MUST be in absolute form and MUST include non-empty scheme, authority, and path components."
    // "The path component MUST start with a slash", and variables must not come before it.
    throw new TemplateError(
      `"${text}" is not a template of a proxy: give one such as ${defaultUdpTemplate("https://proxy.example")}`,
    );
  }
  checkVariables(new UriTemplate(absolute[3]!), text);
  return new UriTemplate(text);
}

/** Checks the path and query of a template, for a proxy's own requests. Throws a `TemplateError`. */
export function parseUdpPathTemplate(text: string): UriTemplate {
  checkCharacters(text);
  if (!text.startsWith("/")) {
    throw new TemplateError(`"${text}" does not begin with a slash: give one such as ${DEFAULT_UDP_PATH}`);
  }
  const template = new UriTemplate(text);
  checkVariables(template, text);
  return template;
}

/** The URL at which a proxy forwards to the target. */
export const udpProxyUrl = (template: UriTemplate, target: UdpTarget): string =>
  template.expand({ target_host: targetHostText(target), target_port: String(target.port) });

/** Returns a function that finds the target in the path and query of a request; undefined if there is no valid one. */
export function udpTargetMatcher(template: UriTemplate): (path: string) => UdpTarget | undefined {
  const match = template.matcher();
  return (path) => {
    const values = match(path);
    return values && parseUdpTarget(values.target_host!, values.target_port!);
  };
}

/** RFC 9298 §2: "MUST NOT contain any non-ASCII Unicode characters and MUST only contain ASCII characters in the range 0x21-0x7E". */
function checkCharacters(text: string): void {
  if (!/^[\x21-\x7e]+$/.test(text)) {
    throw new TemplateError(`"${text}" has characters other than visible ASCII, which a template cannot have`);
  }
}

function checkVariables(template: UriTemplate, text: string): void {
  const missing = VARIABLES.find((name) => !template.names.includes(name));
  if (missing !== undefined) throw new TemplateError(`"${text}" lacks the variable {${missing}}`);
  // RFC 9298 §2: variables only in the path and the query.
  if (text.includes("#")) throw new TemplateError(`"${text}" has a fragment, which a proxy never sees`);
}
