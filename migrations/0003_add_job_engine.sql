-- Two engines carry out templates: scripts and Terraform. A job says which one, so that the queue
-- and the figures can tell them apart. An import finds it out; builds and dry runs take it from the
-- import of their version.

alter table provisioner_jobs add column engine text;
alter table provisioner_jobs add constraint provisioner_jobs_engine
  check (engine in ('script', 'terraform'));

-- Until now every template was one of scripts.
update provisioner_jobs set engine = 'script'
where type = 'template_version_import' and job_status = 'succeeded';
