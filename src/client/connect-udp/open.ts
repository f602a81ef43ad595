// Opens a tunnel for UDP through a proxy (RFC 9298).
import { ClientError } from "../../host/client/errors.ts";
import type { Protocol } from "../../host/client/session.ts";
import { UdpTunnel, type UdpTunnelCallbacks } from "../../host/http/udp-tunnel.ts";
import { CAPSULE_PROTOCOL_FIELD } from "../../http/capsules/index.ts";
import {
  defaultUdpTemplate,
  parseTargetText,
  parseUdpTemplate,
  TemplateError,
  type UdpTarget,
  type UriTemplate,
  udpProxyUrl,
} from "../../http/connect-udp/index.ts";
import { type ConnectInit, openRawTunnel } from "../connect.ts";
import type { ClientSettings } from "../options.ts";
import type { Origin } from "../origin.ts";

/** A proxy's URI Template, or its URL for the default template (RFC 9298 §2). Throws a `ClientError`. */
export function udpTemplateOf(via: string | URL): UriTemplate {
  const text = String(via);
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isPlain = url?.pathname === "/" && url.search === "" && url.hash === "" && /^https?:$/.test(url.protocol);
  try {
    const template = parseUdpTemplate(isPlain ? defaultUdpTemplate(url.origin) : text);
    if (url === undefined) throw new TemplateError(`"${text}" has an invalid host or port`);
    return template;
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    throw new ClientError("REQUEST_INVALID", error.message, { cause: error });
  }
}

/** Throws a `ClientError`. */
export function udpTargetOf(text: string): UdpTarget {
  const target = parseTargetText(text);
  if (target !== undefined) return target;
  throw new ClientError("REQUEST_INVALID", `"${text}" is not a target for UDP`, {
    hint: "give a host and a port, such as example.com:443 or [2001:db8::1]:53",
  });
}

export interface UdpTunnelRequest extends Pick<ConnectInit, "headers" | "signal"> {
  readonly target: UdpTarget;
  readonly template: UriTemplate;
}

export interface OpenedUdpTunnel {
  readonly tunnel: UdpTunnel;
  /** The version of HTTP to the proxy. */
  readonly protocol: Protocol;
}

/** Rejects with a `ClientError`. */
export async function openUdpTunnel(
  originOf: (url: URL) => Origin,
  settings: ClientSettings,
  { target, template, headers, signal }: UdpTunnelRequest,
  callbacks: UdpTunnelCallbacks,
): Promise<OpenedUdpTunnel> {
  const fields = new Headers(headers as Record<string, string> | undefined);
  fields.set(...(CAPSULE_PROTOCOL_FIELD as [string, string])); // RFC 9298 §3.2, §3.4
  const url = udpProxyUrl(template, target);
  const opened = await openRawTunnel(originOf, settings, url, { protocol: "connect-udp", headers: fields, signal });
  return { tunnel: new UdpTunnel(opened.tunnel, callbacks), protocol: opened.exchange.session!.protocol };
}
