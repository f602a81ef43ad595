/**
 * The JSON Schema of configuration files, for editors. The structure comes from the validator, and the descriptions from the
 * interfaces in src/edge/config/types.ts.
 */

import { type ConversionConfig, type JsonSchema, toJsonSchema } from "@valibot/to-json-schema";
import { CONFIG } from "../src/edge/config/schema.ts";
import { SECTIONS } from "../src/edge/config/section.ts";

export const SCHEMA_FILE = "nagare.schema.json";
export const TYPES_FILES = [
  "src/edge/config/types.ts",
  "src/edge/proxy/options.ts",
  "src/edge/operations/access-log/access-log.ts",
  "src/edge/operations/access-log/record.ts",
  "src/edge/operations/identification/request-id.ts",
  "src/edge/operations/identification/traceparent.ts",
  "src/edge/operations/limits/options.ts",
  "src/edge/operations/metrics/options.ts",
  "src/host/http/proxy-protocol-gate.ts",
  "src/host/listen/alt-svc.ts",
];

/** Members that are functions or that only TypeScript can check are left open. */
const conversion: ConversionConfig = {
  typeMode: "input",
  errorMode: "ignore",
  overrideSchema: ({ valibotSchema }) => {
    const section = SECTIONS.get(valibotSchema);
    if (section === undefined) return undefined;
    const { $schema, ...schema } = toJsonSchema(section.members, conversion);
    return section.title === undefined ? schema : { ...schema, title: section.title };
  },
};

/** The schema as text. `read` reads the sources of the interfaces. */
export function configSchema(read: (file: string) => string): string {
  const comments = commentsOf(TYPES_FILES.map(read).join("\n"));
  return `${JSON.stringify(described(toJsonSchema(CONFIG, conversion), comments), undefined, 2)}\n`;
}

interface Comments {
  /** By the name of the interface, and of their members as "Interface.member". */
  readonly texts: Map<string, string>;
  /** The interfaces that others take members from. */
  readonly bases: Map<string, readonly string[]>;
}

function commentsOf(source: string): Comments {
  const comments: Comments = { texts: new Map(), bases: new Map() };
  let owner = "";
  let above = "";
  const parts =
    /\/\*\*((?:(?!\*\/)[\s\S])*)\*\/|export interface (\w+)\s+(?:extends ([^{]*))?\{|readonly (\$?\w+)\??:/g;
  for (const [, comment, section, bases = "", member] of source.matchAll(parts)) {
    if (comment !== undefined) {
      above = comment.replaceAll(/\s*\n\s*\*\s?/g, " ").trim();
      continue;
    }
    if (section !== undefined) {
      owner = section;
      comments.bases.set(section, bases.match(/\w+/g) ?? []);
    }
    if (above !== "") comments.texts.set(section ?? `${owner}.${member}`, above);
    above = "";
  }
  return comments;
}

/** A member may come from an interface that this one extends. */
function commentOn({ texts, bases }: Comments, section: string, member: string): string | undefined {
  const own = texts.get(`${section}.${member}`);
  if (own !== undefined) return own;
  for (const base of bases.get(section) ?? []) {
    const inherited = commentOn({ texts, bases }, base, member);
    if (inherited !== undefined) return inherited;
  }
  return undefined;
}

/** With descriptions in every section, however deep. The title of a section is the name of its interface. */
function described(schema: JsonSchema, comments: Comments): JsonSchema {
  const result = { ...schema } as JsonSchema & Record<string, unknown>;
  const { title, properties } = schema;
  for (const [key, value] of Object.entries(schema)) {
    if (Array.isArray(value)) {
      result[key] = value
        .filter((item) => !isOpen(item))
        .map((item) => (isSchema(item) ? described(item, comments) : item));
    }
    if (!Array.isArray(value) && key !== "properties" && isSchema(value)) result[key] = described(value, comments);
  }
  if (properties === undefined) return result;
  result.properties = Object.fromEntries(
    Object.entries(properties).map(([name, property]) => {
      const description = commentOn(comments, title ?? "", name);
      const inner = isSchema(property) ? described(property, comments) : property;
      return [name, description === undefined || !isSchema(inner) ? inner : { description, ...inner }];
    }),
  );
  const description = comments.texts.get(title ?? "");
  return description === undefined ? result : { description, ...result };
}

const isSchema = (value: unknown): value is JsonSchema => typeof value === "object" && value !== null;

/** Of several forms, those that JSON cannot express would allow everything. */
const isOpen = (value: unknown): boolean => isSchema(value) && Object.keys(value).length === 0;
