// Markdown without its markup, for clients that show one line.

// Each expression takes linear time: a mark that opens nothing ends at the next one like it.
const marks: readonly [pattern: RegExp, instead: string][] = [
  // Links and images.
  [/!?\[([^[\]]*)\]\([^()\n]*\)/g, "$1"],
  // Headings, quotations and lists.
  [/^[ \t]{0,3}(?:#{1,6}|>|[-*+]|\d{1,9}\.)[ \t]+/gm, ""],
  [/(?<!`)`+([^`\n]+)`+/g, "$1"],
  [/\*\*([^*\n]+)\*\*/g, "$1"],
  [/__([^_\n]+)__/g, "$1"],
  [/~~([^~\n]+)~~/g, "$1"],
  [/(^|\W)[*_]([^*_\n]+)[*_](?=\W|$)/g, "$1$2"],
]

/** Keeps the words of links, images, emphasis, code, headings and lists. */
export const plainText = (markdown: string): string =>
  marks.reduce((text, [pattern, instead]) => text.replaceAll(pattern, instead), markdown).trim()
