-- A daemon keeps archives by what is in them: the job names the SHA-256 of its archive, under which the same upload of two people is
-- fetched once, and by which what was fetched is checked. The rest of the function is as it was.

-- Taking a job off the queue (prebuilds-provisioning-agents.md C3), as a function for its speed: the statements inside keep
-- their plans for as long as a connection lives, where one statement sent by itself is planned each time. As one statement
-- with its payload it planned for 1.9 ms and ran for 0.7 ms.
--
-- One row where the daemon belongs to the key that asks; its job is null where nothing waits that the daemon may run.
-- Order: people before the prebuilds user (job_rank), then the oldest. The search walks provisioner_jobs_queue in that order and stops at
-- the first row that matches and that nobody else holds, so it costs what it skips, not what waits. Two at once take
-- different jobs; a row that was taken between snapshot and lock fails the condition on its new version.
-- Tokens of the agents in the version's plan are minted here: the daemon gets them, the job keeps their SHA-256.
CREATE OR REPLACE FUNCTION acquire_job(p_daemon uuid, p_now timestamptz)
RETURNS TABLE (daemon_id uuid, organization_id uuid, workspace_id uuid, has_external_agent boolean, known_tokens jsonb, job jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  d provisioner_daemons%ROWTYPE;
  j provisioner_jobs%ROWTYPE;
  b workspace_builds%ROWTYPE;
  v template_versions%ROWTYPE;
  untagged CONSTANT jsonb := '{"scope": "organization", "owner": ""}';
  tokens jsonb := '{}';
BEGIN
  SELECT u.* INTO d FROM provisioner_daemons u WHERE u.id = p_daemon AND u.key_id = (actor() ->> 'key_id')::uuid;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  -- A sign of life, but not a write for each of a busy daemon's jobs: 90 s is what staleness is measured in.
  IF d.last_seen_at IS NULL OR d.last_seen_at < p_now - interval '10 seconds' THEN
    UPDATE provisioner_daemons u SET last_seen_at = p_now WHERE u.id = d.id;
  END IF;
  daemon_id := d.id;
  organization_id := d.organization_id;
  has_external_agent := false;

  SELECT q.* INTO j FROM provisioner_jobs q
  WHERE q.organization_id = d.organization_id AND q.started_at IS NULL AND q.completed_at IS NULL
    AND q.provisioner = ANY (d.provisioners)
    AND CASE WHEN q.tags = untagged THEN d.tags = untagged ELSE d.tags @> q.tags END
  ORDER BY job_rank(q.initiator_id, q.input), q.created_at, q.id
  LIMIT 1 FOR UPDATE SKIP LOCKED;
  IF NOT FOUND THEN
    RETURN NEXT;
    RETURN;
  END IF;

  IF j.type = 'workspace_build' THEN
    SELECT * INTO b FROM workspace_builds x WHERE x.job_id = j.id;
    workspace_id := b.workspace_id;
  END IF;
  SELECT * INTO v FROM template_versions x
  WHERE x.id = coalesce(b.template_version_id, (j.input ->> 'template_version_id')::uuid);
  has_external_agent := coalesce(v.has_external_agent, false);

  IF b.transition = 'start' THEN
    SELECT coalesce(jsonb_object_agg(m.name, m.token), '{}') INTO tokens
    FROM (
      SELECT a.name, gen_random_uuid()::text AS token
      FROM workspace_resources r JOIN workspace_agents a ON a.resource_id = r.id
      WHERE r.job_id = v.job_id AND r.transition = 'start'
      GROUP BY a.name
    ) m;
    IF has_external_agent THEN
      SELECT jsonb_object_agg(k.name, k.encrypted_token) INTO known_tokens
      FROM (
        SELECT DISTINCT ON (a.name) a.name, a.encrypted_token
        FROM workspace_agents a JOIN workspace_builds s ON s.id = a.build_id
        WHERE a.workspace_id = b.workspace_id AND a.parent_id IS NULL AND a.encrypted_token IS NOT NULL
        ORDER BY a.name, s.build_number DESC
      ) k;
    END IF;
  END IF;

  UPDATE provisioner_jobs q SET started_at = p_now, updated_at = p_now, worker_id = d.id,
    agent_tokens = CASE WHEN tokens <> '{}' THEN (
      SELECT jsonb_object_agg(t.key, jsonb_build_object('hash', encode(sha256(convert_to(t.value, 'UTF8')), 'hex')))
      FROM jsonb_each_text(tokens) t) END
  WHERE q.id = j.id;

  SELECT jsonb_build_object(
    'job_id', j.id, 'type', j.type, 'created_at', j.created_at, 'tags', j.tags,
    'organization', jsonb_build_object('id', o.id, 'name', o.name),
    'initiator', jsonb_build_object('id', u.id, 'username', u.username),
    'file_id', f.id, 'file_hash', f.hash, 'file_mimetype', f.mimetype,
    'template', CASE WHEN v.id IS NOT NULL THEN jsonb_build_object('id', t.id, 'name', coalesce(t.name, ''), 'version_id', v.id,
      'version_name', v.name) END,
    'import', CASE WHEN j.type = 'template_version_import' THEN jsonb_build_object(
      'user_variable_values', coalesce(j.input -> 'user_variable_values', '[]')) END,
    'build', NULL)
  INTO job
  FROM organizations o CROSS JOIN users u CROSS JOIN files f LEFT JOIN templates t ON t.id = v.template_id
  WHERE o.id = j.organization_id AND u.id = j.initiator_id AND f.id = j.file_id;

  IF b.id IS NOT NULL THEN
    SELECT job || jsonb_build_object('build', jsonb_build_object(
      'id', b.id, 'number', b.build_number, 'transition', b.transition, 'reason', b.reason,
      'workspace', jsonb_build_object('id', w.id, 'name', w.name, 'created_at', w.created_at),
      'owner', jsonb_build_object('id', u.id, 'username', u.username, 'email', u.email, 'name', u.name),
      'parameters', build_parameters_json(b.id),
      'previous_parameters', build_parameters_json((
        SELECT l.id FROM workspace_builds l WHERE l.workspace_id = b.workspace_id AND l.build_number = b.build_number - 1)),
      'variables', (
        SELECT coalesce(jsonb_agg(jsonb_build_object('name', x.name, 'value', x.value, 'sensitive', x.sensitive) ORDER BY x.name), '[]')
        FROM template_version_variables x WHERE x.template_version_id = b.template_version_id),
      'state', translate(encode(b.provisioner_state, 'base64'), E'\n', ''),
      'stage', (j.input ->> 'prebuilt_workspace_stage')::int, 'log_level', j.input ->> 'log_level', 'agent_tokens', tokens))
    INTO job
    FROM workspaces w JOIN users u ON u.id = w.owner_id WHERE w.id = b.workspace_id;
  END IF;
  RETURN NEXT;
END $$;
