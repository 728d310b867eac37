// Strength of passwords: at least 52 bits.
//
// The bits follow from the kinds of characters and the length. Repetitions and keyboard runs count
// as two characters at most.

export const passwordLengthMax = 64
export const passwordBitsMin = 52

const kinds = [
  "!@$&*",
  "_-., ",
  "\"#%'()+/:;<=>?[\\]^{|}~",
  "abcdefghijklmnopqrstuvwxyz",
  "0123456789",
]
const upper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
const runs = ["0123456789", "qwertyuiop", "asdfghjkl", "zxcvbnm", "abcdefghijklmnopqrstuvwxyz"]

/** The problem with a password, or null. */
export function findPasswordProblem(password: string): string | null {
  if (password === "") return "Password must not be empty."
  if (password.length > passwordLengthMax)
    return `Password must be no more than ${passwordLengthMax} characters.`
  if (passwordBits(password) < passwordBitsMin) {
    return (
      "Insecure password, try including more special characters, using uppercase letters, " +
      "using numbers or using a longer password."
    )
  }
  return null
}

/** Bits of entropy: length times the logarithm of how many characters there are to choose from. */
export function passwordBits(password: string): number {
  return effectiveLength(password) * Math.log2(alphabetSize(password))
}

function alphabetSize(password: string): number {
  const characters = [...new Set(password)]
  const used = [...kinds, upper].filter((kind) => characters.some((char) => kind.includes(char)))
  const others = characters.filter((char) => ![...kinds, upper].some((kind) => kind.includes(char)))
  return used.reduce((size, kind) => size + kind.length, others.length)
}

function effectiveLength(password: string): number {
  const text = Array.from(password.toLowerCase())
  let length = 0
  for (const [at, char] of text.entries()) {
    const before = text.slice(Math.max(0, at - 2), at)
    if (before.length === 2 && continues(before, char)) continue
    length++
  }
  return length
}

/**
 * True for the third of three equal characters, or of three neighbours on a keyboard row or in the
 * alphabet.
 */
function continues(before: string[], char: string): boolean {
  if (before.every((earlier) => earlier === char)) return true
  const three = [...before, char].join("")
  const backwards = [char, ...before.toReversed()].join("")
  return runs.some((run) => run.includes(three) || run.includes(backwards))
}
