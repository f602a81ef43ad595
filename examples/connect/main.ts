// RPC with Connect on HTTP/1.1, HTTP/2 and HTTP/3. The same routes serve the Connect and gRPC-Web protocols, and gRPC
// over HTTP/2. `buf generate` with protoc-gen-es (target=ts) made chat_pb.ts from chat.proto.
// Run it: npm run examples -- connect
import { EventEmitter, on } from "node:events";
import { type ConnectRouter, createContextKey, createContextValues } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { createServer } from "nagare/node";
import { Chat } from "./chat_pb.ts";

const events = new EventEmitter<{ message: [text: string] }>();
const httpVersion = createContextKey("");

const routes = (router: ConnectRouter) =>
  router.service(Chat, {
    say: ({ text }) => {
      events.emit("message", text);
      return { listeners: events.listenerCount("message") };
    },
    async *listen(_, { signal, values }) {
      const messages = on(events, "message", { signal });
      yield { text: `welcome, over HTTP/${values.get(httpVersion)}` };
      for await (const [text] of messages) yield { text };
    },
  });

const handler = connectNodeAdapter({
  routes,
  contextValues: (request) => createContextValues().set(httpVersion, request.httpVersion),
});

export const server = createServer(handler).listen(Number(process.env.PORT ?? 4433), () => {
  console.log(`https://localhost:${server.address()!.port}/chat.Chat/Say`);
});
