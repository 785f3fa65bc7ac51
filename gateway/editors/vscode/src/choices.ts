/** What code is run by: an engine, its language, and a session. */

export interface Choice {
  engine: string;
  language: string;
}

const OF_LANGUAGE: Readonly<Record<string, Choice>> = {
  shellscript: { engine: "shell", language: "shell" },
  python: { engine: "python", language: "python" },
  sql: { engine: "spark", language: "sql" },
  scala: { engine: "spark", language: "scala" },
};
const LANGUAGES: Readonly<Record<string, readonly string[]>> = {
  spark: ["sql", "python", "scala"],
};

/** What a document is run by if nobody chose: by the editor's name for its language. */
export const usual = (languageId: string): Choice => ({
  ...(OF_LANGUAGE[languageId] ?? { engine: "shell", language: "shell" }),
});

/** All that can be chosen, given the names of the gateway's engines. */
export const choices = (engines: readonly string[]): Choice[] =>
  engines.flatMap((engine) =>
    (LANGUAGES[engine] ?? [engine]).map((language) => ({ engine, language })),
  );

/** How a choice is written: the language only where it says more than the engine. */
export const choiceName = ({ engine, language }: Choice): string =>
  engine === language ? engine : `${engine} · ${language}`;

/** A choice as it was kept, or null if nothing sensible was. */
export function readChoice(kept: unknown): Choice | null {
  const { engine, language } = (kept ?? {}) as Partial<Record<keyof Choice, unknown>>;
  return typeof engine === "string" && typeof language === "string" && engine && language
    ? { engine, language }
    : null;
}
