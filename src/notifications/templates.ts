// The notifications: their ids, which clients know, and their texts.

export const notificationIds = {
  workspaceDormant: "0ea69165-ec14-4314-91f1-69566ac3c5a0",
  workspaceMarkedForDeletion: "51ce2fdf-c9ca-4be1-8d70-628674f9bc42",
  workspaceAutobuildFailed: "381df2a9-c0c0-4749-420f-80a9280c66f9",
  workspaceManualBuildFailed: "2faeee0f-26cb-4e96-821c-85ccb9f71513",
  workspaceAutoUpdated: "c34a0c09-0704-4cac-bd1c-0c0146811c2b",
  workspaceManuallyUpdated: "d089fe7b-d5c5-4c0c-aaf5-689859f7d392",
  workspaceAutostopReminder: "6f6cb984-c167-4fa5-bb87-1058dd642779",
  workspaceResourceReplaced: "89d9745a-816e-4695-a17f-3d0a229e2b8d",
  workspaceDeleted: "f517da0b-cdc9-410f-ab89-a86107c420ed",
} as const

export type Labels = Readonly<Record<string, string>>

export type NotificationText = {
  /** The type that webhooks carry. */
  type: string
  title: string
  /** Plain sentences, which are also Markdown. */
  content: string
}

type Template = {
  /** The name on pages where people choose their notifications. */
  name: string
  type: string
  title: (labels: Labels) => string
  content: (labels: Labels) => string
}

const quoted = (labels: Labels, name: string) => `"${labels[name] ?? ""}"`

const templates: Record<string, Template> = {
  [notificationIds.workspaceDormant]: {
    name: "Workspace Marked as Dormant",
    type: "workspace.dormant",
    title: (l) => `Workspace ${quoted(l, "name")} marked as dormant`,
    content: (l) =>
      `Your workspace ${quoted(l, "name")} is dormant: ${l["reason"]}.` +
      (l["timeTilDelete"] === undefined
        ? " It has to be woken before it can be used."
        : ` It is deleted ${l["timeTilDelete"]} unless you wake it.`),
  },
  [notificationIds.workspaceMarkedForDeletion]: {
    name: "Workspace Marked for Deletion",
    type: "workspace.marked_for_deletion",
    title: (l) => `Workspace ${quoted(l, "name")} marked for deletion`,
    content: (l) =>
      `Your workspace ${quoted(l, "name")} is deleted ${l["timeTilDormant"]}, ` +
      `because of ${l["reason"]}. Wake it to keep it.`,
  },
  [notificationIds.workspaceAutobuildFailed]: {
    name: "Workspace Autobuild Failed",
    type: "workspace.autobuild_failed",
    title: (l) => `Workspace ${quoted(l, "name")} autobuild failed`,
    content: (l) =>
      `An automatic build of your workspace ${quoted(l, "name")} failed. ` +
      `Its reason was ${l["reason"]}.`,
  },
  [notificationIds.workspaceManualBuildFailed]: {
    name: "Workspace Manual Build Failed",
    type: "workspace.manual_build_failed",
    title: (l) => `Workspace ${quoted(l, "name")} manual build failed`,
    content: (l) =>
      `Build ${l["workspace_build_number"]} of ${l["workspace_owner_username"]}'s workspace ` +
      `${quoted(l, "name")} failed. ${l["initiator"]} asked for it on version ` +
      `${l["template_version_name"]} of the template ${l["template_name"]}.`,
  },
  [notificationIds.workspaceManuallyUpdated]: {
    name: "Workspace Manually Updated",
    type: "workspace.manually_updated",
    title: (l) => `Workspace ${quoted(l, "workspace")} was updated by hand`,
    content: (l) =>
      `${l["initiator"]} built the workspace ${quoted(l, "workspace")} on version ` +
      `${l["version"]} of the template ${l["template"]}.`,
  },
  [notificationIds.workspaceAutoUpdated]: {
    name: "Workspace Updated Automatically",
    type: "workspace.auto_updated",
    title: (l) => `Workspace ${quoted(l, "name")} updated automatically`,
    content: (l) =>
      `Your workspace ${quoted(l, "name")} was started on version ${l["template_version_name"]} ` +
      `of its template. What changed: ${l["template_version_message"]}.`,
  },
  [notificationIds.workspaceAutostopReminder]: {
    name: "Workspace Autostop Reminder",
    type: "workspace.autostop_reminder",
    title: (l) => `Workspace ${quoted(l, "workspace")} stops soon`,
    content: (l) =>
      `Your workspace ${quoted(l, "workspace")} stops at ${l["deadline"]}. ` +
      "Extend it to continue working.",
  },
  [notificationIds.workspaceResourceReplaced]: {
    name: "Prebuilt Workspace Resource Replaced",
    type: "workspace.resource_replaced",
    title: (l) => `A claim of the template ${quoted(l, "template")} replaced resources`,
    content: (l) =>
      `${l["claimant"]} claimed the prebuilt workspace ${quoted(l, "workspace")} of the preset ` +
      `${quoted(l, "preset")}, version ${l["template_version"]}. Its build replaced these resources,
        ` +
      `so most of the head start was lost:\n${l["replacements"]}`,
  },
  [notificationIds.workspaceDeleted]: {
    name: "Workspace Deleted",
    type: "workspace.deleted",
    title: (l) => `Workspace ${quoted(l, "name")} deleted`,
    content: (l) =>
      `Your workspace ${quoted(l, "name")} was deleted by ${l["initiator"]}: ${l["reason"]}.`,
  },
}

/** The text of a notification. An unknown template shows the labels. */
export function notificationText(templateId: string, labels: Labels): NotificationText {
  const template = Object.hasOwn(templates, templateId) ? templates[templateId] : undefined
  if (template === undefined)
    return { type: "unknown", title: "Notification", content: JSON.stringify(labels) }
  return { type: template.type, title: template.title(labels), content: template.content(labels) }
}

/** The notifications that people can switch off. */
export const listedNotifications = Object.entries(templates).map(([id, { name }]) => ({ id, name }))
