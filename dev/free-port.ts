// Finds a TCP port of the loopback interface that nothing listens on.
import { createServer } from "node:net"

/** The port that `wanted` names when it is given, else one that the system picks. */
export async function choosePort(wanted: string | undefined, variable: string): Promise<number> {
  if (wanted === undefined || wanted === "") return freePort()
  const port = Number(wanted)
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new Error(`${variable} must be a port number from 1 to 65535.`)
  }
  return port
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once("error", reject)
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      const port = typeof address === "object" && address !== null ? address.port : 0
      server.close(() => resolve(port))
    })
  })
}

/** The preferred port when it is free, else any other: a second local system then starts beside the first. */
export function preferPort(port: number): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once("error", () => resolve(freePort()))
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(port)))
  })
}
