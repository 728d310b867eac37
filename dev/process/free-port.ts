// Finds a TCP port of the loopback interface that nothing listens on.
import { randomInt } from "node:crypto"
import { createServer } from "node:net"

/** Below where Linux, and all the more others, take the ports of outgoing connections from. */
const portMin = 20_000
const portMax = 32_000
const triesMax = 100

/** The port that a variable of the environment names. */
export function readPort(text: string, variable: string): number {
  const port = Number(text)
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new Error(`${variable} must be a port number from 1 to 65535.`)
  }
  return port
}

/** Says so in a sentence where something already listens on a port that was asked for. */
export async function requireFree(port: number): Promise<void> {
  if ((await probe(port)) === null) throw new Error(`Port ${port} is in use by another program.`)
}

/**
 * A port that nothing listens on. Not one that the system would choose: those are also the near ends of connections going out, and
 * one of them may take it before whoever asked does. Chosen at random, since several may ask at once.
 */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < triesMax; tries++) {
    const port = randomInt(portMin, portMax)
    if ((await probe(port)) !== null) return port
  }
  throw new Error("The system has no free port.")
}

/** The preferred port when it is free, else any other: a second local system then starts beside the first. */
export async function preferPort(port: number): Promise<number> {
  return (await probe(port)) ?? freePort()
}

// Listens for a moment. Null where something else does.
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
