// `nagare geofeed check` and `lookup`: a feed from a file, a URL or standard input, read in pieces.
import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { createClient } from "../../client/index.ts";
import { type Geofeed, GeofeedReader, judgeGeoHint, locationText, parseGeoHint } from "../../http/index.ts";
import { ipVersion } from "../../wire/ip-address.ts";
import { printable } from "../../wire/printable.ts";
import { CliError, silentExit, usageError } from "../fail.ts";
import { interruptible } from "../interrupt.ts";
import { colorsFor, type Io, write } from "../io.ts";

interface FeedFlags {
  readonly cacert?: string;
  readonly insecure?: true;
  readonly json?: true;
}

export interface GeofeedCheckFlags extends FeedFlags {
  readonly warnings?: true;
}

export interface GeofeedLookupFlags extends FeedFlags {
  readonly feed: string;
  readonly hint?: string;
}

export async function checkGeofeed(name: string, flags: GeofeedCheckFlags, io: Io): Promise<void> {
  const { summary } = await read(name, flags, io);
  const { lines, entries, errors, warnings, findings } = summary;
  if (flags.json === true) {
    await write(io.stdout, `${JSON.stringify({ feed: name, lines, entries, errors, warnings, findings })}\n`);
  } else {
    const colors = colorsFor(io.stdout, io.env);
    for (const { line, severity, message } of findings) {
      const shown = severity === "error" ? colors.red(severity) : colors.yellow(severity);
      await write(io.stdout, `${name}:${line}: ${shown}: ${printable(message)}\n`);
    }
    const rest = errors + warnings - findings.length;
    if (rest > 0) await write(io.stdout, `… and ${rest} more\n`);
    await write(
      io.stdout,
      `${count(lines, "line")}, ${count(entries, "usable entry", "usable entries")}, ${count(errors, "error")}, ${count(warnings, "warning")}\n`,
    );
  }
  if (errors > 0 || (flags.warnings === true && warnings > 0)) throw silentExit(1);
}

const count = (number: number, one: string, many = `${one}s`): string => `${number} ${number === 1 ? one : many}`;

export async function lookupGeofeed(address: string, flags: GeofeedLookupFlags, io: Io): Promise<void> {
  if (ipVersion(address) === undefined) throw usageError(`${address} is not an IPv4 or IPv6 address`);
  const hint = flags.hint === undefined ? undefined : parseGeoHint(flags.hint);
  if (flags.hint !== undefined && hint === undefined)
    throw usageError(`--hint ${flags.hint} is not a hint`, `write the field's value, such as '"US,US-AL,Alabaster"'`);
  const feed = await read(flags.feed, flags, io);
  const entry = feed.lookup(address);
  const judged = hint === undefined ? undefined : judgeGeoHint(hint, entry?.location);
  if (flags.json === true) {
    await write(io.stdout, `${JSON.stringify({ address, entry: entry ?? null, ...(judged && { hint: judged }) })}\n`);
  } else if (entry !== undefined) {
    await write(io.stdout, `${entry.prefix} ${shown(entry.location)} (line ${entry.line})\n`);
  }
  if (judged !== undefined && flags.json !== true)
    await write(io.stdout, `the hint is ${judged.verdict}: use ${shown(judged.location)}\n`);
  if (entry !== undefined) return;
  if (flags.json === true) throw silentExit(1);
  throw new CliError("NO_ENTRY", `${flags.feed} has no entry for ${address}`);
}

const shown = (location: Parameters<typeof locationText>[0]): string => locationText(location) || "no location";

async function read(name: string, flags: FeedFlags, io: Io): Promise<Geofeed> {
  const reader = new GeofeedReader();
  await interruptible(io, async (signal) => {
    try {
      if (/^https?:/i.test(name)) await fetchFeed(name, flags, reader, signal);
      else for await (const chunk of name === "-" ? io.stdin : createReadStream(name, { signal })) reader.write(chunk);
    } catch (cause) {
      if (signal.aborted || cause instanceof CliError) throw cause;
      throw new CliError("FEED_UNREADABLE", `cannot read ${name}: ${(cause as Error).message}`, { cause });
    }
  });
  return reader.end();
}

async function fetchFeed(url: string, flags: FeedFlags, reader: GeofeedReader, signal: AbortSignal): Promise<void> {
  // RFC 8805 §3: with integrity.
  if (!/^https:/i.test(url)) throw usageError(`${url} is not an https URL: anyone on the way could change the feed`);
  const ca = flags.cacert === undefined ? undefined : await readFile(flags.cacert, "utf8");
  await using client = createClient({ ca, rejectUnauthorized: flags.insecure !== true });
  const response = await client.fetch(url, { signal });
  if (response.status !== 200) throw new CliError("FEED_UNREADABLE", `${url} is answered with ${response.status}`);
  for await (const chunk of response.body ?? []) reader.write(chunk as Uint8Array);
}
