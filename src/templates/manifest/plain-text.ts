// Markdown without its marks, for clients that show one line.

/** Links and images keep their words, emphasis and code lose their marks, headings and bullets their signs. */
export function plainText(markdown: string): string {
  return markdown
    .replaceAll(/!?\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replaceAll(/^\s{0,3}(#{1,6}|>|[-*+]|\d+\.)\s+/gm, "")
    .replaceAll(/(\*\*|__|`+|~~)(.+?)\1/g, "$2")
    .replaceAll(/(^|\W)[*_]([^*_\n]+)[*_](?=\W|$)/g, "$1$2")
    .trim()
}
