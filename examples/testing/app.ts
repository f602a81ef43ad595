/** A small shop whose clock is injected, so that a test can pass virtual time. */

export interface Clock {
  sleep(milliseconds: number): Promise<void>;
}

/** Queries the warehouse up to three times. */
export function createApp(clock: Clock, warehouse: (item: string) => number | undefined) {
  return async (request: Request): Promise<Response> => {
    const item = new URL(request.url).pathname.slice(1);
    for (let attempt = 1; attempt <= 3; attempt += 1) {
      const stock = warehouse(item);
      if (stock !== undefined) return Response.json({ item, stock, attempt });
      await clock.sleep(1_000 * attempt);
    }
    return new Response("the warehouse does not respond", { status: 503 });
  };
}
