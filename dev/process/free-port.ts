// Finds a TCP port of the loopback interface that nothing listens on.
import { randomInt } from "node:crypto"
import { createServer } from "node:net"

/** Below the range that Linux and other systems use for outgoing connections. */
const portMin = 20_000
const portMax = 32_000
const triesMax = 100

/** Parses the port in an environment variable. */
export function readPort(text: string, variable: string): number {
  const port = Number(text)
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new Error(`${variable} must be a port number from 1 to 65535.`)
  }
  return port
}

/** Throws a clear error if something already listens on the requested port. */
export async function requireFree(port: number): Promise<void> {
  if ((await probe(port)) === null) throw new Error(`Port ${port} is in use by another program.`)
}

/**
 * Returns a port that nothing listens on. The system would choose one from the range of outgoing
 * connections, which can take it before the caller does. It is random, because several processes
 * may ask at once.
 */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < triesMax; tries++) {
    const port = randomInt(portMin, portMax)
    if ((await probe(port)) !== null) return port
  }
  throw new Error("The system has no free port.")
}

/**
 * Returns the preferred port if it is free, else any other, so that a second local system can
 * start.
 */
export async function preferPort(port: number): Promise<number> {
  return (await probe(port)) ?? freePort()
}

// Listens for a moment. Resolves to null if the port is taken.
function probe(port: number): Promise<number | null> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once("error", () => resolve(null))
    server.listen(port, "127.0.0.1", () => {
      const address = server.address()
      const found = typeof address === "object" && address !== null ? address.port : null
      server.close(() => resolve(found))
    })
  })
}
