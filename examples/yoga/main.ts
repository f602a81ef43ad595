// GraphQL Yoga on HTTP/1.1, HTTP/2 and HTTP/3: the yoga is the listener. Subscriptions are server-sent events.
// Run it: npm run examples -- yoga
import { createPubSub, createSchema, createYoga } from "graphql-yoga";
import { createServer } from "nagare/node";

interface Context {
  readonly req: { readonly httpVersion: string };
}

const pubSub = createPubSub<{ message: [text: string] }>();

const schema = createSchema<Context>({
  typeDefs: /* GraphQL */ `
    type Query {
      hello: String!
    }
    type Mutation {
      say(text: String!): Int!
    }
    type Subscription {
      messages: String!
    }
  `,
  resolvers: {
    Query: { hello: (_, __, { req }) => `hello from Yoga over HTTP/${req.httpVersion}` },
    Mutation: {
      say: (_, { text }: { text: string }) => {
        pubSub.publish("message", text);
        return text.length;
      },
    },
    Subscription: {
      messages: {
        subscribe: async function* (_, __, { req }) {
          const messages = pubSub.subscribe("message");
          yield `welcome, over HTTP/${req.httpVersion}`;
          yield* messages;
        },
        resolve: (text: string) => text,
      },
    },
  },
});

const yoga = createYoga<Context>({ schema });

export const server = createServer(yoga).listen(Number(process.env.PORT ?? 4433), () => {
  console.log(`https://localhost:${server.address()!.port}/graphql`);
});
