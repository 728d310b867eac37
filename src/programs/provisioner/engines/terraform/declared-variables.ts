// The variables that the files of a template declare, read without the tool.
//
// A plan that lacks values prints none of them, and before a plan nothing says which are sensitive.
import { readdir, readFile } from "node:fs/promises"
import { join } from "node:path"
import type { ReportedVariable } from "../../../../templates/manifest/reported.ts"
import { isRecord } from "./rows/attributes.ts"
import { compareText, type ConfigVariable } from "./rows/show-json.ts"
import { variableRows } from "./rows/variables.ts"

const fileBytesMax = 4 * 1024 * 1024

/** Those of the root module, by name. What cannot be read is left out: the tool complains of it. */
export async function declaredVariables(directory: string): Promise<ReportedVariable[]> {
  const names = (await readdir(directory)).filter((name) => /\.(tf|tofu)(\.json)?$/.test(name))
  const found: Record<string, ConfigVariable> = {}
  for (const name of names.sort(compareText)) {
    const text = await readFile(join(directory, name), "utf8").catch(() => "")
    if (text.length > fileBytesMax) continue
    Object.assign(found, name.endsWith(".json") ? inJson(text) : inText(text))
  }
  return variableRows({ variables: found })
}

function inJson(text: string): Record<string, ConfigVariable> {
  try {
    const parsed: unknown = JSON.parse(text)
    const variables = isRecord(parsed) ? parsed["variable"] : undefined
    return isRecord(variables)
      ? Object.fromEntries(
          Object.entries(variables).map(([name, value]) => [
            name,
            fromJson(Array.isArray(value) ? value[0] : value),
          ]),
        )
      : {}
  } catch {
    return {}
  }
}

function fromJson(value: unknown): ConfigVariable {
  if (!isRecord(value)) return {}
  const { type, description, sensitive } = value
  return {
    ...("default" in value && { default: value["default"] }),
    ...(typeof type === "string" && { type }),
    ...(typeof description === "string" && { description }),
    sensitive: sensitive === true,
  }
}

function inText(text: string): Record<string, ConfigVariable> {
  const bare = withoutComments(text)
  const found: Record<string, ConfigVariable> = {}
  for (const match of bare.matchAll(/^[ \t]*variable[ \t]+"?([\w-]+)"?[ \t]*\{/gm)) {
    const [head, name = ""] = match
    found[name] = fromBlock(blockAt(bare, match.index + head.length))
  }
  return found
}

function fromBlock(body: string): ConfigVariable {
  const argument = (name: string, value: string) =>
    new RegExp(String.raw`(?:^|[\n{;])\s*${name}\s*=\s*(${value})`).exec(body)?.[1]
  const type = argument("type", String.raw`"?[\w.]+`)?.replaceAll('"', "")
  const description = argument("description", String.raw`"(?:[^"\\]|\\.)*"`)
  const hasDefault = argument("default", String.raw`\S`) !== undefined
  return {
    ...(hasDefault && {
      default: defaultOf(argument("default", String.raw`"(?:[^"\\]|\\.)*"|[^\n]+`)),
    }),
    ...(type !== undefined && { type }),
    ...(description !== undefined && { description: unquote(description) }),
    sensitive: argument("sensitive", "true") !== undefined,
  }
}

/** A scalar of one line as it is; for anything else the text of the file has to do. */
function defaultOf(text: string | undefined): unknown {
  const trimmed = text?.trim() ?? ""
  if (trimmed.startsWith('"')) return unquote(trimmed)
  try {
    return JSON.parse(trimmed)
  } catch {
    return trimmed
  }
}

function unquote(text: string): string {
  try {
    return String(JSON.parse(text))
  } catch {
    return text.slice(1, -1)
  }
}

/** Up to the brace that closes the block; braces in quotes do not count. */
function blockAt(text: string, start: number): string {
  let depth = 1
  let inQuotes = false
  for (let at = start; at < text.length; at++) {
    const character = text.charAt(at)
    if (inQuotes && character === "\\") at += 1
    else if (character === '"') inQuotes = !inQuotes
    else if (!inQuotes && character === "{") depth += 1
    else if (!inQuotes && character === "}" && --depth === 0) return text.slice(start, at)
  }
  return text.slice(start)
}

/** Comments go; what stands in quotes stays, even where it looks like one. */
const withoutComments = (text: string) =>
  text.replaceAll(
    /("(?:[^"\\\n]|\\.)*")|#[^\n]*|\/\/[^\n]*|\/\*[\s\S]*?\*\//g,
    (_, quoted?: string) => quoted ?? "",
  )
