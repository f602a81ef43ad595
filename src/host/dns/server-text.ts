// A name server as an option or a file names it.
import { DNS_PORTS, type DnsServer } from "../../dns/index.ts";
import { ipVersion } from "../../wire/ip-address.ts";

/** `127.0.0.1`, `127.0.0.1:5353`, `::1` or `[::1]:5353`. */
export function parseServer(text: string): DnsServer {
  const [, bracketed, plain, port] = /^(?:\[(.+)\]|([^:]+))(?::(\d+))?$/.exec(text) ?? [];
  const address = bracketed ?? plain ?? text;
  const number = port === undefined ? DNS_PORTS.udp : Number(port);
  if (ipVersion(address) === undefined || number < 1 || number > 65_535) throw notAServer(text);
  return { protocol: "udp", address, port: number };
}

export const notAServer = (text: string): TypeError =>
  new TypeError(`"${text}" is not a name server; give an IP address, and a port if it is not 53`);
