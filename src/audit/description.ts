// An audit row as a sentence. The reader's page fills in `{user}` and `{target}`.

export const verbs: Record<string, { done: string; tried: string }> = {
  create: { done: "created", tried: "create" },
  write: { done: "updated", tried: "update" },
  delete: { done: "deleted", tried: "delete" },
  start: { done: "started", tried: "start" },
  stop: { done: "stopped", tried: "stop" },
  login: { done: "logged in", tried: "log in" },
  logout: { done: "logged out", tried: "log out" },
  register: { done: "registered", tried: "register" },
  connect: { done: "connected to", tried: "connect to" },
  disconnect: { done: "disconnected from", tried: "disconnect from" },
  open: { done: "opened", tried: "open" },
  close: { done: "closed", tried: "close" },
}

export function describeAudit(action: string, resourceType: string, statusCode: number): string {
  const verb = (Object.hasOwn(verbs, action) && verbs[action]) || { done: action, tried: action }
  const isFailed = statusCode >= 400
  const what = isFailed ? `unsuccessfully attempted to ${verb.tried}` : verb.done
  if (action === "login" || action === "logout") return `{user} ${what}`
  return `{user} ${what} ${resourceType.replaceAll("_", " ")} {target}`
}
