// The three kinds of actor: a person with a key, a workspace agent, a provisioner daemon.
//
// The `authenticate_*` functions of the database publish these facts to the transaction.

export type UserActor = {
  kind: "user"
  id: string
  username: string
  /** Site roles, `member` included. */
  roles: string[]
  /** Roles by organization id, `organization-member` included. */
  organizations: Record<string, string[]>
  key_id: string
  login_type: string
  scopes: string[]
  allow_list: string[]
}

export type AgentActor = {
  kind: "agent"
  agent_id: string
  workspace_id: string
  build_id: string
  owner_id: string
  organization_id: string
  template_id: string
}

export type ProvisionerActor = {
  kind: "provisioner"
  key_id: string
  key_name: string
  organization_id: string
  tags: Record<string, string>
}

export type Actor = UserActor | AgentActor | ProvisionerActor
