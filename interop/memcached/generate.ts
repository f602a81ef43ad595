/** Random configurations in Lua and random commands, from a seed: the same seed gives the same run. */

/** A small generator of random numbers (xorshift32). */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = (seed * 2_654_435_761) >>> 0 || 1;
    for (let i = 0; i < 8; i += 1) this.below(2);
  }

  below(limit: number): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x >>> 0;
    return this.#state % limit;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }

  chance(percent: number): boolean {
    return this.below(100) < percent;
  }
}

export interface Round {
  readonly config: string;
  /** The names of the map's entries. */
  readonly prefixes: readonly string[];
  readonly stop: string;
  readonly start: string;
  /** Indexes of backends that may be killed in this round. */
  readonly mortal: readonly number[];
}

const DISTRIBUTIONS = [
  "",
  ", options = { dist = mcp.dist_jump_hash }",
  ', options = { dist = mcp.dist_jump_hash, seed = "salt" }',
  ', options = { filter = "tags", filter_conf = "{}" }',
  ', options = { filter = "stop", filter_conf = "|#|" }',
  ', options = { dist = mcp.dist_ring_hash, omode = "ketama", hash = mcp.dist_ring_hash.hash }',
  ', options = { dist = mcp.dist_ring_hash, omode = "twemproxy", hash = mcp.dist_ring_hash.hash }',
  ', options = { dist = mcp.dist_ring_hash, omode = "evcache", hash = mcp.dist_ring_hash.hash }',
  ', options = { dist = mcp.dist_ring_hash, omode = "ketama" }',
];

/**
 * A configuration over six backends. The last two are only in pools of one backend, and may be killed. Handlers whose answers
 * depend on chance or on time have children for which that makes no difference.
 */
export function generateRound(random: Random, ports: readonly number[]): Round {
  const backend = (index: number): string => `"127.0.0.1:${ports[index]}"`;
  const many = (): string =>
    [0, 1, 2, 3]
      .slice(0, 2 + random.below(3))
      .map(backend)
      .join(", ");
  const pool = (name: string): string => `  ${name} = { backends = { ${many()} }${random.pick(DISTRIBUTIONS)} },`;
  const zone = (index: number): string => `{ backends = { ${backend(index)} } }`;
  const isAnchored = random.chance(40);
  const [start, stop] = isAnchored
    ? random.pick([
        ["/", "/"],
        ["=?=", "__"],
        ["_", ","],
      ] as const)
    : ["", random.pick(["/", "|", "+#+"])];
  // Of a write to all zones, the order of the answers is chance in memcached: only that of the immortal zone counts.
  const writes = ["set", "add", "ms", "md", "delete", "incr", "append"]
    .map((name) => `${name} = route_split{ child_a = "set_all_east", child_b = "set_all_west" }`)
    .join(", ");
  const direct = ["a", "b", "c"];
  const handlers: Record<string, string> = {
    direct: `route_direct{ child = "${random.pick(direct)}" }`,
    other: `route_direct{ child = "${random.pick(direct)}" }`,
    sync: `route_allsync{ children = { "x", "y", "b" } }`,
    split: `route_split{ child_a = "${random.pick(direct)}", child_b = route_direct{ child = "y" } }`,
    failover: `route_failover{ children = { "dying", "x", "y" }, failover_count = ${1 + random.below(3)}, stats = true }`,
    misses: `route_failover{ children = { "x", "y", "a" }, miss = true }`,
    nested: `route_failover{ children = { route_failover{ children = { "dying", "dead" } }, route_split{ child_a = "x", child_b = "a" } } }`,
    zones: `cmdmap{ all = route_zfailover{ children = "set_all", stats = true }, ${writes} }`,
    near: `cmdmap{ get = route_zfailover{ children = "set_all", miss = false }, all = route_direct{ child = "x" } }`,
    ttl: `cmdmap{ set = route_ttl{ ttl = 3600, child = "a" }, ms = route_ttl{ ttl = 3600, child = "a" }, all = route_direct{ child = "a" } }`,
    wrong: `route_ttl{ ttl = 3600, child = "a" }`,
    fastest: `route_allfastest{ children = { "x", "x" } }`,
    random: `route_random{ children = { "c", "c" } }`,
    limited: `route_ratelim{ limit = 1000000, fillrate = 1000, tickrate = 1000, child = "b" }`,
    null: "route_null{}",
    dead: `route_direct{ child = "dying" }`,
    down: `route_direct{ child = "dead" }`,
  };
  const names = Object.keys(handlers).filter(() => random.chance(65));
  if (names.length === 0) names.push("direct");
  const map = names.map((name) => `    ${name} = ${handlers[name]},`).join("\n");
  const conf = isAnchored
    ? `{ mode = "anchor", start = "${start}", stop = "${stop}" }`
    : `{ mode = "prefix", stop = "${stop}" }`;
  const cmap = random.chance(30)
    ? `  cmap = { incr = route_direct{ child = "x" }, mg = route_direct{ child = "y" } },\n`
    : "";
  const fallback = random.chance(80) ? `  default = route_direct{ child = "${random.pick(direct)}" },\n` : "";
  const config = `settings{ backend_connect_timeout = 1, backend_read_timeout = 5, backend_retry_waittime = 1 }
local_zone("west")
pools{
${direct.map(pool).join("\n")}
  x = ${zone(0)},
  y = ${zone(1)},
  dying = ${zone(4)},
  dead = { backends = { "127.0.0.1:1 gone _down_" } },
  set_all = { west = ${zone(5)}, east = ${zone(2)} },
}
routes{
  conf = ${conf},
  map = {
${map}
  },
${cmap}${fallback}}
`;
  return { config, prefixes: names, stop, start, mortal: [4, 5] };
}

const WORDS = ["a", "b", "key", "user:{42}:x", "{}", "x|#|y", "{open", "z}", "deep/er/path"];
/** Keys with this word hold numbers. */
const NUMBER = "n";
const VALUES = ["", "1", "41", "hello", "x".repeat(300), "y".repeat(20_000), "line\r\nbreak", "END\r\n", "\0\xff"];
const NUMBERS = ["0", "7", "41", "18446744073709551615"];

/**
 * One request, with its value. It avoids flags whose answers depend on the time, and requests that a backend answers with
 * CLIENT_ERROR: memcached's proxy then resets the connection, and the answers of others depend on the moment.
 */
export function generateCommand(random: Random, round: Round): string {
  const isNumber = random.chance(25);
  const key = generateKey(random, round, isNumber);
  const value = random.pick(isNumber ? NUMBERS : VALUES);
  // memcached's null route answers what asked for silence, and ends a multiget once for each key.
  const isNull = key.startsWith(`${round.start}null`);
  const noreply = random.chance(5) && !isNull ? " noreply" : "";
  const quiet = isNull ? [] : ["q"];
  const [length, data] = [value.length, `${value}\r\n`];
  switch (random.below(22)) {
    case 0:
    case 1:
      return `get ${key}\r\n`;
    case 2: {
      const keys = Array.from({ length: 2 + random.below(12) }, () => generateKey(random, round, random.chance(20)));
      const asked = keys.filter((each) => !each.startsWith(`${round.start}null`));
      return `get ${asked.join(" ")}\r\n`.replace("get \r", "mn\r");
    }
    case 3:
      return `gats 0 ${key}\r\n`;
    case 4:
    case 5:
      return `set ${key} ${random.below(100)} 0 ${length}${noreply}\r\n${data}`;
    case 6: {
      const command = random.pick(isNumber ? ["add", "replace"] : ["add", "replace", "append", "prepend"]);
      return `${command} ${key} 1 0 ${length}${noreply}\r\n${data}`;
    }
    case 7:
    case 20:
      if (!isNumber) return `gets ${key}\n`;
      return `${random.pick(["incr", "decr"])} ${key} ${random.pick(NUMBERS)}${noreply}\r\n`;
    case 8:
      return `delete ${key}\r\n`;
    case 9:
      return `touch ${key} 0${noreply}\r\n`;
    case 10:
    case 11:
      return `mg ${key} ${flags(random, ["v", "f", "k", "s", "O12", "h", ...quiet])}\r\n`;
    case 12:
    case 13: {
      const modes = isNumber ? ["MS", "ME", "MR"] : ["MS", "ME", "MA", "MP", "MR"];
      const mode = random.chance(50) ? [random.pick(modes)] : [];
      return `ms ${key} ${length} ${flags(random, ["T0", "F7", "k", "O3", ...quiet])} ${mode.join("")}\r\n${data}`;
    }
    case 14:
      return `md ${key} ${flags(random, ["k", "O9", ...quiet])}\r\n`;
    case 15:
      if (!isNumber) return `mg ${key}\r\n`;
      return `ma ${key} ${flags(random, ["N0", "J13", "D2", "v", "k", ...quiet])} ${random.pick(["", "MI", "MD"])}\r\n`;
    case 16:
      return `mg ${Buffer.from(key.slice(0, 180), "latin1").toString("base64")} b k v\r\n`;
    case 17:
      return random.pick([
        "mn\r\n",
        "bogus\r\n",
        "flush_all\r\n",
        "get\r\n",
        "set a\r\n",
        "set k 0 0 -1\r\n",
        "mg\r\n",
      ]);
    case 18:
      return `cas ${key} 0 0 ${length} ${random.pick([0, 999_999_999])}\r\n${data}`;
    case 19:
      return `mg ${key}  v   O1 \r\n`;
    default:
      return `ms ${key} S100\r\n`;
  }
}

function generateKey(random: Random, { prefixes, start, stop }: Round, isNumber: boolean): string {
  const word = `${isNumber ? NUMBER : random.pick(WORDS)}${random.below(40)}`;
  if (random.chance(3) && !isNumber) return `${word}${"k".repeat(200)}`;
  if (random.chance(6)) return word;
  if (random.chance(3)) return `${start}none${stop}${word}`;
  return `${start}${random.pick(prefixes)}${stop}${word}`;
}

function flags(random: Random, from: readonly string[]): string {
  return from.filter(() => random.chance(35)).join(" ");
}
