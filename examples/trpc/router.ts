// The procedures of the tRPC example: a query, a mutation and a subscription. Clients import the type AppRouter.
import { EventEmitter, on, once } from "node:events";
import { initTRPC } from "@trpc/server";
import { z } from "zod";

interface Context {
  readonly httpVersion: string;
}

const t = initTRPC.context<Context>().create();
const events = new EventEmitter<{ message: [text: string] }>();

export const appRouter = t.router({
  hello: t.procedure.query(({ ctx }) => `hello from tRPC over HTTP/${ctx.httpVersion}`),
  say: t.procedure.input(z.object({ text: z.string().min(1) })).mutation(({ input }) => {
    events.emit("message", input.text);
    return { length: input.text.length };
  }),
  /** Responds with the next message. */
  nextMessage: t.procedure.query(async ({ signal }) => {
    const [text] = await once(events, "message", { signal });
    return text as string;
  }),
  messages: t.procedure.subscription(async function* ({ ctx, signal }) {
    const messages = on(events, "message", { signal: signal! });
    yield `welcome, over HTTP/${ctx.httpVersion}`;
    for await (const [text] of messages) yield text as string;
  }),
});

export type AppRouter = typeof appRouter;
