-- The git key of a person is random and can be renewed, so it is stored, encrypted. A key that a
-- token created ends with the token. People choose their appearance, their preferences and which
-- notifications they get.

create table user_git_keys (
  user_id uuid primary key not null references users (id) on delete cascade,
  encrypted_seed text not null,
  public_key text not null,
  created_at timestamptz(3) not null,
  updated_at timestamptz(3) not null
);

create table user_settings (
  user_id uuid primary key not null references users (id) on delete cascade,
  appearance jsonb default '{}' not null,
  preferences jsonb default '{}' not null
);

create table notification_preferences (
  user_id uuid not null references users (id) on delete cascade,
  template_id uuid not null,
  disabled boolean not null,
  updated_at timestamptz(3) not null,
  primary key (user_id, template_id)
);

alter table api_keys add column parent_key_id text references api_keys (id) on delete cascade;
create index api_keys_parent on api_keys (parent_key_id) where parent_key_id is not null;
