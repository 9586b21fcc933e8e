-- One row per account, closed ones included. Names are unique among the open ones; that is the
-- writer's rule, not this table's: within one batch a name may pass from one account to another.
-- `owner` is who opened it for themselves, as a hash (events/values.hpp, PrincipalId).
CREATE TABLE accounts (
  id uuid PRIMARY KEY,
  name text NOT NULL,
  email text NOT NULL,
  address_line text NOT NULL,
  zip_code text NOT NULL,
  member_type text NOT NULL,
  membership_level text NOT NULL,
  opened_at timestamptz NOT NULL,
  closed_at timestamptz,
  owner uuid,
  version_position bigint NOT NULL,
  version_index integer NOT NULL
);
-- By the time of opening, an order that no other index has: see row_of_key (read_model.hpp).
CREATE INDEX accounts_by_owner ON accounts (owner, opened_at, id) WHERE owner IS NOT NULL;
CREATE INDEX open_accounts_by_name ON accounts (name) WHERE closed_at IS NULL;
-- For names by their beginning: name_range.hpp.
CREATE INDEX open_accounts_by_beginning ON accounts (lower(name COLLATE "C"), id)
  WHERE closed_at IS NULL;
