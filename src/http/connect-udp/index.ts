/** CONNECT-UDP (RFC 9298), without sockets: templates, targets, payloads, and which targets are allowed. */

export { type AddressKind, addressKind, unmapped } from "./address-kind.ts";
export {
  MAX_UDP_DATAGRAM,
  MAX_UDP_PAYLOAD,
  UDP_CONTEXT_LENGTH,
  UdpPayloadError,
  udpDatagram,
  udpPayload,
} from "./payload.ts";
export { PROXY_ERRORS, type ProxyErrorDetails, type ProxyErrorType, proxyStatus } from "./proxy-status.ts";
export {
  DEFAULT_UDP_PATH,
  defaultUdpTemplate,
  parseUdpPathTemplate,
  parseUdpTemplate,
  udpProxyUrl,
  udpTargetMatcher,
} from "./proxy-template.ts";
export { parseTargetText, parseUdpTarget, targetHostText, targetText, type UdpTarget } from "./target.ts";
export { type AddressRefusal, TargetPolicy, TargetRuleError } from "./target-policy.ts";
export { TemplateError, UriTemplate } from "./uri-template.ts";
