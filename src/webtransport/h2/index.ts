/** WebTransport over HTTP/2, in capsules. */

export { CapsuleConnection, type CapsuleOptions } from "./capsule-connection.ts";
export { IMPLEMENTED_TYPES, LOWEST_BIT_TYPES, type StreamTypes } from "./capsule-types.ts";
export {
  formatInit,
  initialLimits,
  limitSettings,
  parseInit,
  SESSION_SETTINGS,
  type SettingValues,
  takesSessions,
  WT_ENABLED,
} from "./settings.ts";
