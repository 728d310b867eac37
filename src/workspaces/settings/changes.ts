// Changes of a workspace's name, its automatic updates and its favourite flag.
import { sql } from "drizzle-orm"
import type { AuditRequest } from "../../audit/fragment.ts"
import type { Statement } from "../../platform/db/client.ts"
import { changeWorkspace, type ChangeFacts } from "../change.ts"

export type RenameFacts = { deleted: boolean }

/**
 * Precondition: the workspace is not deleted and has another name. Of two equal names at once, the
 * unique index workspaces_name_live rejects the second.
 */
export function renameWorkspace(
  id: string,
  name: string,
  isAllowed: boolean,
  request: AuditRequest,
): Statement<ChangeFacts & RenameFacts> {
  return changeWorkspace<RenameFacts>(
    id,
    {
      name: "workspaces.rename",
      set: sql`name = ${name}, updated_at = ${request.now}::timestamptz`,
      where: sql`${isAllowed}::boolean and not x.deleted and x.name <> ${name}`,
      facts: sql`x.deleted`,
      audited: ["name"],
      isDeletedFound: true,
    },
    request,
  )
}

export function setAutomaticUpdates(
  id: string,
  value: string,
  isValid: boolean,
  request: AuditRequest,
): Statement<ChangeFacts> {
  return changeWorkspace(
    id,
    {
      name: "workspaces.set-automatic-updates",
      set: sql`automatic_updates = ${value}`,
      where: sql`${isValid}::boolean`,
      audited: ["automatic_updates"],
    },
    request,
  )
}

export type FavoriteFacts = { is_owner: boolean }

/**
 * Only the owner may set the flag; no other right counts. Setting it twice has no further effect.
 */
export function setFavorite(
  id: string,
  favorite: boolean,
  request: AuditRequest,
): Statement<ChangeFacts & FavoriteFacts> {
  const isOwner = sql`x.owner_id = actor_id()`
  return changeWorkspace<FavoriteFacts>(
    id,
    {
      name: "workspaces.set-favorite",
      set: sql`favorite = ${favorite}::boolean`,
      where: isOwner,
      facts: sql`${isOwner} as is_owner`,
      audited: ["favorite"],
    },
    request,
  )
}
