// The options of `nagare lab run` and `report`.

export interface ReportFlags {
  readonly seed?: number;
  readonly quick?: true;
}

export interface RunFlags extends ReportFlags {
  readonly json?: true;
  readonly plot?: string;
}
