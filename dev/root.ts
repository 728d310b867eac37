// The root of the checkout, for the programs of dev/ and bench/.
import { fileURLToPath } from "node:url"

export const rootDirectory = fileURLToPath(new URL("..", import.meta.url))
