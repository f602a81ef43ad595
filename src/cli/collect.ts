/** For commander's `argParser`: the values of an option that may be repeated, in order. */
export const collect = (value: string, before: readonly string[] | undefined): readonly string[] => [
  ...(before ?? []),
  value,
];
