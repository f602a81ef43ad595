/** AsyncLocalStorage: listeners see the context of their own request, in every version, and none of other requests. */
import type { ServerResponse } from "node:http";
import { describe, expect, test } from "vitest";
import { VERSIONS } from "../edge/testing/client.ts";
import { storage, type Witness, Witnesses } from "../edge/testing/contexts.ts";
import type { Listener } from "../host/node/index.ts";
import { connect, listening, ownServer } from "./testing/server.ts";

function writeAll(response: ServerResponse, witness: Witness): void {
  const expected = witness.plan.isAborted ? "either" : "own";
  const chunks = [...witness.plan.download];
  const write = (): void => {
    witness.note("the code after a drain");
    for (let size = chunks.shift(); size !== undefined; size = chunks.shift()) {
      const hasRoom = response.write(Buffer.alloc(size), (error) =>
        witness.note("a callback of write", error ? "either" : "own"),
      );
      if (!hasRoom) {
        response.once("drain", write);
        return;
      }
    }
    response.end(() => witness.note("the callback of end", expected));
  };
  write();
}

const listenerFor =
  (witnesses: Witnesses): Listener =>
  (request, response) => {
    const witness = witnesses.of(request.url!);
    witness.note("the listener of request", "none");
    // An abort comes from the connection.
    const expected = witness.plan.isAborted ? "either" : "own";
    witness.enter(() => {
      witness.noteTimers();
      for (const event of ["end", "close", "aborted", "error"]) {
        request.on(event, () => witness.note(`request ${event}`, expected));
      }
      for (const event of ["drain", "prefinish", "finish"]) response.on(event, () => witness.note(`response ${event}`));
      response.on("close", () => witness.note("response close", expected));
      request.socket.on("close", () => witness.note("socket close", expected));
      request.on("data", () => witness.note("request data"));
      request.on("end", () => setTimeout(() => writeAll(response, witness), 1));
    });
  };

describe.each(VERSIONS)("over %s", (_, open) => {
  test("contexts never reach other requests, with many on the same connections", async () => {
    const witnesses = new Witnesses();
    const { server } = ownServer(listenerFor(witnesses));
    const port = await listening(server);
    await witnesses.check(() => connect(open, port));
  });

  test("requests see the context in which the server began to listen", async () => {
    const { server } = ownServer((_request, response) => {
      response.end(storage.getStore());
      storage.enterWith("a request");
    });
    const port = await storage.run("the server", () => listening(server));
    const client = await connect(open, port);
    for (let i = 0; i < 3; i++) {
      expect(await (await client.request({ path: "/" }).response).text()).toBe("the server");
    }
  });
});
