// The options of `nagare memcache`, as commander returns them.
export interface MemcacheFlags {
  readonly option?: readonly string[];
  readonly config?: string;
  readonly port: string;
  readonly listen?: readonly string[];
  readonly unix?: string;
  readonly maxConnections?: string;
  readonly maxItem?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly clientCa?: string;
  readonly backendCa?: string;
  readonly backendCert?: string;
  readonly backendKey?: string;
  readonly dnsServers?: string;
  readonly workers?: string;
  readonly metricsPort?: string;
  readonly metricsHost?: string;
  readonly grace: string;
  /** False with --no-watch. */
  readonly watch: boolean;
  readonly verbose?: true;
  readonly json?: true;
}
