/**
 * A page as a browser loads it: resources that it finds in other ones, what it asks of the server for each (RFC 9218), and
 * which of them it needs before it can render. Knows no protocol.
 */

import type { Instant } from "../../base/time.ts";
import type { Priority } from "../../http/priority/index.ts";

interface Resource {
  readonly name: string;
  /** Bytes of content. */
  readonly size: number;
  readonly priority: Priority;
  /** What the browser must have of another resource to find this one; undefined for the page itself. */
  readonly foundIn?: { readonly name: string; readonly bytes: number };
  /** True if the page renders only after its last byte. */
  readonly isBlocking?: true;
  /** True if it is a progressive JPEG, of which the first scan shows the whole picture. */
  readonly isPicture?: true;
  /** What it becomes once others have arrived. */
  readonly promoted?: { readonly priority: Priority; readonly after: readonly string[] };
}

const PAGE = 30_000;
/** The head of the page, with its links. */
const HEAD = 6_000;
const CSS = 60_000;

const sequential = (urgency: number): Priority => ({ urgency, incremental: false });
const pieces = (urgency: number): Priority => ({ urgency, incremental: true });

const pictures = Array.from(
  { length: 12 },
  (_, index): Resource => ({
    name: `picture ${index + 1}`,
    size: 60_000,
    priority: pieces(3),
    foundIn: { name: "page", bytes: HEAD + 2_000 * index },
    isPicture: true,
  }),
);

/** In the order in which a browser finds them. Scripts are prefetched until the parser has got to them. */
export const RESOURCES: readonly Resource[] = [
  { name: "page", size: PAGE, priority: pieces(0), isBlocking: true },
  ...(["script 1", "script 2"] as const).map(
    (name): Resource => ({
      name,
      size: 90_000,
      priority: sequential(4),
      foundIn: { name: "page", bytes: HEAD / 2 },
      isBlocking: true,
      promoted: { priority: sequential(1), after: ["page", "style"] },
    }),
  ),
  {
    name: "style",
    size: CSS,
    priority: sequential(0),
    foundIn: { name: "page", bytes: HEAD / 2 },
    isBlocking: true,
  },
  { name: "analytics", size: 80_000, priority: sequential(5), foundIn: { name: "page", bytes: HEAD } },
  ...pictures,
  ...(["font 1", "font 2"] as const).map(
    (name): Resource => ({
      name,
      size: 35_000,
      priority: sequential(0),
      foundIn: { name: "style", bytes: CSS },
      isBlocking: true,
    }),
  ),
];

/** The part of a progressive JPEG that shows the whole picture. */
const FIRST_SCAN = 0.15;

export const PAGE_BYTES: number = RESOURCES.reduce((sum, { size }) => sum + size, 0);
export const BLOCKING_BYTES: number = RESOURCES.reduce((sum, { size, isBlocking }) => sum + (isBlocking ? size : 0), 0);

/** Sends requests; `index` is that of the resource. */
export interface PageClient {
  request(index: number, priority: Priority): void;
  reprioritize(index: number, priority: Priority): void;
}

/** When a browser had what. */
export interface LoadTimes {
  started: Instant;
  /** The last byte of what blocks rendering. */
  blocking: Instant | undefined;
  /** The first scan of the last picture. */
  pictures: Instant | undefined;
  /** The last byte of all. */
  page: Instant | undefined;
}

/** A browser that loads the page once. */
export class PageLoad {
  readonly times: LoadTimes;
  readonly #client: PageClient;
  readonly #received: number[] = RESOURCES.map(() => 0);
  readonly #requested = new Set<number>();
  readonly #promoted = new Set<number>();

  constructor(client: PageClient, now: Instant) {
    this.#client = client;
    this.times = { started: now, blocking: undefined, pictures: undefined, page: undefined };
    this.#request(0);
  }

  handleContent(index: number, bytes: number, now: Instant): void {
    this.#received[index]! += bytes;
    RESOURCES.forEach(({ foundIn, promoted }, other) => {
      if (foundIn !== undefined && this.#has(foundIn.name, foundIn.bytes)) this.#request(other);
      if (
        promoted?.after.every((name) => this.#has(name)) &&
        this.#requested.has(other) &&
        !this.#promoted.has(other)
      ) {
        this.#promoted.add(other);
        this.#client.reprioritize(other, promoted.priority);
      }
    });
    const { times } = this;
    if (this.#haveAll(({ isBlocking }) => isBlocking === true)) times.blocking ??= now;
    if (this.#haveAll(({ isPicture }) => isPicture === true, FIRST_SCAN)) times.pictures ??= now;
    if (this.#haveAll(() => true)) times.page ??= now;
  }

  #request(index: number): void {
    if (this.#requested.has(index)) return;
    this.#requested.add(index);
    this.#client.request(index, RESOURCES[index]!.priority);
  }

  #has(name: string, bytes?: number): boolean {
    const index = RESOURCES.findIndex((resource) => resource.name === name);
    return this.#received[index]! >= (bytes ?? RESOURCES[index]!.size);
  }

  #haveAll(isMeant: (resource: Resource) => boolean, share = 1): boolean {
    return RESOURCES.every((resource, index) => !isMeant(resource) || this.#received[index]! >= resource.size * share);
  }
}
