/** The page of a relay: what is published, and a player. Its files are made by the build from `web/`. */

import { readFile } from "node:fs/promises";
import type { ServerExchange } from "../../host/http/exchange.ts";
import { respondContent, respondText } from "../../host/http/respond-text.ts";
import { LIVE_PROTOCOLS } from "../../host/live/live-relay.ts";
import { namespaceOf } from "../../host/live/names.ts";
import type { FieldLine } from "../../http/index.ts";
import { type Grant, SEGMENT_PROTOCOLS, type TrackStats } from "../../media/relay/index.ts";
import { isBelow } from "../../media/relay/names.ts";
import { utf8 } from "../../wire/text.ts";

/** What the page needs to know of the server. */
export interface LivePageOptions {
  /** SHA-256 of the certificate, if it is one for development: pages connect by it. */
  readonly certificateHash?: Uint8Array | undefined;
}

const FILES: Readonly<Record<string, readonly [file: string, type: string]>> = {
  "": ["live-page/index.html", "text/html; charset=utf-8"],
  "page.css": ["live-page/page.css", "text/css; charset=utf-8"],
  "page.js": ["live-page/page.js", "text/javascript; charset=utf-8"],
  "live-player.js": ["live-player.js", "text/javascript; charset=utf-8"],
};
/** The audio thread's module is a blob, and so is what Media Source Extensions play. */
const POLICY = [
  "default-src 'self'",
  "script-src 'self' blob:",
  "style-src 'self' 'unsafe-inline'",
  "media-src 'self' blob:",
  "img-src 'self' data:",
  "connect-src 'self' https: wss:",
  "frame-ancestors 'self'",
].join("; ");
const FIELDS: readonly FieldLine[] = [
  ["content-security-policy", POLICY],
  ["x-content-type-options", "nosniff"],
  ["cache-control", "no-cache"],
];

/** Of the package: beside the folder of this module's floor. */
const fileOf = (path: string): URL => new URL(`../../${path}`, import.meta.url);

/** A namespace under which tracks are published now. */
export interface Broadcast {
  readonly name: string;
  readonly tracks: number;
  /** Subscriptions of all its tracks. */
  readonly viewers: number;
}

/** Those that a peer may subscribe to. */
export function broadcastsOf(tracks: readonly TrackStats[], { subscribe }: Pick<Grant, "subscribe">): Broadcast[] {
  const found = new Map<string, Broadcast>();
  for (const { name, publisher, viewers } of tracks) {
    const slash = name.lastIndexOf("/");
    if (publisher === undefined || slash <= 0) continue;
    const namespace = name.slice(0, slash);
    const before = found.get(namespace) ?? { name: namespace, tracks: 0, viewers: 0 };
    found.set(namespace, { ...before, tracks: before.tracks + 1, viewers: before.viewers + viewers });
  }
  return [...found.values()]
    .filter(({ name }) => subscribe.some((prefix) => isBelow(namespaceOf(name), prefix)))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Answers requests of browsers. */
export class LivePage {
  readonly #options: LivePageOptions;

  constructor(options: LivePageOptions) {
    this.#options = options;
  }

  /** `listBroadcasts` gives those that this client may watch. */
  async answer(exchange: ServerExchange, listBroadcasts: () => Promise<readonly Broadcast[]>): Promise<void> {
    const path = exchange.path.split("?")[0]!.replace(/^.*\//, "");
    if (exchange.method !== "GET" && exchange.method !== "HEAD") {
      respondText(exchange, 405, undefined, [["allow", "GET, HEAD"]]);
      return;
    }
    if (path === "broadcasts") {
      const { certificateHash } = this.#options;
      const broadcasts = await listBroadcasts();
      if (exchange.aborted !== undefined) return;
      const hash = certificateHash === undefined ? null : Buffer.from(certificateHash).toString("hex");
      const text = JSON.stringify({
        broadcasts,
        certificateHash: hash,
        dialects: [...LIVE_PROTOCOLS, ...SEGMENT_PROTOCOLS],
      });
      respondContent(exchange, 200, utf8(text), "application/json", FIELDS);
      return;
    }
    const file = FILES[path];
    if (file === undefined) {
      respondText(exchange, 404);
      return;
    }
    const content = await readFile(fileOf(file[0])).catch(() => undefined);
    if (exchange.aborted !== undefined) return;
    if (content === undefined) respondText(exchange, 503, "the page is not built: npm run build");
    else respondContent(exchange, 200, content, file[1], FIELDS);
  }
}
