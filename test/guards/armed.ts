/** Which entry throws next, and how many of its calls pass before. */
export const armed: { entry: string | undefined; passing: number } = { entry: undefined, passing: 0 };
