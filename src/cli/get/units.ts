// Formats quantities for people.

export function bytes(count: number): string {
  if (count < 1000) return `${Math.round(count)} B`;
  for (const unit of ["kB", "MB", "GB"]) {
    count /= 1000;
    if (count < 999.5 || unit === "GB")
      return `${count < 10 ? count.toFixed(2) : count < 100 ? count.toFixed(1) : count.toFixed(0)} ${unit}`;
  }
  return "";
}

export function duration(milliseconds: number): string {
  if (milliseconds < 10) return `${milliseconds.toFixed(2)} ms`;
  if (milliseconds < 100) return `${milliseconds.toFixed(1)} ms`;
  if (milliseconds < 1000) return `${milliseconds.toFixed(0)} ms`;
  if (milliseconds < 60_000) return `${(milliseconds / 1000).toFixed(2)} s`;
  return `${Math.floor(milliseconds / 60_000)} min ${Math.round((milliseconds % 60_000) / 1000)} s`;
}

export const PROTOCOL_NAMES = { h3: "HTTP/3", h2: "HTTP/2", "http/1.1": "HTTP/1.1" } as const;
