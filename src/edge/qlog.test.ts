/** Recording by options: what a server and a client write about the same connection. */

import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createClient } from "../client/index.ts";
import { localhostIdentity } from "../host/http/testing/identities.ts";
import type { TraceMessage } from "../host/qlog/channels.ts";
import type { QlogOptions } from "../host/qlog/options.ts";
import { serve } from "./serve.ts";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "nagare-qlog-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

interface Recorded {
  readonly server?: string | QlogOptions;
  readonly client?: string | QlogOptions;
  readonly log?: (line: string) => void;
}

const SECRETS = ["mellon", "s3cret", "c00kie", "t0ken", "fr4gment"];

/** One request with secrets, whose response has others. */
async function exchange({ server: serverQlog, client: clientQlog, log }: Recorded): Promise<void> {
  const server = await serve(
    { port: 0, host: "127.0.0.1", tls: localhostIdentity, qlog: serverQlog, ...(log === undefined ? {} : { log }) },
    () =>
      new Response("hello", {
        headers: { "set-cookie": "session=c00kie", location: "/next?code=t0ken#access=fr4gment", "x-seen": "visible" },
      }),
  );
  // An attempt to reach ::1 would be a recording of its own.
  const resolve = () => ["127.0.0.1"];
  const client = createClient({ protocols: ["h3"], ca: localhostIdentity.cert, resolve, qlog: clientQlog });
  const url = `https://localhost:${server.port}/path?key=t0ken`;
  const headers = { authorization: "Bearer mellon", "proxy-authorization": "Basic s3cret", cookie: "session=c00kie" };
  const response = await client.fetch(url, { headers });
  expect(await response.text()).toBe("hello");
  await client.close();
  await server.close();
}

/** The texts of all recordings, by role. */
function recordings(directory = folder): Record<"client" | "server", string> {
  const names = readdirSync(directory);
  const of = (role: string) => readFileSync(join(directory, names.find((name) => name.includes(role))!), "utf8");
  expect(names).toHaveLength(2);
  // Both sides name the connection alike.
  expect(new Set(names.map((name) => name.split("_")[0])).size).toBe(1);
  return { client: of("client"), server: of("server") };
}

describe("qlog", () => {
  test("is complete when client and server are closed", async () => {
    await exchange({ server: folder, client: folder });
    for (const text of Object.values(recordings())) {
      const records = text.split("\u001e").slice(1);
      const last = JSON.parse(records.at(-1)!);
      expect(last).toMatchObject({ name: "quic:connection_state_updated", data: { new: "closed" } });
      expect(text).toContain('"name":"http3:frame_created"');
      expect(text).toContain('{"name":"x-seen","value":"visible"}');
    }
  });

  test.each(["rfc", "qvis"] as const)("has no credentials, cookies and queries (%s)", async (dialect) => {
    await exchange({ server: { directory: folder, dialect }, client: { directory: folder, dialect } });
    for (const text of Object.values(recordings())) {
      for (const secret of SECRETS) expect(text).not.toContain(secret);
      for (const name of ["authorization", "proxy-authorization", "cookie", "set-cookie"]) {
        expect(text).toContain(`{"name":"${name}","value":"[redacted]"}`);
      }
      expect(text).toContain('{"name":":path","value":"/path?[redacted]"}');
    }
  });

  test("keeps them if asked to", async () => {
    const options = { directory: folder, redact: false };
    await exchange({ server: options, client: options });
    for (const text of Object.values(recordings())) for (const secret of SECRETS) expect(text).toContain(secret);
  });

  test("that cannot be written is one line of the log, and no failed request", async () => {
    const lines: string[] = [];
    const log = (line: string): void => void lines.push(line);
    const file = join(folder, "file");
    writeFileSync(file, "");
    const directory = join(file, "folder");
    await exchange({ server: directory, client: { directory, log }, log });
    const expected = `nagare: qlog recording has ended: cannot write to ${directory}: it is not a folder`;
    expect(lines).toEqual([expected, expected]);
  });

  test("rejects unusable options", async () => {
    await expect(serve({ port: 0, qlog: "" }, () => new Response())).rejects.toMatchObject({ code: "OPTION_INVALID" });
    const workers = { port: 0, workers: 2, qlog: { file: "all.sqlog" } };
    await expect(serve(workers, () => new Response())).rejects.toThrow("workers cannot record into one file");
    expect(() => createClient({ qlog: { directory: "x", dialect: "other" as never } })).toThrow(TypeError);
  });
});

describe("the channels nagare:quic and nagare:http3", () => {
  test("get the events of both sides, with redacted fields", async () => {
    const messages: { readonly channel: string; readonly message: TraceMessage }[] = [];
    const listen = (message: unknown, channel: string | symbol): void => {
      messages.push({ channel: String(channel), message: message as TraceMessage });
    };
    for (const name of ["nagare:quic", "nagare:http3"]) subscribe(name, listen);
    try {
      await exchange({});
    } finally {
      for (const name of ["nagare:quic", "nagare:http3"]) unsubscribe(name, listen);
    }
    for (const role of ["client", "server"]) {
      const own = messages.filter(({ message }) => message.role === role);
      const names = new Set(own.map(({ channel, message }) => `${channel} ${message.name}`));
      expect([...names]).toEqual(
        expect.arrayContaining([
          "nagare:quic quic:connection_started",
          "nagare:quic quic:packet_sent",
          "nagare:quic quic:packet_received",
          "nagare:quic quic:recovery_metrics_updated",
          "nagare:quic quic:connection_closed",
          "nagare:http3 http3:frame_created",
          "nagare:http3 http3:frame_parsed",
        ]),
      );
      const times = own.map(({ message }) => message.time);
      expect(times).toEqual(times.toSorted((a, b) => a - b));
    }
    expect(new Set(messages.map(({ message }) => message.connection)).size).toBe(1);
    const text = JSON.stringify(messages);
    for (const secret of SECRETS) expect(text).not.toContain(secret);
  });
});
