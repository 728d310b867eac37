// The appearance and the preferences that a user chose for their pages.
import { createRoute, z } from "@hono/zod-openapi"
import { sql } from "drizzle-orm"
import { userIdOf } from "../../access/lookup.ts"
import { statement } from "../../platform/db/client.ts"
import { json } from "../../platform/db/sql.ts"
import { badRequest, conflict } from "../../platform/http/errors.ts"
import { createRouter } from "../../platform/http/router.ts"
import { errors, jsonBody, jsonRequest } from "../../platform/http/wire.ts"
import { userParam } from "./read-routes.ts"
import { mayUser, requireAllowed, requireUserTarget, userTarget } from "./target.ts"

const themeName = z.string().max(64)
const fonts = ["", "fira-code", "geist-mono", "ibm-plex-mono", "jetbrains-mono", "source-code-pro"]

const appearanceSchema = z
  .object({
    theme_preference: themeName,
    theme_mode: z.enum(["", "single", "sync"]),
    theme_light: themeName,
    theme_dark: themeName,
    terminal_font: z.enum(fonts),
  })
  .openapi("UserAppearanceSettings")
type Appearance = z.output<typeof appearanceSchema>

const appearanceRequest = z
  .object({
    theme_preference: themeName,
    theme_mode: z.enum(["", "single", "sync"]).default(""),
    theme_light: themeName.default(""),
    theme_dark: themeName.default(""),
    terminal_font: z.enum(fonts),
  })
  .openapi("UpdateUserAppearanceSettingsRequest")

const displayMode = z.enum(["auto", "always_expanded", "always_collapsed"])
const preferencesSchema = z
  .object({
    task_notification_alert_dismissed: z.boolean(),
    thinking_display_mode: z.enum(["auto", "preview", "always_expanded", "always_collapsed"]),
    shell_tool_display_mode: displayMode,
    code_diff_display_mode: displayMode,
    agent_chat_send_shortcut: z.enum(["enter", "modifier_enter"]),
  })
  .openapi("UserPreferenceSettings")
type Preferences = z.output<typeof preferencesSchema>

const defaultAppearance: Appearance = {
  theme_preference: "",
  theme_mode: "",
  theme_light: "",
  theme_dark: "",
  terminal_font: "",
}
const defaultPreferences: Preferences = {
  task_notification_alert_dismissed: false,
  thinking_display_mode: "auto",
  shell_tool_display_mode: "auto",
  code_diff_display_mode: "auto",
  agent_chat_send_shortcut: "enter",
}

type Part = "appearance" | "preferences"

const routesOf = <Schema extends z.ZodType, Request extends z.ZodType>(
  part: Part,
  schema: Schema,
  request: Request,
) => ({
  read: createRoute({
    method: "get",
    path: `/users/{user}/${part}`,
    tags: ["Users"],
    summary: `Read a user's ${part}`,
    request: { params: userParam },
    responses: { 200: jsonBody(schema, "The settings."), ...errors(401, 403, 404, 429, 503) },
  }),
  update: createRoute({
    method: "put",
    path: `/users/{user}/${part}`,
    tags: ["Users"],
    summary: `Change a user's ${part}`,
    request: { params: userParam, body: jsonRequest(request) },
    responses: {
      200: jsonBody(schema, "The settings."),
      ...errors(400, 401, 403, 404, 409, 429, 503),
    },
  }),
})

const appearance = routesOf("appearance", appearanceSchema, appearanceRequest)
const preferences = routesOf(
  "preferences",
  preferencesSchema,
  preferencesSchema.partial().openapi("UpdateUserPreferenceSettingsRequest"),
)

type Stored = { appearance: Partial<Appearance>; preferences: Partial<Preferences> }

const readSettings = (user: string) =>
  statement<Stored>(
    "users.settings",
    sql`select s.appearance, s.preferences from user_settings s join users u on u.id = s.user_id
      where u.id = ${userIdOf(user)} and ${mayUser("read_personal")}`,
  )

/** Merges the change into the stored settings, so two changes of different keys both hold. */
const mergeSettings = (user: string, part: Part, change: object) =>
  statement<Stored>(
    "users.merge-settings",
    sql`insert into user_settings as s (user_id, ${sql.identifier(part)})
      select u.id, ${json(change)} from users u
      where u.id = ${userIdOf(user)} and ${mayUser("update_personal")}
      on conflict (user_id) do update
      set ${sql.identifier(part)} = s.${sql.identifier(part)} || excluded.${sql.identifier(part)}
      returning s.appearance, s.preferences`,
  )

/**
 * The change of an appearance: an empty mode keeps the mode and both slots. A single theme keeps a
 * slot that is empty, and two themes need both slots. The old preference `auto` ends every mode.
 */
function changedAppearance(asked: z.output<typeof appearanceRequest>): Partial<Appearance> {
  const { theme_preference, theme_mode, theme_light, theme_dark, terminal_font } = asked
  const common = { theme_preference, terminal_font }
  if (theme_mode === "") return theme_preference === "auto" ? { ...common, theme_mode } : common
  if (theme_mode === "sync" && (theme_light === "" || theme_dark === "")) {
    const detail = "Both themes are required with the mode sync."
    throw badRequest("Validation failed", {
      validations: [{ field: theme_light === "" ? "theme_light" : "theme_dark", detail }],
    })
  }
  return {
    ...common,
    theme_mode,
    ...(theme_light === "" ? {} : { theme_light }),
    ...(theme_dark === "" ? {} : { theme_dark }),
  }
}

const changedConcurrently = () =>
  conflict("The user was changed at the same time. Please try again.")

export const personalRoutes = createRouter()
  .openapi(appearance.read, async (c) => {
    const { user } = c.req.valid("param")
    const [targets, [stored]] = await c
      .get("caller")
      .batch([userTarget(user, "read_personal"), readSettings(user)])
    requireAllowed(requireUserTarget(targets))
    return c.json({ ...defaultAppearance, ...stored?.appearance }, 200)
  })
  .openapi(appearance.update, async (c) => {
    const { user } = c.req.valid("param")
    const change = changedAppearance(c.req.valid("json"))
    const [targets, [stored]] = await c
      .get("caller")
      .batch([userTarget(user, "update_personal"), mergeSettings(user, "appearance", change)])
    requireAllowed(requireUserTarget(targets))
    if (stored === undefined) throw changedConcurrently()
    return c.json({ ...defaultAppearance, ...stored.appearance }, 200)
  })
  .openapi(preferences.read, async (c) => {
    const { user } = c.req.valid("param")
    const [targets, [stored]] = await c
      .get("caller")
      .batch([userTarget(user, "read_personal"), readSettings(user)])
    requireAllowed(requireUserTarget(targets))
    return c.json({ ...defaultPreferences, ...stored?.preferences }, 200)
  })
  .openapi(preferences.update, async (c) => {
    const { user } = c.req.valid("param")
    const change = c.req.valid("json")
    const [targets, [stored]] = await c
      .get("caller")
      .batch([userTarget(user, "update_personal"), mergeSettings(user, "preferences", change)])
    requireAllowed(requireUserTarget(targets))
    if (stored === undefined) throw changedConcurrently()
    return c.json({ ...defaultPreferences, ...stored.preferences }, 200)
  })
