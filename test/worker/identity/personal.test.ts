// The appearance and the preferences of a user.
import { describe, expect, test } from "vitest"
import { givenUser } from "../given-people.ts"
import { api } from "../harness.ts"

const put = (path: string, token: string, body: unknown) =>
  api(`/api/v2/users/me/${path}`, { method: "PUT", token, body })

describe("the appearance", () => {
  test("starts empty and keeps what is chosen", async () => {
    const { token } = await givenUser()
    const read = async () => (await api("/api/v2/users/me/appearance", { token })).body
    expect(await read()).toEqual({
      theme_preference: "",
      theme_mode: "",
      theme_light: "",
      theme_dark: "",
      terminal_font: "",
    })
    const chosen = { theme_preference: "dark", terminal_font: "fira-code" }
    expect((await put("appearance", token, chosen)).body).toMatchObject(chosen)
    const sync = { theme_mode: "sync", theme_light: "paper", theme_dark: "night" }
    await put("appearance", token, { ...chosen, ...sync })
    expect(await read()).toEqual({ ...chosen, ...sync })
    await put("appearance", token, { ...chosen, theme_mode: "single", theme_dark: "coal" })
    expect(await read()).toMatchObject({
      theme_mode: "single",
      theme_light: "paper",
      theme_dark: "coal",
    })
    await put("appearance", token, { ...chosen, theme_preference: "auto" })
    expect(await read()).toMatchObject({
      theme_mode: "",
      theme_preference: "auto",
      theme_dark: "coal",
    })
  })

  test.each([
    {},
    { theme_preference: "dark" },
    { theme_preference: "dark", terminal_font: "comic-sans" },
    { theme_preference: "dark", terminal_font: "", theme_mode: "sync", theme_light: "paper" },
  ])("refuses %j", async (body) => {
    const { token } = await givenUser()
    expect((await put("appearance", token, body)).status).toBe(400)
  })
})

test("preferences have defaults, and a change keeps the others", async () => {
  const { token } = await givenUser()
  const first = await put("preferences", token, { task_notification_alert_dismissed: true })
  expect(first.body).toEqual({
    task_notification_alert_dismissed: true,
    thinking_display_mode: "auto",
    shell_tool_display_mode: "auto",
    code_diff_display_mode: "auto",
    agent_chat_send_shortcut: "enter",
  })
  await Promise.all([
    put("preferences", token, { thinking_display_mode: "preview" }),
    put("preferences", token, { agent_chat_send_shortcut: "modifier_enter" }),
  ])
  const { body } = await api("/api/v2/users/me/preferences", { token })
  expect(body).toMatchObject({
    task_notification_alert_dismissed: true,
    thinking_display_mode: "preview",
    agent_chat_send_shortcut: "modifier_enter",
  })
  expect((await put("preferences", token, { thinking_display_mode: "loud" })).status).toBe(400)
})

test("roles and passwords can be asked for without a user of that name", async () => {
  const owner = await givenUser({ roles: ["owner"] })
  const member = await givenUser()
  const rolesFor = async (token: string) =>
    (await api<{ name: string; assignable: boolean }[]>("/api/v2/users/roles", { token })).body
  const ofOwner = await rolesFor(owner.token)
  expect(ofOwner.map(({ name }) => name)).toEqual([
    "owner",
    "user-admin",
    "template-admin",
    "auditor",
  ])
  expect(ofOwner.every(({ assignable }) => assignable)).toBe(true)
  expect((await rolesFor(member.token)).some(({ assignable }) => assignable)).toBe(false)
  const ask = (password: string) => api("/api/v2/users/validate-password", { body: { password } })
  expect((await ask("correct-Horse-9-battery")).body).toEqual({ valid: true, details: "" })
  expect((await ask("weak")).body).toEqual({
    valid: false,
    details: expect.stringContaining("Insecure"),
  })
})
