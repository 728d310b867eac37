// One life of the agent, from its introduction until it is stopped or replaced.
//
// It runs the scripts of the manifest and reports what happens.
import { setTimeout as wait } from "node:timers/promises"
import { LineRefused, openLine } from "../port-forward/socket.ts"
import type { ServerClock } from "../server-clock.ts"
import { watchConnections } from "./activity.ts"
import {
  connectControlPlane,
  Unauthorized,
  type ControlPlane,
  type Manifest,
} from "./control-plane.ts"
import { createForwarding, type Forwarding } from "./forwarding.ts"
import { reportMetadata } from "./metadata.ts"
import type { AgentOptions } from "./options.ts"
import { tellPorts } from "./ports.ts"
import { directoryOf, runScript, type ScriptResult } from "./run-script.ts"

const backoffMsMax = 30_000
const reportMsDefault = 30_000

export type LifeOptions = AgentOptions & {
  version: string
  /** Shared by all lives of the agent. */
  clock: ServerClock
  /** Aborted when the machine or a person stops the agent. */
  stopped: AbortSignal
  report: (text: string) => void
  /** Start scripts run in the first life alone: a replaced agent keeps its machine as it is. */
  runsStartScripts: boolean
}

/** Resolves with the reason for the end. */
export async function live(options: LifeOptions): Promise<"stopped" | "replaced"> {
  const over = new AbortController()
  const signal = AbortSignal.any([options.stopped, over.signal])
  const { url, token, clock } = options
  const plane = connectControlPlane({ url, token, clock, stopped: signal })
  const manifest = await readManifest(plane, options, signal)
  if (manifest === null) return "stopped"
  const forwarding = createForwarding({
    url: plane.url,
    token: options.token,
    report: options.report,
  })
  const background = [
    // The socket stays open during the shutdown, so that the agent can report "off" before it is
    // lost.
    keepLine(plane, manifest, options, forwarding, over.signal, () => over.abort()),
    reportStats(plane, options, forwarding, signal),
    reportMetadata(plane, manifest, signal),
  ].map((work) => work.catch((error: unknown) => options.report(String(error))))
  await plane.startup({
    version: `v${options.version}`,
    expanded_directory: directoryOf(manifest),
    subsystems: [],
  })
  options.report(`connected to ${manifest.workspace_name}`)
  await start(plane, manifest, options)
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener("abort", () => resolve(), { once: true })
  })
  if (options.stopped.aborted) await shutDown(plane, manifest)
  over.abort()
  forwarding.close()
  await Promise.all(background)
  return options.stopped.aborted ? "stopped" : "replaced"
}

// The token is rejected until the workspace is provisioned. The agent retries, with growing pauses.
async function readManifest(
  plane: ControlPlane,
  options: LifeOptions,
  signal: AbortSignal,
): Promise<Manifest | null> {
  for (let attempts = 0; !signal.aborted; attempts++) {
    try {
      return await plane.manifest()
    } catch (error) {
      if (!(error instanceof Unauthorized)) throw error
      if (attempts % 12 === 0) options.report("the workspace does not know this agent yet; waiting")
    }
    await pause(backoffMs(attempts), signal)
  }
  return null
}

async function start(plane: ControlPlane, manifest: Manifest, options: LifeOptions): Promise<void> {
  const scripts = options.runsStartScripts
    ? manifest.scripts.filter((script) => script.run_on_start)
    : []
  await plane.lifecycle("starting")
  const results = await Promise.all(
    scripts.map((script) => runScript(plane, manifest, script, "start")),
  )
  await plane.lifecycle(
    endOf(results, { failed: "start_error", late: "start_timeout", done: "ready" }),
  )
}

async function shutDown(plane: ControlPlane, manifest: Manifest): Promise<void> {
  await plane.lastWord("shutting_down")
  const scripts = manifest.scripts.filter((script) => script.run_on_stop)
  const results = await Promise.all(
    scripts.map((script) => runScript(plane, manifest, script, "stop")),
  )
  const end = endOf(results, { failed: "shutdown_error", late: "shutdown_timeout", done: "off" })
  await plane.lastWord(end)
}

function endOf(
  results: readonly ScriptResult[],
  names: { failed: string; late: string; done: string },
): string {
  if (results.some((result) => result.status === "exit_failure")) return names.failed
  return results.some((result) => result.status === "timed_out") ? names.late : names.done
}

// While the socket is open the workspace shows the agent as connected. A half-open socket, for
// example after sleep, is replaced.
async function keepLine(
  plane: ControlPlane,
  manifest: Manifest,
  options: LifeOptions,
  forwarding: Forwarding,
  signal: AbortSignal,
  onReplaced: () => void,
): Promise<void> {
  let attempts = 0
  while (!signal.aborted) {
    try {
      const line = await openLine({
        url: `${plane.url}/connect?workspace_id=${manifest.workspace_id}`,
        headers: { "Coder-Session-Token": options.token() },
        signal,
        ping: "ping",
        pingMs: 15_000,
        silentMsMax: 40_000,
        onMessage: (data) => {
          const frame = typeof data === "string" && data !== "pong" ? parseFrame(data) : null
          if (frame?.type === "dial" && frame.session) void forwarding.answer(frame.session)
          if (frame?.type === "reinit") onReplaced()
        },
      })
      attempts = 0
      const lineOver = new AbortController()
      const telling = tellPorts(line.send, lineOver.signal)
      await line.closed
      lineOver.abort()
      await telling
    } catch (error) {
      if (!(error instanceof LineRefused)) throw error
      attempts += 1
    }
    await pause(backoffMs(attempts), signal)
  }
}

function parseFrame(text: string): { type?: string; session?: string } | null {
  try {
    return JSON.parse(text) as { type?: string; session?: string }
  } catch {
    return null
  }
}

async function reportStats(
  plane: ControlPlane,
  options: LifeOptions,
  forwarding: Forwarding,
  signal: AbortSignal,
): Promise<void> {
  const answer = await plane.stats({})
  const intervalMs = answer ? answer.report_interval / 1_000_000 : reportMsDefault
  while (!signal.aborted) {
    await pause(intervalMs, signal)
    const traffic = forwarding.takeTraffic()
    const seen = await watchConnections(options.watchedPorts)
    const count = seen.ssh + seen.vscode + seen.jetbrains + seen.ports + traffic.sessions
    // The open socket shows that the agent is alive; a report is for what people do.
    if (count === 0 || signal.aborted) continue
    await plane
      .stats({
        connections_by_proto: { TCP: count },
        connection_count: count,
        connection_median_latency_ms: -1,
        rx_bytes: traffic.rxBytes,
        tx_bytes: traffic.txBytes,
        session_count_ssh: seen.ssh,
        session_count_vscode: seen.vscode,
        session_count_jetbrains: seen.jetbrains,
      })
      .catch((error: unknown) => {
        if (!(error instanceof Unauthorized)) throw error
      })
  }
}

const backoffMs = (attempts: number) =>
  Math.min(1_000 * 2 ** attempts, backoffMsMax) * (0.5 + Math.random() / 2)
const pause = (ms: number, signal: AbortSignal) =>
  wait(ms, undefined, { signal }).catch(() => undefined)
