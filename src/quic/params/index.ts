/** Transport parameters: what each side declares during the handshake. */

/** Writes them. */
export { type EmitOptions, emitTransportParameters } from "./emit.ts";
/** Parses them. */
export { MAX_PARAMETERS_LENGTH, parseTransportParameters } from "./parse.ts";
/** The table of RFC 9000 §18.2, and the values. */
export {
  DEFAULT_TRANSPORT_PARAMETERS,
  PARAMETERS,
  type ParameterName,
  type ParameterRow,
  type ParameterType,
  type PreferredAddress,
  type TransportParameters,
  type VersionInformation,
} from "./table.ts";
