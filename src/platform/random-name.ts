// A random name for a version or a token that got no name: `keen_birch42`, a legal version name.

const adjectives = [
  "amber",
  "brisk",
  "calm",
  "deft",
  "eager",
  "fleet",
  "gentle",
  "hazel",
  "keen",
  "lucid",
  "mellow",
  "nimble",
]
const nouns = [
  "acorn",
  "birch",
  "clover",
  "dale",
  "ember",
  "fern",
  "grove",
  "heath",
  "ivy",
  "juniper",
  "knoll",
  "lark",
]

export function randomName(): string {
  const [first = 0, second = 0, third = 0] = crypto.getRandomValues(new Uint32Array(3))
  return `${pick(adjectives, first)}_${pick(nouns, second)}${third % 10_000}`
}

const pick = (words: readonly string[], random: number) => words[random % words.length] ?? ""
