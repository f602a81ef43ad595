/** SNICallback: the certificate that a program selects, now or later, in each form, over every version. */
import { createSecureContext as createNodeContext, type SecureContext } from "node:tls";
import { describe, expect, test } from "vitest";
import { createClient } from "../client/index.ts";
import { VERSIONS } from "../edge/testing/client.ts";
import { makeCertificate } from "../host/certificates/testing/make-certificate.ts";
import type { CertificateOptions } from "./identities.ts";
import { createSecureContext, type Server, type SniCallback } from "./index.ts";
import { closers, listening, ownServer } from "./testing/server.ts";

const byDefault = makeCertificate({ names: ["localhost"] });
const selected = makeCertificate({ names: ["a.test"] });
const { cert, key } = selected;

type Given = SecureContext | CertificateOptions | null | undefined;

const start = async (callback: SniCallback): Promise<{ server: Server; port: number; lines: string[] }> => {
  const { server, lines } = ownServer((_request, response) => response.end("ok"), {
    cert: byDefault.cert,
    key: byDefault.key,
    SNICallback: callback,
  });
  return { server, port: await listening(server), lines };
};

describe.each(VERSIONS)("over %s", (version) => {
  /** The response, or the code of the failure. */
  const ask = async (port: number, trusted: { cert: string }, name = "a.test"): Promise<string> => {
    const client = createClient({ protocols: [version], ca: trusted.cert, resolve: () => ["127.0.0.1"] });
    closers.push(() => client.destroy());
    return client.fetch(`https://${name}:${port}/`).then(
      (response) => response.text(),
      ({ code }) => `failed: ${code}`,
    );
  };

  const FORMS: [string, () => Given][] = [
    ["a context of createSecureContext", () => createSecureContext({ cert, key })],
    ["one with options for TLS over TCP", () => createSecureContext({ cert, key, minVersion: "TLSv1.3" })],
    ["cert and key", () => ({ cert, key })],
    ["tls", () => ({ tls: { cert, key } })],
  ];
  test.each(FORMS)("%s is used, called back at once or later, and the default for other names", async (_form, make) => {
    const given = make();
    const asked: string[] = [];
    const { port } = await start((name, callback) => {
      asked.push(name);
      if (name === "localhost") callback(null);
      else if (asked.length % 2 === 0) callback(null, given);
      else setTimeout(() => setImmediate(callback, null, given), 5);
    });
    for (let i = 0; i < 2; i++) expect(await ask(port, selected)).toBe("ok");
    expect(await ask(port, byDefault, "localhost")).toBe("ok");
    expect(asked).toEqual(["a.test", "a.test", "localhost"]);
  });

  test.each<[string, SniCallback, string | undefined]>([
    ["an error", (_name, callback) => callback(new Error("unknown")), undefined],
    [
      "an exception",
      () => {
        throw new Error("no database");
      },
      "nagare: SNICallback threw for a.test: Error: no database",
    ],
    [
      "a key of another certificate",
      (_name, callback) => callback(null, { cert, key: byDefault.key }),
      "nagare: SNICallback's certificate for a.test cannot be used: the key does not belong",
    ],
  ])("%s refuses the client, and the next one is served", async (_case, fail, line) => {
    let calls = 0;
    const { port, lines } = await start((name, callback) => {
      if (calls++ === 0) fail(name, callback);
      else callback(null, { cert, key });
    });
    expect(await ask(port, selected)).toMatch(/^failed: /);
    expect(lines).toEqual(line === undefined ? [] : [expect.stringContaining(line)]);
    expect(await ask(port, selected)).toBe("ok");
  });

  test("a context of node:tls works over TCP; HTTP/3 refuses the client and says why, once", async () => {
    const { port, lines } = await start((_name, callback) => callback(null, createNodeContext({ cert, key })));
    for (let i = 0; i < 2; i++) expect(await ask(port, selected)).toMatch(version === "h3" ? /^failed: / : /^ok$/);
    const why = /^nagare: HTTP\/3 refuses clients for a\.test: .*createSecureContext of nagare\/node$/;
    expect(lines).toEqual(version === "h3" ? [expect.stringMatching(why)] : []);
  });

  test("only the first call back counts, and one after the client has gone does nothing", async () => {
    let late: (() => void) | undefined;
    const { port, lines } = await start((name, callback) => {
      if (name === "a.test") {
        callback(null, { cert, key });
        callback(new Error("second"));
        callback(null);
      } else late = () => callback(null, { cert, key });
    });
    expect(await ask(port, selected)).toBe("ok");
    const client = createClient({ protocols: [version], ca: cert, resolve: () => ["127.0.0.1"] });
    const lost = expect(client.fetch(`https://b.test:${port}/`)).rejects.toThrow();
    await expect.poll(() => late).toBeDefined();
    await client.destroy();
    await lost;
    late!();
    expect(await ask(port, selected)).toBe("ok");
    expect(lines).toEqual([]);
  });

  test("addContext takes a context of createSecureContext", async () => {
    const { server } = ownServer((_request, response) => response.end("ok"), {
      cert: byDefault.cert,
      key: byDefault.key,
    });
    const port = await listening(server);
    server.addContext("a.test", createSecureContext({ cert, key }));
    expect(await ask(port, selected)).toBe("ok");
    expect(() => server.addContext("b.test", createNodeContext({ cert, key }))).toThrow(
      expect.objectContaining({ code: "OPTION_INVALID" }),
    );
  });
});
