-- The rows of every deployment: the default organization and the prebuilds user.

insert into organizations (id, name, display_name, is_default, created_at, updated_at)
values (gen_random_uuid(), 'default', 'Default', true, now(), now());

insert into users (id, email, username, name, status, login_type, is_system, created_at, updated_at)
values (
  'c42fdf75-3097-471c-8c33-fb52454d81c0', 'prebuilds@system', 'prebuilds', 'Prebuilds Owner',
  'active', 'none', true, now(), now()
);
