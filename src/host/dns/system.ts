// The name servers of this machine.

import { getServers } from "node:dns";
import { readFile } from "node:fs/promises";
import { parseResolvConf } from "../../dns/index.ts";

const RESOLV_CONF = "/etc/resolv.conf";
/** resolv.conf(5): without any, the server of this machine. */
const DEFAULT_SERVERS = ["127.0.0.1"];

/** The IP addresses of the servers that the system asks. */
export async function systemServers(): Promise<readonly string[]> {
  const servers = await readFile(RESOLV_CONF, "utf8").then(
    (text) => parseResolvConf(text).servers,
    // Windows and macOS keep them elsewhere; Node reads them, but only when the process starts.
    () => getServers().map((each) => each.replace(/^\[(.*)\](:\d+)?$/, "$1").replace(/^([\d.]+):\d+$/, "$1")),
  );
  return servers.length === 0 ? DEFAULT_SERVERS : servers;
}
