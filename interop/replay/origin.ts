/** An origin as a process: prints its port, hands back what it has on SIGTERM, and ends. `node origin.js PORT on|off GRACE` */

import { serve } from "../../src/edge/index.ts";
import { digestOf } from "./handler.ts";

const [port = "0", replay = "on", grace = "10000"] = process.argv.slice(2);
const server = await serve(
  {
    port: Number(port),
    host: "127.0.0.1",
    protocols: ["h2", "http/1.1"],
    ...(replay === "on" ? { handBack: { trusted: ["127.0.0.0/8"] } } : {}),
  },
  digestOf,
);
console.log(server.port);
process.once("SIGTERM", () => void server.close({ timeout: Number(grace) }).then(() => process.exit()));
