// The operations of a server: what operators see of it, and how it protects itself.

export type { AccessLogOptions, InfoLogger } from "./access-log/access-log.ts";
export { ACCESS_LOG_FORMATS, type AccessLogFormat, formatRecord } from "./access-log/formats.ts";
export type { AddressPolicy, RequestRecord, SessionRecord } from "./access-log/record.ts";
export type { QueryPolicy } from "./access-log/redaction.ts";
export type { DeprecationReportOptions } from "./deprecation/report.ts";
export type { DeprecatedUsage, DeprecatedUse, DeprecationState } from "./deprecation/usage.ts";
export type { RequestIdOptions } from "./identification/request-id.ts";
export type { TraceContextOptions } from "./identification/traceparent.ts";
export type { LimitsOptions } from "./limits/options.ts";
export type { MetricsOptions, TextRegistry } from "./metrics/options.ts";
export type { OriginFacts, ServiceStatus } from "./metrics/origin-metrics.ts";
export { Operations } from "./operations.ts";
export { hasOperations, type OperationsOptions } from "./options.ts";
