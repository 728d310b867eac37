// The sentences for why a rule does not apply, and for what a due rule waits.

/** Sentences by the codes of the view's `why_not`. */
export const whyNotSentences: Record<string, string> = {
  dormant: "The workspace is dormant.",
  not_dormant: "The workspace is not dormant.",
  not_running: "The last build is not a start.",
  not_stopped: "The last build is not a stop.",
  last_build_failed: "The last build failed.",
  last_build_not_failed: "The last build did not fail.",
  last_build_is_delete: "The last build is a delete.",
  last_build_not_succeeded: "The last build did not succeed.",
  not_completed: "The last build has not completed.",
  no_deadline: "The running build has no deadline.",
  no_schedule: "The workspace has no autostart schedule.",
  no_next_start: "The schedule has no occurrence on a day that the template allows.",
  not_allowed_by_template: "The template does not allow autostart.",
  not_configured: "The template does not ask for it.",
  no_deletion_date: "No deletion date was set when the workspace became dormant.",
  owner_not_active: "The owner is not active.",
  owner_suspended: "The owner is suspended.",
  already_reminded: "The owner was reminded of this deadline.",
  in_use: "The workspace was just used, so its deadline will move.",
}

/** Sentences by the blocks of a rule that is due. */
export const blockSentences: Record<string, string> = {
  build_in_progress: "A build is in progress; the rule is looked at again when it ends.",
  usage_not_flushed:
    "The use of the last minutes could not be written. No workspace is stopped before it is known.",
  version_not_ready: "The import of the template version has not succeeded.",
  no_provisioner: "No provisioner that matches the version's tags was seen in the last 90 seconds.",
  parameter: "The last build's parameters do not fit the version that has to be built.",
}
