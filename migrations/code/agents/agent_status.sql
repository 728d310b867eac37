-- The status of an agent: connecting, connected, disconnected or timeout.
--
-- An agent is connected while its socket is open. One without a socket stays connected for 30
-- seconds after its last call.
create or replace function agent_status(a workspace_agents, at timestamptz) returns text
language sql immutable parallel safe
as $$
  select case
    when a.socket_open then 'connected'
    when a.first_connected_at is null or a.last_connected_at is null then
      case when a.connection_timeout_seconds > 0
          and at - a.created_at > make_interval(secs => a.connection_timeout_seconds)
        then 'timeout' else 'connecting' end
    when a.disconnected_at >= a.last_connected_at
      or at - a.last_connected_at > interval '30 seconds' then 'disconnected'
    else 'connected' end
$$;
