// The changes of what a workspace is called and how it behaves: its name, its updates, its place among the owner's favourites.
import { sql } from "drizzle-orm"
import type { AuditRequest } from "../../audit/fragment.ts"
import type { Statement } from "../../platform/db/client.ts"
import { changeWorkspace, type ChangeFacts } from "../change.ts"

export type RenameFacts = { deleted: boolean }

/** Precondition: it lives and has another name. Two of one name at once: the unique index workspaces_name_live fails the second. */
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

/** The owner's alone, and no other right is asked for. One flag a workspace: setting it twice is setting it once. */
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
