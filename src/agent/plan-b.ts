/**
 * "HTTP Alternative Services, Plan B" (draft-thomson-httpbis-alt-svcb-01, experimental): an origin names another host in the field Alt-SvcB. The
 * name is looked up and tried once; what worked is remembered as the TargetName of its HTTPS record, which later connections prefer
 * among the records of the origin itself.
 */

import { isInnerList, parseList } from "structured-headers";
import { isAlternativeName } from "../http/index.ts";

/** Origins that are remembered; the first that were noted are forgotten first. */
const MAX_ORIGINS = 1_000;
/** Names in one field. */
const MAX_NAMES = 8;
/** draft §3: this name means to forget. */
const FORGET = "invalid.";

interface Remembered {
  /** Absolute. */
  readonly name: string;
  /** The TargetName that worked, absolute; undefined if none has. */
  readonly service: string | undefined;
}

/** The names of a field, absolute and in lower case. A list with anything but strings says nothing; names that are none are left out. */
export function parseAltSvcb(value: string): readonly string[] {
  try {
    const names: string[] = [];
    for (const member of parseList(value).slice(0, MAX_NAMES)) {
      const [item] = member;
      if (isInnerList(member) || typeof item !== "string") return [];
      if (isAlternativeName(item)) names.push(absolute(item));
    }
    return names;
  } catch {
    return [];
  }
}

const absolute = (name: string): string => `${name.toLowerCase().replace(/\.$/, "")}.`;

export class PlanB {
  readonly #remembered = new Map<string, Remembered>();

  /** Handles a response's field. Returns a name to try, unless it is the known one, or was tried before. */
  heard(origin: string, value: string): string | undefined {
    return this.#consider(origin, parseAltSvcb(value));
  }

  /** The same for the one name of an ALTSVCB frame. The newest frame of an origin counts: another name discards what was known. */
  heardFrame(origin: string, name: string): string | undefined {
    return this.#consider(origin, isAlternativeName(name) ? [absolute(name)] : []);
  }

  #consider(origin: string, names: readonly string[]): string | undefined {
    const known = this.#remembered.get(origin);
    const [name] = names;
    if (name === undefined || (known !== undefined && names.includes(known.name))) return undefined;
    // Another name discards what was known.
    this.#remembered.delete(origin);
    if (name === FORGET) return undefined;
    this.#remembered.set(origin, { name, service: undefined });
    if (this.#remembered.size > MAX_ORIGINS) this.#remembered.delete(this.#remembered.keys().next().value!);
    return name;
  }

  /** A request to the service at this target has had a 2xx or 3xx. */
  worked(origin: string, name: string, service: string): void {
    if (this.#remembered.get(origin)?.name === name) this.#remembered.set(origin, { name, service });
  }

  /** The TargetName to prefer among the origin's records. */
  service(origin: string): string | undefined {
    return this.#remembered.get(origin)?.service;
  }

  /** The origin's records no longer have the service, or it could not be reached. */
  forget(origin: string): void {
    this.#remembered.delete(origin);
  }

  /** The network has changed, and with it perhaps the nearest instance. */
  forgetAll(): void {
    this.#remembered.clear();
  }
}
