// The operations in the OpenAPI document.
import { api } from "../../harness.ts"
import type { Operation } from "./requests.ts"

const prefix = "/api/v2"
const methods = new Set(["get", "post", "put", "patch", "delete"])

export async function readOperations(): Promise<Operation[]> {
  const { paths } = (await api<{ paths: Record<string, object> }>("/openapi.json")).body
  return Object.entries(paths)
    .filter(([path]) => path.startsWith(prefix))
    .flatMap(([path, item]) =>
      Object.keys(item)
        .filter((method) => methods.has(method))
        .map((method) => ({ method: method.toUpperCase(), path: path.slice(prefix.length) })),
    )
}
