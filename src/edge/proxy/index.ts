export type {
  HealthCheckOptions,
  OriginOptions,
  PassiveHealthOptions,
  ProxyOptions,
  RetryOptions,
} from "./options.ts";
export type { OriginStatus } from "./origins/origin.ts";
export type { Balance } from "./origins/policies.ts";
export { createProxy, ProxyService, type ProxyStatus } from "./service.ts";
