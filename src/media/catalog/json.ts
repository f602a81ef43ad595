/** Reads JSON of a peer: each member has a type and a bound, and an error says which member it was. */

import { fromBase64 } from "../../wire/base64.ts";
import { fromStrictUtf8 } from "../../wire/text.ts";
import { CatalogError } from "./errors.ts";
import { MAX_CATALOG, MAX_INIT, MAX_TEXT } from "./model.ts";

export type Members = Readonly<Record<string, unknown>>;

/** Strict UTF-8 with an object in it. */
export function parseObject(bytes: Uint8Array): Members {
  if (bytes.length > MAX_CATALOG) {
    throw new CatalogError("TOO_LARGE", "catalog", `${bytes.length} bytes, at most ${MAX_CATALOG} are read`);
  }
  const text = fromStrictUtf8(bytes);
  if (text === undefined) throw new CatalogError("MALFORMED", "catalog", "not UTF-8");
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new CatalogError("MALFORMED", "catalog", "not JSON", { cause: error });
  }
  return objectOf(value, "catalog");
}

export function objectOf(value: unknown, where: string): Members {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw wrong(where, "an object");
  return value as Members;
}

export function arrayOf(value: unknown, where: string, max: number): readonly unknown[] {
  if (!Array.isArray(value)) throw wrong(where, "an array");
  if (value.length > max)
    throw new CatalogError("TOO_LARGE", where, `${value.length} members, at most ${max} are read`);
  return value;
}

const wrong = (where: string, what: string): CatalogError => new CatalogError("MALFORMED", where, `has to be ${what}`);

/** The members of one object; those that are missing are undefined. */
export class Fields {
  readonly #members: Members;
  readonly where: string;

  constructor(value: unknown, where: string) {
    this.#members = objectOf(value, where);
    this.where = where;
  }

  has(name: string): boolean {
    return this.#get(name) !== undefined;
  }

  /** Own members only: a name may be anything. */
  #get(name: string): unknown {
    return Object.hasOwn(this.#members, name) ? (this.#members[name] ?? undefined) : undefined;
  }

  at(name: string): string {
    return `${this.where}.${name}`;
  }

  raw(name: string): unknown {
    return this.#get(name);
  }

  text(name: string): string | undefined {
    const value = this.#get(name);
    if (value === undefined) return undefined;
    if (typeof value !== "string") throw wrong(this.at(name), "a string");
    if (value.length > MAX_TEXT) throw new CatalogError("TOO_LARGE", this.at(name), `${value.length} characters`);
    return value;
  }

  /** Finite, and not negative. */
  number(name: string): number | undefined {
    const value = this.#get(name);
    if (value === undefined) return undefined;
    if (typeof value !== "number" || !Number.isFinite(value) || value < 0) {
      throw wrong(this.at(name), "a number that is not negative");
    }
    return value;
  }

  boolean(name: string): boolean | undefined {
    const value = this.#get(name);
    if (value !== undefined && typeof value !== "boolean") throw wrong(this.at(name), "true or false");
    return value;
  }

  array(name: string, max: number): readonly unknown[] | undefined {
    const value = this.#get(name);
    return value === undefined ? undefined : arrayOf(value, this.at(name), max);
  }

  object(name: string): Fields | undefined {
    const value = this.#get(name);
    return value === undefined ? undefined : new Fields(value, this.at(name));
  }

  base64(name: string): Uint8Array | undefined {
    const value = this.#get(name);
    if (value === undefined) return undefined;
    if (typeof value !== "string") throw wrong(this.at(name), "a string");
    if (value.length > (MAX_INIT / 3) * 4 + 4)
      throw new CatalogError("TOO_LARGE", this.at(name), `more than ${MAX_INIT} bytes`);
    const bytes = fromBase64(value);
    if (bytes === undefined) throw new CatalogError("MALFORMED", this.at(name), "has to be Base64");
    return bytes;
  }
}

/** Without members that are undefined. */
export const compact = <T extends object>(value: { [K in keyof T]: T[K] | undefined }): T =>
  Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined)) as T;
