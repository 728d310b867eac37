// The frames of a forwarded port: many streams over one WebSocket.
//
// Each stream has a window, so that a stream nobody reads blocks only itself. The command, the
// agent and the relay between them share this file.

export const frameTypes = {
  /** Client to agent: connect to a port of the workspace. Payload: the port, two bytes. */
  open: 1,
  opened: 2,
  data: 3,
  /** This many more bytes of the stream may be sent. Payload: four bytes. */
  credit: 4,
  /** This direction has ended. */
  end: 5,
  /** The stream has ended in both directions. Payload: the reason, as text. */
  reset: 6,
  /** To the relay, which answers it. Stream 0. */
  ping: 7,
  pong: 8,
} as const
export type FrameType = (typeof frameTypes)[keyof typeof frameTypes]

export const headerBytes = 5
export const payloadBytesMax = 65_536
/** Bytes of one stream that may be in flight in one direction. */
export const windowBytes = 262_144
export const streamCountMax = 256

export type Frame = { type: FrameType; stream: number; payload: Uint8Array }

const empty = new Uint8Array(0)
const types = new Set<number>(Object.values(frameTypes))

export function encodeFrame(
  type: FrameType,
  stream: number,
  payload: Uint8Array = empty,
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(headerBytes + payload.byteLength)
  bytes[0] = type
  new DataView(bytes.buffer).setUint32(1, stream)
  bytes.set(payload, headerBytes)
  return bytes
}

/** Returns null if the length, the type or the size of the payload is wrong. */
export function decodeFrame(bytes: Uint8Array): Frame | null {
  if (bytes.byteLength < headerBytes || bytes.byteLength > headerBytes + payloadBytesMax)
    return null
  const type = bytes[0] ?? 0
  if (!types.has(type)) return null
  const stream = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(1)
  const payload = bytes.subarray(headerBytes)
  if (type === frameTypes.open && payload.byteLength !== 2) return null
  if (type === frameTypes.credit && payload.byteLength !== 4) return null
  return { type: type as FrameType, stream, payload }
}

export function encodeOpen(stream: number, port: number): Uint8Array<ArrayBuffer> {
  const payload = new Uint8Array(2)
  new DataView(payload.buffer).setUint16(0, port)
  return encodeFrame(frameTypes.open, stream, payload)
}

export function encodeCredit(stream: number, byteCount: number): Uint8Array<ArrayBuffer> {
  const payload = new Uint8Array(4)
  new DataView(payload.buffer).setUint32(0, byteCount)
  return encodeFrame(frameTypes.credit, stream, payload)
}

/** Returns the number in the payload of an `open` or a `credit`. */
export function numberIn(frame: Frame): number {
  const view = new DataView(
    frame.payload.buffer,
    frame.payload.byteOffset,
    frame.payload.byteLength,
  )
  return frame.type === frameTypes.open ? view.getUint16(0) : view.getUint32(0)
}
