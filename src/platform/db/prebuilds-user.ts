// The id of the user who owns prebuilds and initiates their builds.
//
// SQL calls prebuilds_user_id(). Numbered migrations repeat the id, since they must not call it.
export const prebuildsUserId = "c42fdf75-3097-471c-8c33-fb52454d81c0"
