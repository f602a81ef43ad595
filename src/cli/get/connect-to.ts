// --connect-to: another host and port to connect to, while the URL, the certificate and the request stay as they are.
import type { ClientOptions } from "../../client/index.ts";
import { CliError } from "../fail.ts";
import { CURL } from "./exit-codes.ts";

interface Detour {
  /** Undefined for any. */
  readonly fromHost: string | undefined;
  readonly fromPort: number | undefined;
  /** Undefined for the URL's own. */
  readonly host: string | undefined;
  readonly port: number | undefined;
}

/** `entries` have curl's format, HOST1:PORT1:HOST2:PORT2, each part of which may be empty. The first that fits counts. */
export function connectToFrom(entries: readonly string[]): ClientOptions["connectTo"] {
  if (entries.length === 0) return undefined;
  const detours = entries.map(parseDetour);
  return (host, port) => {
    const fits = ({ fromHost, fromPort }: Detour): boolean =>
      (fromHost === undefined || fromHost === host.toLowerCase()) && (fromPort === undefined || fromPort === port);
    const detour = detours.find(fits);
    return detour && { host: detour.host ?? host, port: detour.port ?? port };
  };
}

function parseDetour(entry: string): Detour {
  const match = /^(\[[^\]]*\]|[^:[\]]*):(\d*):(\[[^\]]*\]|[^:[\]]*):(\d*)$/.exec(entry);
  const ports = match === null ? [] : [match[2]!, match[4]!].filter((each) => each !== "").map(Number);
  if (match === null || ports.some((port) => port < 1 || port > 65_535)) {
    throw new CliError("CONNECT_TO_INVALID", `--connect-to takes HOST1:PORT1:HOST2:PORT2, not "${entry}"`, {
      exitCode: CURL.resolveSyntax,
    });
  }
  const host = (text: string): string | undefined =>
    text === "" ? undefined : text.toLowerCase().replace(/^\[(.*)\]$/, "$1");
  const port = (text: string): number | undefined => (text === "" ? undefined : Number(text));
  return { fromHost: host(match[1]!), fromPort: port(match[2]!), host: host(match[3]!), port: port(match[4]!) };
}
