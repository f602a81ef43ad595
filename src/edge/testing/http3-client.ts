/** The test client over HTTP/3, on the client's own sessions. */
import { once } from "node:events";
import { PassThrough, Readable } from "node:stream";
import { createHttp3Connector } from "../../host/client/h3-connector.ts";
import type { Field } from "../../host/client/session.ts";
import type { OpenTestClient, TestExchange, TestResponse } from "./test-client.ts";

const flatten = (fields: readonly Field[]): Record<string, string> => {
  const flat: Record<string, string> = {};
  for (const [name, value] of fields) {
    const before = flat[name];
    flat[name] = before === undefined ? value : `${before}${name === "set-cookie" ? "\n" : ", "}${value}`;
  }
  return flat;
};

export const openHttp3: OpenTestClient = async (origin, { servername = "localhost" } = {}) => {
  const connector = createHttp3Connector();
  let onChange: () => void = () => undefined;
  const session = await connector.connect(origin.origin, {
    servername,
    port: Number(origin.port),
    addresses: [{ address: origin.hostname, family: 4 }],
    lookupStart: 0,
    lookupEnd: 0,
    ca: undefined,
    rejectUnauthorized: false,
    keylog: undefined,
    signal: new AbortController().signal,
    onChange: () => onChange(),
  });
  const goneAway = new Promise<void>((resolve) => {
    onChange = () => {
      if (!session.usable) resolve();
    };
    void session.closed.then(resolve);
  });
  return {
    protocol: "h3",
    sendsTrailers: false,
    goneAway,
    close: () => session.destroy(new Error("the test has ended")),
    request: ({ method = "GET", path = "/", headers = {}, body, streaming }) => {
      const informational: TestExchange["informational"] = [];
      let received: readonly Field[] = [];
      const upload = new PassThrough({ highWaterMark: 1 });
      let cancel: () => void = () => undefined;
      const response = new Promise<TestResponse>((resolve, reject) => {
        const bytes = body === undefined ? undefined : Buffer.from(body);
        const content = new Readable({ read: () => exchange.resume(), highWaterMark: 64 * 1024 });
        content.on("error", reject);
        const declared = headers["content-length"];
        const exchange = session.request(
          {
            method,
            scheme: (headers[":scheme"] ?? "https") as "https",
            authority: `${servername}:${origin.port}`,
            path,
            fields: Object.entries(headers).filter(([name]) => !name.startsWith(":") && name !== "content-length"),
          },
          bytes !== undefined
            ? { length: bytes.byteLength, chunks: [bytes] }
            : streaming === true
              ? { length: declared === undefined ? undefined : Number(declared), chunks: upload }
              : undefined,
          {
            onRequestSent: () => undefined,
            onInformational: (status, fields) => void informational.push({ status, headers: flatten(fields) }),
            onHead: (status, fields) => {
              resolve({
                status,
                headers: flatten(fields),
                content,
                bytes: async () => Buffer.concat(await content.toArray()),
                text: async () => Buffer.concat(await content.toArray()).toString(),
                trailers: () => flatten(received),
              });
            },
            onData: (chunk) => {
              if (!content.push(chunk)) exchange.pause();
            },
            onEnd: (trailers) => {
              received = trailers;
              content.push(null);
            },
            onError: (error) => {
              reject(error);
              content.destroy(error);
            },
          },
        );
        cancel = () => {
          exchange.reset(new Error("cancelled by the test"));
          content.destroy();
        };
      });
      response.catch(() => undefined);
      return {
        response,
        informational,
        send: async (chunk) => {
          if (!upload.write(chunk)) await once(upload, "drain");
        },
        finish: () => void upload.end(),
        cancel: () => cancel(),
      };
    },
  };
};
