// The command line and the environment of the provisioner daemon.
import { hostname, tmpdir, userInfo } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"

export type ProvisionerOptions = {
  url: string
  key: string
  name: string
  jobCountMax: number
  tags: Record<string, string> | undefined
  cacheDirectory: string
  cacheBytesMax: number
  interruptMs: number
  /** OpenTofu or Terraform. Undefined means whichever is on the path. */
  terraformPath: string | undefined
}

export const usage = `Usage: npm run provisioner -- [flags]

Takes provisioning jobs from a Dormouse control plane and runs them. Script templates need nothing
else; Terraform templates need OpenTofu or Terraform.

  --url URL            the control plane ($DORMOUSE_URL)
  --name NAME          how it is listed ($DORMOUSE_PROVISIONER_NAME, else this machine's name)
  --jobs N             jobs at once ($DORMOUSE_PROVISIONER_JOBS, else 3)
  --tag KEY=VALUE      a tag, repeatable; only with a key that has none of its own
  --cache-dir DIR      where archives, providers and lock files are kept
                       ($DORMOUSE_PROVISIONER_CACHE, else a folder for temporary files)
  --interrupt-secs N   how long a canceled job may take to end in order (600)
  --terraform PATH     OpenTofu or Terraform (else tofu, else terraform on the path)
  --help               this text

The key comes from $DORMOUSE_PROVISIONER_KEY, so that no list of processes shows it.`

const mib = 1024 * 1024

export type OptionsReading =
  | { ok: true; options: ProvisionerOptions }
  | { ok: false; error: string }

export function readOptions(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): OptionsReading {
  const fail = (error: string): OptionsReading => ({ ok: false, error })
  let values
  try {
    values = parseArgs({
      args: [...args],
      options: {
        url: { type: "string" },
        name: { type: "string" },
        jobs: { type: "string" },
        tag: { type: "string", multiple: true },
        "cache-dir": { type: "string" },
        "interrupt-secs": { type: "string" },
        terraform: { type: "string" },
      },
    }).values
  } catch (error) {
    return fail(error instanceof Error ? error.message : String(error))
  }
  const url = values.url ?? env["DORMOUSE_URL"] ?? ""
  if (!/^https?:\/\//.test(url) || URL.parse(url) === null) {
    return fail("DORMOUSE_URL (or --url) must be the address of the control plane, http(s)://host.")
  }
  const key = env["DORMOUSE_PROVISIONER_KEY"] ?? ""
  if (key === "") return fail("DORMOUSE_PROVISIONER_KEY is not set.")
  const jobs = positive(values.jobs ?? env["DORMOUSE_PROVISIONER_JOBS"] ?? "3", 256)
  if (jobs === null) return fail("--jobs must be a number from 1 to 256.")
  const interruptSecs = positive(values["interrupt-secs"] ?? "600", 86_400)
  if (interruptSecs === null) return fail("--interrupt-secs must be a number from 1 to 86400.")
  const tags: Record<string, string> = {}
  for (const tag of values.tag ?? []) {
    const [name = "", ...value] = tag.split("=")
    if (name === "" || value.length === 0)
      return fail(`--tag ${JSON.stringify(tag)} is not KEY=VALUE.`)
    tags[name] = value.join("=")
  }
  return {
    ok: true,
    options: {
      url,
      key,
      name: values.name ?? env["DORMOUSE_PROVISIONER_NAME"] ?? defaultName(),
      jobCountMax: jobs,
      tags: values.tag === undefined ? undefined : tags,
      cacheDirectory:
        values["cache-dir"] ??
        env["DORMOUSE_PROVISIONER_CACHE"] ??
        join(tmpdir(), `dormouse-archives-${userInfo().uid}`),
      cacheBytesMax: 1024 * mib,
      interruptMs: interruptSecs * 1_000,
      terraformPath: values.terraform,
    },
  }
}

/** The machine's name, with only the characters that a daemon's name may have. */
const defaultName = () =>
  hostname()
    .replaceAll(/[^a-zA-Z0-9._-]/g, "-")
    .replaceAll(/^[^a-zA-Z0-9]+|[^a-zA-Z0-9]+$/g, "")
    .slice(0, 64) || "provisioner"

function positive(text: string, max: number): number | null {
  const value = Number(text)
  return Number.isInteger(value) && value >= 1 && value <= max ? value : null
}
