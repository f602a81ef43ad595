// Authorities ask on ports 443 and 80 only, so other ports need a port mapping.
import type { Server } from "../../edge/server.ts";
import type { ServerSettings } from "./flags.ts";

export function adviseOnPorts(
  { certificates, httpPort, publicPort }: ServerSettings,
  { port }: Pick<Server, "port">,
  log: (line: string) => void,
): void {
  // An authority of one's own may ask elsewhere, and DNS-01 asks no server.
  const isAsked = certificates.some(
    (source) => "auto" in source && source.auto.ca === undefined && source.auto.dnsHook === undefined,
  );
  if (!isAsked || (publicPort ?? port) === 443 || httpPort === 80) return;
  log("nagare: authorities ask on ports 443 and 80: one of them must lead to this server, for example with -p 443");
}
