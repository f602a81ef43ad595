// What responses say about the end of their resources (RFC 8594, RFC 9745): told once for each resource.
import { channel } from "node:diagnostics_channel";
import type { Field } from "../host/client/session.ts";
import type { HostClock } from "../host/clock.ts";
import { type Notice, readNotice } from "../http/index.ts";

/** What a response says about the end of its resource. Links are absolute; dates are milliseconds since 1970. */
export interface ResourceNotice extends Notice {
  /** Without query and fragment. */
  readonly url: string;
  /** What is wrong with the fields: dates that cannot be read, or a sunset before the deprecation. */
  readonly problems: readonly string[];
}

/** Resources that are remembered; those that were noted first are told again. */
const MAX_RESOURCES = 1_000;
/** Fields that a notice may consist of. */
const NAMES = new Set(["deprecation", "sunset", "link"]);

/** For all clients of the process. */
const notices = channel("nagare:client:notice");

export class Notices {
  readonly #told = new Map<string, string>();
  readonly #onNotice: ((notice: ResourceNotice) => void) | undefined;
  readonly #clock: HostClock;

  constructor(onNotice: ((notice: ResourceNotice) => void) | undefined, clock: HostClock) {
    this.#onNotice = onNotice;
    this.#clock = clock;
  }

  /** Reads the fields of a response, with names in lower case. What the caller's function throws is thrown. */
  note(at: URL, fields: readonly Field[]): void {
    if (this.#onNotice === undefined && !notices.hasSubscribers) return;
    if (!fields.some(([name]) => NAMES.has(name))) return;
    const { problems, ...read } = readNotice(fields, this.#clock.date());
    const url = `${at.origin}${at.pathname}`;
    const notice: ResourceNotice = {
      url,
      ...(read.deprecation === undefined ? {} : { deprecation: read.deprecation }),
      ...linkOf("deprecationLink", read.deprecationLink, at),
      ...(read.sunset === undefined ? {} : { sunset: read.sunset }),
      ...linkOf("sunsetLink", read.sunsetLink, at),
      ...linkOf("successor", read.successor, at),
      problems: problems.map(({ message }) => message),
    };
    const { deprecation, deprecationLink, sunset, sunsetLink } = notice;
    const says = [deprecation, deprecationLink, sunset, sunsetLink];
    // A successor alone is no end (RFC 5829 §3.4).
    if (says.every((each) => each === undefined) && problems.length === 0) return;
    const text = JSON.stringify(notice);
    if (this.#told.get(url) === text) return;
    this.#told.delete(url);
    this.#told.set(url, text);
    if (this.#told.size > MAX_RESOURCES) this.#told.delete(this.#told.keys().next().value!);
    notices.publish(notice);
    this.#onNotice?.(notice);
  }
}

/** Links that a person may follow: another scheme than the web's is left out. */
function linkOf(name: "deprecationLink" | "sunsetLink" | "successor", target: string | undefined, base: URL) {
  if (target === undefined || !URL.canParse(target, base.href)) return {};
  const url = new URL(target, base.href);
  return url.protocol === "https:" || url.protocol === "http:" ? { [name]: url.href } : {};
}
