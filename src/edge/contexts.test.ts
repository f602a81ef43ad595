/** AsyncLocalStorage in fetch handlers: a handler sees its own context, in every version, and none of other requests. */
import { afterEach, describe, expect, test } from "vitest";
import { localhostIdentity } from "../host/http/testing/identities.ts";
import { serve } from "./serve.ts";
import { VERSIONS } from "./testing/client.ts";
import { storage, type Witness, Witnesses } from "./testing/contexts.ts";

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** The stream is pulled by the server, whose context is the request's own, or none if the handler left it. */
function bodyFor(witness: Witness): ReadableStream<Uint8Array> {
  const chunks = [...witness.plan.download];
  return new ReadableStream<Uint8Array>({
    pull: async (controller) => {
      witness.note("pull", "either");
      await new Promise((resolve) => setTimeout(resolve, 1));
      const size = chunks.shift();
      if (size === undefined) controller.close();
      else controller.enqueue(new Uint8Array(size));
    },
    cancel: () => witness.note("cancel", "either"),
  });
}

async function respond(request: Request, witness: Witness): Promise<Response> {
  witness.note("the handler");
  witness.noteTimers();
  request.signal.addEventListener("abort", () => witness.note("the listener of abort", "either"));
  const reader = request.body?.getReader();
  for (let read = await reader?.read(); read?.done === false; read = await reader?.read()) {
    witness.note("the code after a read");
  }
  await new Promise((resolve) => setTimeout(resolve, 1));
  witness.note("the code after the body");
  return new Response(bodyFor(witness));
}

describe.each(VERSIONS)("over %s", (_, open) => {
  test("contexts never reach other requests, with many on the same connections", async () => {
    const witnesses = new Witnesses();
    const server = await serve({ port: 0, host: "127.0.0.1", ...localhostIdentity }, (request, context) => {
      const witness = witnesses.of(new URL(request.url).pathname);
      witness.note("the start of the handler", "none");
      const work = new Promise<void>((resolve) => setTimeout(resolve, 1));
      return new Promise((resolve, reject) =>
        witness.enter(() => {
          context.waitUntil(work.then(() => witness.note("the code after waitUntil")));
          respond(request, witness).then(resolve, reject);
        }),
      );
    });
    closers.push(() => server.close({ timeout: 0 }));
    const origin = new URL(`https://127.0.0.1:${server.addresses[0]!.port}`);
    await witnesses.check(() => open(origin));
  });

  test("requests see the context in which serve was called", async () => {
    const server = await storage.run("the server", () =>
      serve({ port: 0, host: "127.0.0.1", ...localhostIdentity }, () => {
        const response = new Response(storage.getStore());
        storage.enterWith("a request");
        return response;
      }),
    );
    closers.push(() => server.close({ timeout: 0 }));
    const client = await open(new URL(`https://127.0.0.1:${server.addresses[0]!.port}`));
    closers.push(() => client.close());
    for (let i = 0; i < 3; i++) {
      expect(await (await client.request({ path: "/" }).response).text()).toBe("the server");
    }
  });
});
