/** A jar of cookies in a process of its own, so that no other's garbage is collected meanwhile: CONTESTANT, and the folder with tough-cookie. */

import { createRequire } from "node:module";
import { CookieJar } from "../../src/cookies/index.ts";
import { CookieJar as Adapter } from "../../src/cookies/tough/index.ts";
import type { CookieJarCost } from "../messages.ts";

const COOKIES = 10_000;
const DOMAINS = 500;
const LOOKUPS = 100_000;

interface Contestant {
  set(line: string, url: string): void;
  get(url: string): string | undefined;
}

interface SyncJar {
  setCookieSync(line: string, url: string): unknown;
  getCookieStringSync(url: string): string;
}

const syncJar = (jar: SyncJar): Contestant => ({
  set: (text, from) => void jar.setCookieSync(text, from),
  get: (to) => jar.getCookieStringSync(to),
});

const url = (index: number): string => `https://www.site-${index % DOMAINS}.co.uk/account/page`;
const line = (index: number): string =>
  `name${Math.floor(index / DOMAINS)}=value-${index}; Path=/; Secure; SameSite=Lax; Max-Age=86400${index % 2 === 0 ? "" : `; Domain=site-${index % DOMAINS}.co.uk`}`;

const [name, modules = ""] = process.argv.slice(2);

function make(): Contestant {
  if (name === "adapter") return syncJar(new Adapter());
  if (name === "tough-cookie") {
    const { CookieJar: Tough } = createRequire(`${modules}/`)("tough-cookie") as {
      readonly CookieJar: new () => SyncJar;
    };
    return syncJar(new Tough());
  }
  const jar = new CookieJar({ limits: { total: COOKIES } });
  return { set: (text, from) => void jar.set(text, from), get: (to) => jar.header(to) };
}

/** Microseconds for each turn. */
function time(turns: number, turn: (index: number) => void): number {
  const start = performance.now();
  for (let i = 0; i < turns; i += 1) turn(i);
  return ((performance.now() - start) * 1_000) / turns;
}

function measure(jar: Contestant): Omit<CookieJarCost, "heap"> {
  let lookups = 0;
  let bytes = 0;
  const look = (at: string): void => {
    lookups += 1;
    bytes += jar.get(at)?.length ?? 0;
  };
  const costs = {
    set: time(COOKIES, (i) => jar.set(line(i), url(i))),
    fresh: time(LOOKUPS, (i) => look(`${url(i * 7)}/${i}`)),
    known: time(LOOKUPS, (i) => look(url(i * 7))),
    changed: time(COOKIES, (i) => {
      jar.set(line(i).replace("=", "=changed-"), url(i));
      look(`${url(i)}/${i}`);
    }),
  };
  // Each lookup must find its 20 cookies.
  if (bytes < lookups * 20 * 12) throw new Error(`only ${bytes} bytes of cookies were found`);
  return costs;
}

// The first jar is for the compiler.
measure(make());
globalThis.gc!();
const before = process.memoryUsage().heapUsed;
const jar = make();
const costs = measure(jar);
globalThis.gc!();
const heap = (process.memoryUsage().heapUsed - before) / 1e6;
// Keeps the jar alive until here.
jar.get(url(0));
process.stdout.write(JSON.stringify({ ...costs, heap } satisfies CookieJarCost));
