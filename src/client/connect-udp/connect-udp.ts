// `client.connectUdp`: UDP through a proxy (RFC 9298).
import type { ConnectInit } from "../connect.ts";
import type { ClientSettings } from "../options.ts";
import type { Origin } from "../origin.ts";
import { openUdpTunnel, udpTargetOf, udpTemplateOf } from "./open.ts";
import { UdpTunnelSocket } from "./socket.ts";

/** Which proxy carries the datagrams, and how. */
export interface ConnectUdpInit extends Pick<ConnectInit, "headers" | "signal"> {
  /**
   * The proxy: its URI Template, such as "https://proxy.example/masque{?target_host,target_port}", or its URL, such as
   * "https://proxy.example", for the default template of RFC 9298.
   */
  readonly via: string | URL;
}

export async function connectUdpWith(
  originOf: (url: URL) => Origin,
  settings: ClientSettings,
  targetText: string,
  { via, ...init }: ConnectUdpInit,
): Promise<UdpTunnelSocket> {
  const target = udpTargetOf(targetText);
  const socket = new UdpTunnelSocket(target);
  const request = { ...init, target, template: udpTemplateOf(via) };
  const opened = await openUdpTunnel(originOf, settings, request, {
    onPayload: (payload) => socket.deliver(payload),
    onClose: (reason) => socket.handleClose(reason),
  });
  socket.attach(opened);
  return socket;
}
