/** Forwards one HTTP/1.1 request through a dispatcher, as a gateway (RFC 9110 §7.6). */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Dispatcher } from "undici";

export type Sender = Pick<Dispatcher, "dispatch"> & { close(): Promise<void> };

/** RFC 9110 §7.6.1, and `expect`, which this server has answered already. */
const HOP_BY_HOP = new Set([
  ...["connection", "keep-alive", "proxy-connection", "te", "transfer-encoding", "upgrade"],
  "expect",
]);

export function forward(request: IncomingMessage, response: ServerResponse, origin: string, sender: Sender): void {
  const { headers, method = "GET", rawHeaders, url = "/" } = request;
  const hasContent = headers["content-length"] !== undefined || headers["transfer-encoding"] !== undefined;
  let controller: Dispatcher.DispatchController | undefined;
  response.on("close", () => {
    if (!response.writableFinished) controller?.abort(new Error("the client has disconnected"));
  });
  const handler: Dispatcher.DispatchHandler = {
    onRequestStart: (given) => {
      controller = given;
    },
    onResponseStart: ({ rawHeaders: raw }, status, fields, reason) => {
      if (status === 103) response.writeEarlyHints(fields as Record<string, string>);
      if (status < 200) return;
      response.sendDate = false;
      const list = endToEnd((raw as Uint8Array[]).map((each) => Buffer.from(each).toString("latin1")));
      if (reason) response.writeHead(status, reason, list);
      else response.writeHead(status, list);
      response.flushHeaders();
    },
    onResponseData: (given, chunk) => {
      if (response.write(chunk)) return;
      given.pause();
      response.once("drain", () => given.resume());
    },
    onResponseEnd: (_given, trailers) => {
      if (Object.keys(trailers).length > 0) response.addTrailers(trailers as Record<string, string>);
      response.end();
    },
    // The client sees what a client of the origin sees: a connection that closes.
    onResponseError: () => void request.socket.destroy(),
  };
  sender.dispatch(
    { origin, path: url, method: method as "GET", headers: endToEnd(rawHeaders), body: hasContent ? request : null },
    handler,
  );
}

/** Alternating names and values, without those of the connection. */
const endToEnd = (raw: readonly string[]): string[] =>
  raw.filter((_, i) => !HOP_BY_HOP.has(raw[i - (i % 2)]!.toLowerCase()));
