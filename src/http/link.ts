/** The Link field (RFC 8288 §3). */

import { isToken } from "./field-rules.ts";
import { splitQuoted, unquoted } from "./quoted-list.ts";

/** A link of a response. */
export interface Link {
  /** The target as the field has it; it may be relative. */
  readonly target: string;
  /** Relation types, in lower case. */
  readonly relations: readonly string[];
  /** The first of each name, in lower case. */
  readonly parameters: ReadonlyMap<string, string>;
}

/** Links of one field; further ones are ignored. */
const MAX_LINKS = 256;

/** Parses a field's value. Malformed links are left out. */
export function parseLinks(field: string): Link[] {
  const links: Link[] = [];
  for (const member of splitLinks(field)) {
    const match = /^<([^<>"\s]*)>[ \t]*((?:;.*)?)$/.exec(member);
    if (match === null) continue;
    const parameters = parametersOf(match[2]!);
    // RFC 8288 §3.3: relation types are compared without regard to case.
    const relations = (parameters.get("rel") ?? "").toLowerCase().split(/[ \t]+/);
    links.push({ target: match[1]!, relations: relations.filter((each) => each !== ""), parameters });
    if (links.length === MAX_LINKS) break;
  }
  return links;
}

/** RFC 8288 §3: a URI may hold commas and semicolons, so its angle brackets count as quotes. */
function splitLinks(field: string): string[] {
  const hidden: string[] = [];
  const text = field.replaceAll(/<[^<>"]*>/g, (target) => `<${hidden.push(target) - 1}>`);
  return splitQuoted(text, ",").map((member) => member.replace(/^<(\d+)>/, (_all, index) => hidden[Number(index)]!));
}

function parametersOf(text: string): Map<string, string> {
  const parameters = new Map<string, string>();
  for (const part of splitQuoted(text, ";")) {
    const [, name = "", value] = /^([^=\s]+)(?:[ \t]*=[ \t]*(.*))?$/s.exec(part) ?? [];
    const key = name.toLowerCase();
    // RFC 8288 §3.3: the first `rel` counts.
    if (isToken(name) && !parameters.has(key)) parameters.set(key, value === undefined ? "" : (unquoted(value) ?? ""));
  }
  return parameters;
}

/** A link as a field's value. The target is a URI reference; characters that would end it are escaped. */
export const emitLink = (target: string, relation: string, type?: string): string =>
  `<${target.replaceAll(/[^\x21\x23-\x3b\x3d\x3f-\x7e]/g, encodeURIComponent)}>; rel="${relation}"${
    type === undefined ? "" : `; type="${type}"`
  }`;
