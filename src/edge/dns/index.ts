/** The name server behind `nagare dns serve`. */

export { DnsService, type DnsServiceAddresses, type DnsServiceOptions } from "./service.ts";
export { type ZoneFile, zoneFileOf } from "./zone-files.ts";
