/** The parts that the schema is made of: objects without other members, lists, and values with several forms. */

import * as v from "valibot";
import { similarName } from "../unknown-options.ts";
import { show } from "./values.ts";

/** The members of each section, for the JSON Schema: a converter cannot look into the check that comes before them. */
export const SECTIONS = new WeakMap<
  object,
  { readonly title: string | undefined; readonly members: v.GenericSchema }
>();

/** A schema for each member of an interface. */
export type Members<Interface> = Readonly<Record<keyof Interface, v.GenericSchema>>;

/** An object without other members. The title is the name of its interface in `types.ts`. */
export const section = <const Entries extends v.ObjectEntries>(title: string, entries: Entries) => {
  const names = Object.keys(entries);
  const members = v.strictObject(entries, ({ expected, path }) => {
    if (expected !== "never") return "is missing";
    const similar = similarName(String(path?.[0].key), names);
    return `is unknown: ${similar === undefined ? `known here are ${names.join(", ")}` : `did you mean ${similar}?`}`;
  });
  return v.pipe(objectOf(members, title), members);
};

/** The check that a value is an object and not an array, which comes before that of its members. */
export function objectOf<const Members extends v.GenericSchema>(members: Members, title?: string) {
  const object = v.custom<v.InferInput<Members>>(isObject, notAnObject);
  SECTIONS.set(object, { title, members });
  return object;
}

const isObject = (value: unknown): boolean => typeof value === "object" && value !== null && !Array.isArray(value);

const notAnObject = ({ input }: { readonly input: unknown }): string =>
  input === undefined ? "is missing: give an object" : `${show(input)} is not an object`;

export const list = <const Item extends v.GenericSchema>(item: Item, what: string) =>
  v.array(item, ({ input }) => (input === undefined ? `is missing: give ${what}` : `${show(input)} is not ${what}`));

/** Several forms of one value. `what` describes them all. */
export const either = <const Options extends v.UnionOptions>(what: string, options: Options) =>
  v.union(options, ({ input }) => `${show(input)} is not ${what}`);
