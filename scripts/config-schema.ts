/**
 * The JSON Schema of configuration files, for editors. The structure comes from the validator, and the descriptions from the
 * interfaces in src/edge/config/types.ts.
 */

import { type ConversionConfig, type JsonSchema, toJsonSchema } from "@valibot/to-json-schema";
import { CONFIG, SECTIONS } from "../src/edge/config/schema.ts";

export const SCHEMA_FILE = "nagare.schema.json";
export const TYPES_FILE = "src/edge/config/types.ts";

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

/** The schema as text. `types` is the source of the interfaces. */
export function configSchema(types: string): string {
  return `${JSON.stringify(described(toJsonSchema(CONFIG, conversion), commentsOf(types)), undefined, 2)}\n`;
}

/** The comments of the interfaces by name, and of their members as "Interface.member". */
function commentsOf(source: string): Map<string, string> {
  const comments = new Map<string, string>();
  let owner = "";
  for (const [, comment, section, member] of source.matchAll(
    /\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\n\s*(?:export interface (\w+)|readonly (\$?\w+)\??:)/g,
  )) {
    if (section !== undefined) owner = section;
    comments.set(section ?? `${owner}.${member}`, comment!.replaceAll(/\s*\n\s*\*\s?/g, " ").trim());
  }
  return comments;
}

/** With descriptions in every section, however deep. The title of a section is the name of its interface. */
function described(schema: JsonSchema, comments: ReadonlyMap<string, string>): JsonSchema {
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
      const description = comments.get(`${title}.${name}`);
      const inner = isSchema(property) ? described(property, comments) : property;
      return [name, description === undefined || !isSchema(inner) ? inner : { description, ...inner }];
    }),
  );
  const description = comments.get(title ?? "");
  return description === undefined ? result : { description, ...result };
}

const isSchema = (value: unknown): value is JsonSchema => typeof value === "object" && value !== null;

/** Of several forms, those that JSON cannot express would allow everything. */
const isOpen = (value: unknown): boolean => isSchema(value) && Object.keys(value).length === 0;
