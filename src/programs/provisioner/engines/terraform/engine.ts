// The Terraform engine: templates that are Terraform run unmodified through OpenTofu or Terraform.
import type { Engine } from "../engine.ts"
import { buildWorkspace } from "./build-workspace.ts"
import { createInitQueue } from "./init-queue.ts"
import type { TerraformOptions } from "./job-run.ts"
import { dryRun, importTemplate } from "./plan-template.ts"

export function createTerraformEngine(options: TerraformOptions): Engine {
  const inits = createInitQueue()
  return {
    importTemplate: (request, session) => importTemplate(options, inits, request, session),
    dryRun: (request, session) => dryRun(options, inits, request, session),
    build: (request, session) => buildWorkspace(options, inits, request, session),
  }
}
