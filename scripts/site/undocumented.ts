/** Finds exported symbols, and their methods, without a doc comment. */
import type { DeclarationReflection, ReflectionKind as Kinds, ProjectReflection, Reflection } from "typedoc";

/** Returns the name of each. One comment is enough for all overloads of a function. */
export function undocumented(project: ProjectReflection, kinds: typeof Kinds): readonly string[] {
  const isMethod = (each: DeclarationReflection): boolean =>
    each.kindOf(kinds.Method) && each.inheritedFrom === undefined && each.overwrites === undefined;
  const says = ({ comment }: Reflection): boolean => comment?.hasVisibleComponent() === true;
  const isDocumented = (each: DeclarationReflection): boolean =>
    says(each) ||
    (each.signatures ?? []).some(says) ||
    (each.type?.type === "reflection" && (each.type.declaration.signatures ?? []).some(says));
  return (project.children ?? []).flatMap((module) => {
    const lines = says(module) ? [] : [`${module.name} has no comment with @module`];
    for (const symbol of module.children ?? []) {
      // Exported by another module too, where it is described.
      if (symbol.isReference()) continue;
      if (!isDocumented(symbol)) lines.push(`${module.name}: ${symbol.name} has no doc comment`);
      for (const member of (symbol.children ?? []).filter(isMethod)) {
        if (!isDocumented(member)) lines.push(`${module.name}: ${symbol.name}.${member.name} has no doc comment`);
      }
    }
    return lines;
  });
}
