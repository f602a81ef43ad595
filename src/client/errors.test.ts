import { createServer } from "node:net";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { type Authority, type Issued, makeAuthority } from "../host/client/testing/certificates.ts";
import { serveHttp, serveHttp2, serveHttps, type TestServer, testCertificate } from "../host/client/testing/servers.ts";
import { ClientError, createClient } from "./index.ts";

const servers: { close(): Promise<void> }[] = [];
let authority: Authority;

beforeAll(async () => {
  ({ authority } = testCertificate());
});

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

async function up<S extends { close(): Promise<void> }>(server: Promise<S>): Promise<S> {
  const started = await server;
  servers.push(started);
  return started;
}

async function failure(url: string, options: Parameters<typeof createClient>[0] = {}): Promise<ClientError> {
  const client = createClient({ ca: authority.ca, protocols: ["h2", "http/1.1"], ...options });
  try {
    const response = await client.fetch(url);
    await response.text();
  } catch (error) {
    expect(error).toBeInstanceOf(ClientError);
    expect(error).toBeInstanceOf(TypeError); // as fetch requires
    return error as ClientError;
  } finally {
    await client.destroy();
  }
  throw new Error("the request did not fail");
}

const serving = (issued: Issued): Promise<TestServer> =>
  up(serveHttps((_request, response) => void response.end(), issued));

describe("a refused certificate is reported with its reason", () => {
  const past = (days: number) => new Date(Date.now() - days * 86_400_000);

  test("expired", async () => {
    const notAfter = past(3);
    const { url } = await serving(authority.issue({ notBefore: past(10), notAfter }));
    const { code, message } = await failure(url);
    expect(code).toBe("CERTIFICATE_EXPIRED");
    expect(message).toBe(`certificate for localhost has expired (${notAfter.toISOString().slice(0, 10)})`);
  });

  test("not yet valid", async () => {
    const notBefore = past(-3);
    const { url } = await serving(authority.issue({ notBefore, notAfter: past(-10) }));
    const { code, message } = await failure(url);
    expect(code).toBe("CERTIFICATE_NOT_YET_VALID");
    expect(message).toBe(`certificate for localhost is not valid before ${notBefore.toISOString().slice(0, 10)}`);
  });

  test("for another name", async () => {
    const { url } = await serving(authority.issue({ names: ["other.test", "www.other.test"] }));
    const { code, message } = await failure(url);
    expect(code).toBe("CERTIFICATE_WRONG_NAME");
    expect(message).toBe("certificate is for other.test, www.other.test, not localhost");
  });

  test("for a name, but an address was requested", async () => {
    const { port } = await serving(authority.issue({ names: ["localhost"] }));
    const { code, message } = await failure(`https://127.0.0.1:${port}/`);
    expect(code).toBe("CERTIFICATE_WRONG_NAME");
    expect(message).toBe("certificate is for localhost, not 127.0.0.1");
  });

  test("from an authority that is not trusted", async () => {
    const stranger = makeAuthority("Stranger");
    const { url } = await serving(stranger.issue());
    const { code, message, hint } = await failure(url);
    expect(code).toBe("CERTIFICATE_UNKNOWN_AUTHORITY");
    expect(message).toBe("certificate for localhost is issued by an authority this machine does not trust (Stranger)");
    expect(hint).toContain("--cacert");
  });

  test("and no request is sent, not even on HTTP/2", async () => {
    let requests = 0;
    const stranger = makeAuthority("Stranger");
    const server = await up(serveHttp2(() => void (requests += 1), stranger.issue()));
    expect((await failure(server.url)).code).toBe("CERTIFICATE_UNKNOWN_AUTHORITY");
    expect(requests).toBe(0);
  });

  test("unless the caller accepts any certificate", async () => {
    const stranger = makeAuthority("Stranger");
    const { url } = await serving(stranger.issue({ names: ["other.test"] }));
    await using client = createClient({ protocols: ["http/1.1"], rejectUnauthorized: false });
    expect((await client.fetch(url)).status).toBe(200);
  });
});

describe("a failed connection is reported with its reason", () => {
  test("refused", async () => {
    const { port, close } = await serveHttp(() => {});
    await close();
    const { code, message } = await failure(`http://127.0.0.1:${port}/`);
    expect(code).toBe("CONNECTION_REFUSED");
    expect(message).toBe(`nothing is listening at 127.0.0.1 (127.0.0.1) port ${port}`);
  });

  test("no such name", async () => {
    const { code, message } = await failure("https://nowhere.invalid/");
    expect(code).toBe("NAME_NOT_FOUND");
    expect(message).toContain("nowhere.invalid");
  });

  test("not TLS", async () => {
    const { port } = await up(serveHttp(() => {}));
    const { code, hint } = await failure(`https://localhost:${port}/`);
    expect(code).toBe("TLS_FAILED");
    expect(hint).toBeDefined();
  });

  test("silence during the handshake, and silence after the request", async () => {
    const mute = createServer((socket) => socket.on("error", () => {}).resume());
    await new Promise<void>((resolve) => mute.listen(0, "127.0.0.1", resolve));
    const { port } = mute.address() as { port: number };
    expect(await failure(`https://127.0.0.1:${port}/`, { connectTimeout: 50 })).toMatchObject({
      code: "CONNECT_TIMEOUT",
    });
    expect(await failure(`http://127.0.0.1:${port}/`, { headersTimeout: 50 })).toMatchObject({
      code: "RESPONSE_TIMEOUT",
    });
    await new Promise((resolve) => mute.close(resolve));
  });

  test("silence during the body", async () => {
    const { url } = await up(serveHttps((_request, response) => void response.write("and then")));
    expect(await failure(url, { bodyTimeout: 50 })).toMatchObject({ code: "RESPONSE_TIMEOUT" });
  });

  test("garbage instead of HTTP", async () => {
    const babbler = createServer((socket) =>
      socket
        .on("error", () => {})
        .resume()
        .end("SSH-2.0-hello\r\n\r\n"),
    );
    await new Promise<void>((resolve) => babbler.listen(0, "127.0.0.1", resolve));
    const { port } = babbler.address() as { port: number };
    expect(await failure(`http://127.0.0.1:${port}/`)).toMatchObject({ code: "PROTOCOL_ERROR" });
    await new Promise((resolve) => babbler.close(resolve));
  });

  test("content that does not match its coding", async () => {
    const { url } = await up(
      serveHttp((_request, response) => {
        response.setHeader("content-encoding", "gzip");
        response.end("plain");
      }),
    );
    expect(await failure(url)).toMatchObject({ code: "CONTENT_UNDECODABLE" });
  });
});

describe("an invalid request is reported with its reason", () => {
  test.each([
    ["gopher://localhost/", {}, "gopher:// is not supported"],
    ["https://user:secret@localhost/", {}, "user name or password"],
    ["not a url", {}, "not a url is not a URL"],
    ["https://localhost/", { method: "TRACE" }, "TRACE"],
    ["https://localhost/", { body: "x" }, "a GET request has no body"],
    ["https://localhost/", { headers: { "x y": "z" } }, "a header field cannot be sent"],
  ])("%s %o", async (url, init, message) => {
    await using client = createClient();
    await expect(client.fetch(url, init as never)).rejects.toMatchObject({
      code: "REQUEST_INVALID",
      message: expect.stringContaining(message),
    });
  });

  test("a body that fails while being read", async () => {
    for (const serve of [serveHttp, serveHttp2] as const) {
      const { url } = await up((serve as typeof serveHttp)((request) => void request.resume()));
      await using client = createClient({ ca: authority.ca, protocols: ["h2", "http/1.1"] });
      const body = new ReadableStream({
        pull() {
          throw new Error("disk on fire");
        },
      });
      await expect(client.fetch(url, { method: "POST", body })).rejects.toThrow("disk on fire");
    }
  });
});
