/** The entry that throws next, and how many of its calls succeed first. */
export const armed: { entry: string | undefined; passing: number } = { entry: undefined, passing: 0 };
