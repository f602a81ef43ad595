/** Reports (Reporting API): what a browser sends to the endpoints of Reporting-Endpoints, as JSON-able values. */

export interface Report {
  readonly type: "coep" | "dip" | "coop" | "connection-allowlist";
  /** The name of the endpoint; undefined if the header names none, and the report reaches only observers on the page. */
  readonly reportTo: string | undefined;
  readonly body: Readonly<Record<string, string | null>>;
}
