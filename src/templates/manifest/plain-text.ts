// Markdown without its markup, for clients that show one line.

/** Keeps the words of links, images, emphasis, code, headings and lists. */
export function plainText(markdown: string): string {
  return markdown
    .replaceAll(/!?\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replaceAll(/^\s{0,3}(#{1,6}|>|[-*+]|\d+\.)\s+/gm, "")
    .replaceAll(/(\*\*|__|`+|~~)(.+?)\1/g, "$2")
    .replaceAll(/(^|\W)[*_]([^*_\n]+)[*_](?=\W|$)/g, "$1$2")
    .trim()
}
