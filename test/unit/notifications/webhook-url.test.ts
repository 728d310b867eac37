// Webhook addresses: an address inside the network is refused in every spelling.
import { expect, test } from "vitest"
import { findWebhookUrlError } from "../../../src/notifications/webhook-url.ts"

test.each([
  "http://hooks.example.com/",
  "ftp://hooks.example.com/",
  "https://user:word@hooks.example.com/",
  "https://localhost/",
  "https://api.localhost./",
  "https://db.internal/",
  "https://router/",
  "https://127.0.0.1/",
  "https://0x7f000001/",
  "https://2130706433/",
  "https://0177.0.0.1/",
  "https://10.1.2.3/",
  "https://172.31.0.1/",
  "https://192.168.1.1/",
  "https://169.254.169.254/latest/meta-data",
  "https://100.64.0.1/",
  "https://0.0.0.0/",
  "https://224.0.0.1/",
  "https://[::1]/",
  "https://[::ffff:127.0.0.1]/",
  "https://[fd00::1]/",
  "https://[fe80::1]/",
  "https://[2002:7f00:1::]/",
  "nonsense",
])("%s is refused", (url) => {
  expect(findWebhookUrlError(url, false)).not.toBeNull()
})

test.each([
  "https://hooks.example.com/x?y=z",
  "https://203.0.114.9/",
  "https://[2606:4700::1111]/",
])("%s is taken", (url) => expect(findWebhookUrlError(url, false)).toBeNull())

test("a deployment may allow private targets, but no other schemes", () => {
  expect(findWebhookUrlError("http://127.0.0.1:9000/", true)).toBeNull()
  expect(findWebhookUrlError("file:///etc/passwd", true)).not.toBeNull()
})
