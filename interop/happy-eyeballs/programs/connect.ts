/** `nagare/connect`, as a program: connects to a name, sends a request, and waits for its end. */

import { connect } from "../../../src/client/net-connect/index.ts";

// What loads when it is first needed is loaded before the visit. Nobody listens at this port of loopback.
await connect({ host: "127.0.0.1", port: 9 }).catch(() => {});
try {
  const socket = await connect({ host: process.argv[2]!, port: 80 });
  socket.end("GET / HTTP/1.0\r\n\r\n").resume();
} catch (error) {
  console.error((error as Error).message);
  process.exit(1);
}
