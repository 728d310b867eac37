// JSON as the reference writes it: compact, HTML-escaped, ended by a newline.

const escapes: Record<string, string> = {
  "<": "\\u003c",
  ">": "\\u003e",
  "&": "\\u0026",
  "\u2028": "\\u2028",
  "\u2029": "\\u2029",
}

export function wireJson(value: unknown): string {
  const text = JSON.stringify(value)
  return `${text.replace(/[<>&\u2028\u2029]/g, (character) => escapes[character] ?? character)}\n`
}

export const jsonType = "application/json; charset=utf-8"
