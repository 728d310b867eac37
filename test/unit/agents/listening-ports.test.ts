// Which ports the agent reports, and under which process name.
import { expect, test } from "vitest"
import { parseTcpTable } from "../../../src/programs/agent/activity.ts"
import { listenersAmong, portsOf } from "../../../src/programs/agent/ports.ts"

const row = (port: number, state: string, inode: number) =>
  [
    `   0: 0100007F:${port.toString(16).toUpperCase().padStart(4, "0")} 00000000:0000 ${state}`,
    `00000000:00000000 00:00000000 00000000  1000        0 ${inode} 1 0 100 0 0 10 0`,
  ].join(" ")
const table = (...rows: string[]) => parseTcpTable(["  sl  local_address ...", ...rows].join("\n"))

test("reports each listening port from 1024 up once, under the first known name", () => {
  const rows = listenersAmong(
    table(
      row(8080, "0A", 11),
      row(3000, "0A", 12),
      row(8080, "0A", 10),
      row(22, "0A", 13),
      row(9000, "01", 14),
    ),
  )
  const owners = new Map([
    ["11", "java"],
    ["14", "curl"],
  ])
  expect(portsOf(rows, owners)).toEqual([
    { process_name: "", network: "tcp", port: 3000 },
    { process_name: "java", network: "tcp", port: 8080 },
  ])
})

test("reports the lowest 256 ports when there are more", () => {
  const rows = listenersAmong(
    table(...Array.from({ length: 300 }, (_, i) => row(5_000 - i, "0A", i))),
  )
  const ports = portsOf(rows, new Map()).map(({ port }) => port)
  expect([ports.length, ports[0], ports.at(-1)]).toEqual([256, 4_701, 4_956])
})
