/** The same request gets the same response over every version of HTTP, from a handler, from files and through the proxy. */

import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { HttpVersion } from "../http/index.ts";
import type { RawClient } from "./testing/versions/raw-message.ts";
import type { Expected, Outcome, Row, Seen } from "./testing/versions/row.ts";
import { outcomeOf, RAW_CLIENTS } from "./testing/versions/run.ts";
import { type ServiceName, START, type TableServer } from "./testing/versions/services.ts";
import { TABLE } from "./testing/versions/table.ts";

interface Running {
  readonly server: TableServer;
  readonly clients: readonly RawClient[];
}

const running = new Map<ServiceName, Running>();

beforeAll(async () => {
  // A file that has just been written has a weak tag for a while. These files count as written some time ago.
  const { now } = Date;
  vi.spyOn(Date, "now").mockImplementation(() => now() + 60_000);
  for (const name of Object.keys(START) as ServiceName[]) {
    const server = await START[name]();
    running.set(name, { server, clients: await Promise.all(RAW_CLIENTS.map(([, open]) => open(server.port))) });
  }
});

afterAll(async () => {
  vi.restoreAllMocks();
  for (const { server, clients } of running.values()) {
    for (const client of clients) client.close();
    await server.close();
  }
});

const differenceOf = (row: Row, version: HttpVersion): Expected | undefined =>
  row.deviates?.[version] ?? row.differs?.[version];

async function outcomes(service: ServiceName, row: Row): Promise<ReadonlyMap<HttpVersion, Outcome>> {
  const { server, clients } = running.get(service)!;
  const each = new Map<HttpVersion, Outcome>();
  for (const client of clients) each.set(client.version, await outcomeOf(client, server, row));
  return each;
}

function check(outcome: Outcome, { fields = [], seen, ...rest }: Expected, hasSeen: boolean): void {
  expect(outcome).toMatchObject(rest);
  expect(outcome.fields).toEqual(expect.arrayContaining([...fields]));
  if (!hasSeen) return;
  if (seen === undefined) expect(outcome.seen).toBeUndefined();
  else if (Object.keys(seen).length > 0) expect(outcome.seen).toMatchObject(seen);
}

const merged = (expected: Expected, other: Expected | undefined): Expected =>
  other === undefined ? expected : { ...expected, fields: [], ...("status" in other ? { body: "" } : {}), ...other };

/** Checks that all outcomes without a listed difference are equal. */
function checkAlike(row: Row, each: ReadonlyMap<HttpVersion, Outcome>): void {
  const alike = [...each].filter(([version]) => differenceOf(row, version) === undefined);
  for (const [, outcome] of alike) expect(outcome).toEqual(alike[0]![1]);
}

describe("equal over every version", () => {
  test.each(TABLE.map((row) => [row.name, row] as const))("%s", async (_, row) => {
    const each = await outcomes(row.service ?? "handler", row);
    const hasSeen = row.service === undefined && "seen" in row.expect;
    for (const [version, outcome] of each) check(outcome, merged(row.expect, differenceOf(row, version)), hasSeen);
    checkAlike(row, each);
  });
});

/** The proxy rewrites the request for the origin, so only what the row mentions is compared. */
const forOrigin = ({ body, fields, method, trailers }: Partial<Seen>): Partial<Seen> => ({
  ...(body === undefined ? {} : { body }),
  ...(fields === undefined ? {} : { fields }),
  ...(method === undefined ? {} : { method }),
  ...(trailers === undefined ? {} : { trailers }),
});

describe("equal behind the proxy", () => {
  const rows = TABLE.filter((row) => row.service === undefined && row.proxied !== false);
  test.each(rows.map((row) => [row.name, row] as const))("%s", async (_, row) => {
    const each = await outcomes("proxy", row);
    const { seen: direct, ...rest } = row.expect;
    const expected: Expected = { ...rest, seen: direct && forOrigin(direct), ...(row.proxied || {}) };
    for (const [version, outcome] of each) {
      const difference = differenceOf(row, version);
      const { status, cut } = merged(expected, difference);
      expect(outcome).toMatchObject({ status, ...(cut === undefined ? {} : { cut }) });
      // A request that does not reach the handler does not reach the origin either.
      if (
        difference === undefined ? expected.seen === undefined : difference.seen === undefined && "seen" in difference
      )
        expect(outcome.seen).toBeUndefined();
      else if (difference === undefined) expect(outcome.seen).toMatchObject(expected.seen!);
    }
    checkAlike(row, each);
  });
});

test("at least 120 rows are equal except where a specification requires a difference, and all names are unique", () => {
  expect(TABLE.filter((row) => row.deviates === undefined).length).toBeGreaterThanOrEqual(120);
  expect(new Set(TABLE.map(({ name }) => name)).size).toBe(TABLE.length);
});
