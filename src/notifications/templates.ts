// The notifications that exist: their ids, which clients know, and the sentences that people read.

export const notificationIds = {
  workspaceDormant: "0ea69165-ec14-4314-91f1-69566ac3c5a0",
  workspaceMarkedForDeletion: "51ce2fdf-c9ca-4be1-8d70-628674f9bc42",
  workspaceAutobuildFailed: "381df2a9-c0c0-4749-420f-80a9280c66f9",
  workspaceManualBuildFailed: "2faeee0f-26cb-4e96-821c-85ccb9f71513",
  workspaceAutoUpdated: "c34a0c09-0704-4cac-bd1c-0c0146811c2b",
  workspaceAutostopReminder: "6f6cb984-c167-4fa5-bb87-1058dd642779",
  workspaceDeleted: "f517da0b-cdc9-410f-ab89-a86107c420ed",
} as const
