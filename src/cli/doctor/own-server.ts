// One request from our client to our server.
import { createClient, type Protocol } from "../../client/index.ts";
import { serve } from "../../edge/serve.ts";
import { developmentIdentity } from "../../host/certificates/index.ts";
import { duration } from "../get/units.ts";

/** Returns the result as text. Rejects if the request fails or uses another protocol. */
export async function requestFromOwnServer(protocol: Protocol): Promise<string> {
  const { cert, key } = await developmentIdentity();
  const server = await serve(
    { port: 0, host: "127.0.0.1", cert, key, log: () => {} },
    (_request, context) => new Response(context.protocol),
  );
  const client = createClient({ protocols: [protocol], ca: cert, connectTimeout: 5_000, headersTimeout: 5_000 });
  try {
    const response = await client.fetch(`https://127.0.0.1:${server.port}/`);
    const used = await response.text();
    if (used !== protocol) throw new Error(`requested over ${protocol}, answered over ${used}`);
    const { handshakeStart = 0, handshakeEnd = 0 } = client.facts(response)!.connection;
    return `handshake in ${duration(handshakeEnd - handshakeStart)}`;
  } finally {
    await client.destroy();
    await server.close({ timeout: 0 });
  }
}
