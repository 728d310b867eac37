// Loaded before a program of the demo (`node --import`): its clock runs as far ahead of the platform's as the demo says over the channel.

const PlatformDate = Date
let aheadMs = 0

process.on("message", (message) => {
  if (typeof message === "object" && message !== null && "aheadMs" in message)
    aheadMs = Number(message.aheadMs)
})
// The channel must not keep a program alive that has nothing else to do.
process.channel?.unref()

globalThis.Date = new Proxy(PlatformDate, {
  construct: (target, parameters, newTarget) =>
    Reflect.construct(target, parameters.length === 0 ? [target.now() + aheadMs] : parameters, newTarget),
  apply: () => new PlatformDate(PlatformDate.now() + aheadMs).toString(),
  get: (target, name) => (name === "now" ? () => target.now() + aheadMs : Reflect.get(target, name)),
})
