-- The git key of a person is random and can be renewed, so it is stored, encrypted. A key that a
-- token created ends with the token. People choose their appearance, their preferences and which
-- notifications they get.

create table user_git_keys (
  user_id uuid primary key not null
    constraint user_git_keys_user_id_users_id_fk references users (id) on delete cascade,
  encrypted_seed text not null,
  public_key text not null,
  created_at timestamptz(3) not null,
  updated_at timestamptz(3) not null
);

create table user_settings (
  user_id uuid primary key not null
    constraint user_settings_user_id_users_id_fk references users (id) on delete cascade,
  appearance jsonb default '{}' not null,
  preferences jsonb default '{}' not null
);

create table notification_preferences (
  user_id uuid not null
    constraint notification_preferences_user_id_users_id_fk references users (id) on delete cascade,
  template_id uuid not null,
  disabled boolean not null,
  updated_at timestamptz(3) not null,
  constraint notification_preferences_user_id_template_id_pk
    primary key (user_id, template_id)
);

alter table api_keys add column parent_key_id text
  constraint api_keys_parent_key_id_api_keys_id_fk references api_keys (id) on delete cascade;
create index api_keys_parent on api_keys (parent_key_id) where parent_key_id is not null;
