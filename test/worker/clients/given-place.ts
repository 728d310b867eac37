// The place of the clients' flows inside the Workers runtime.
//
// Each answer is also compared with the route's contract. `test/outside` sends the same flows with
// curl to a running system.
import { expect } from "vitest"
import type { Door } from "../../clients/client.ts"
import type { Place } from "../../clients/place.ts"
import { givenOrganization, givenProvisioner, givenUser } from "../given-people.ts"
import { api, epoch, fetchWorker } from "../harness.ts"

const door: Door = {
  send: (method, path, headers, body) =>
    api(path, { method, headers, ...(body !== undefined && { body }) }),
  async peek(path, headers) {
    const { status, headers: answered, body } = await fetchWorker(path, { headers })
    await body?.cancel()
    return { status, type: answered.get("Content-Type") }
  },
  async watch(path, headers, enough) {
    const response = await fetchWorker(path, { headers: { ...headers, Upgrade: "websocket" } })
    expect([path, response.status]).toEqual([path, 101])
    const socket = response.webSocket!
    const frames: unknown[] = []
    const ended = Promise.withResolvers<number | null>()
    const look = () => enough(frames) && ended.resolve(null)
    socket.addEventListener("message", (event) => {
      frames.push(JSON.parse(String(event.data)))
      look()
    })
    socket.addEventListener("close", ({ code }) => ended.resolve(code))
    socket.accept()
    look()
    const code = await Promise.race([ended.promise, scheduler.wait(5_000).then(() => -1)])
    if (code === null) socket.close(1000)
    return { frames, code }
  },
}

/** An organization of its own. */
export async function givenPlace(who: {
  roles?: string[]
  organizationRoles?: string[]
}): Promise<Place> {
  const organization = await givenOrganization()
  const user = await givenUser({ organization, ...who })
  const provisioner = await givenProvisioner({ organization })
  return {
    door,
    now: epoch,
    organizationId: organization.id,
    user,
    daemon: { id: provisioner.daemonId, key: provisioner.key },
    tags: {},
  }
}
