#include "projections/tables/accounts.hpp"

#include <string>

#include "projections/tables/columns.hpp"
#include "projections/tables/name_range.hpp"
#include "tables_sql.hpp"

namespace jangbu {

namespace accounts {

// --- Fold ----------------------------------------------------------------------------------------

const std::string put_sql = upsert_sql(sql::accounts);

struct Put {
  const AccountState* state = nullptr;
  std::optional<Timestamp> closed_at;
  EventId version;
};

class AccountsFold final : public Fold, Ignores<ProductFacts, PurchaseFacts, NothingChanged> {
 public:
  explicit AccountsFold(std::string_view schema)
      : put_{std::string(schema) + ".put", in_schema(put_sql, schema)} {}

  void apply(EventId id, const RecordedEvent& recorded) override {
    std::visit([&](const auto& fact) { on(id, recorded, fact); }, recorded.event);
  }

  std::vector<Change> take(const Wanted& wanted) override {
    pg::BulkRows put;
    for (const auto& [id, account] : accounts_.take(wanted)) {
      const AccountState& state = *account.state;
      put.add(id, state.person.name, state.person.email, state.person.address.line,
              state.person.address.zip_code, to_string(state.member_type),
              to_string(state.membership_level), state.opened_at, account.closed_at, state.owner,
              account.version.position, index_of(account.version));
    }
    std::vector<Change> changes;
    add_changes(changes, put_, std::move(put));
    return changes;
  }

 private:
  using Ignores::on;
  void on(EventId id, const RecordedEvent&, const AccountOpened& fact) { put(id, fact.state); }
  void on(EventId id, const RecordedEvent&, const AddressChanged& fact) { put(id, fact.state); }
  void on(EventId id, const RecordedEvent&, const AccountDetailsChanged& fact) {
    put(id, fact.state);
  }
  void on(EventId id, const RecordedEvent&, const AccountClosed& fact) {
    put(id, fact.state, fact.closed_at);
  }

  void put(EventId id, const AccountState& state, std::optional<Timestamp> closed_at = {}) {
    accounts_[state.account] = {&state, closed_at, id};
  }

  pg::Statement put_;
  Touched<AccountId, Put> accounts_;
};

// --- Queries -------------------------------------------------------------------------------------

AccountRow read_account(pg::Row& row) {
  AccountRow account{
      .id = row.next<AccountId>(),
      .name = row.next<std::string>(),
      .email = row.next<std::string>(),
      .address = {row.next<std::string>(), row.next<std::string>()},
      .member_type = parse_member_type(row.next<std::string>()).value(),
      .membership_level =
          parse_membership_level(row.next<std::string>()).value_or(MembershipLevel::none),
      .opened_at = row.next<Timestamp>(),
      .closed_at = row.next_optional<Timestamp>(),
      .owner = row.next_optional<PrincipalId>(),
      .version = read_event_id(row),
  };
  return account;
}

const std::string columns = columns_of(sql::accounts);
constexpr std::string_view bytes = "octet_length(name) + octet_length(address_line)";

const std::string by_id_sql = row_of_key(columns, "accounts", "id");
const QueryText by_id{"account_by_id", "accounts", by_id_sql, "asked.key", id_key};

const std::string by_name_sql = row_of_key(columns, "accounts", "name", "closed_at IS NULL");
const QueryText by_name{"account_by_name", "accounts", by_name_sql, "r.id", text_key};

const std::string list_sql = page_sql(
    "SELECT * FROM {schema}.accounts WHERE id < $1 ORDER BY id DESC LIMIT $2", bytes, columns);
const QueryText list{"list_accounts", "accounts", list_sql};

// An owner has few, so its rows are read and then sorted.
const std::string list_of_owner_sql = page_sql(
    "SELECT * FROM {schema}.accounts WHERE owner = $3 AND id < $1 ORDER BY id DESC LIMIT $2", bytes,
    columns);
const QueryText list_of_owner{"list_accounts_of", "accounts", list_of_owner_sql};

const std::string by_beginning_sql =
    page_sql(select_by_beginning("accounts", "closed_at"), bytes, columns);
const QueryText list_by_beginning{"list_accounts_by_beginning", "accounts", by_beginning_sql};

// In one row, as the bytes of the ids one after the other: so the accounts of many are looked up by
// one statement. (The order is that of the index, backwards.)
const std::string of_owner_sql =
    "SELECT string_agg(uuid_send(id), ''::bytea) AS ids FROM (SELECT id FROM {schema}.accounts "
    "WHERE owner = asked.key ORDER BY opened_at DESC, id DESC LIMIT " +
    std::to_string(most_accounts_of) + ") newest HAVING count(*) > 0";
const QueryText of_owner{"accounts_of", "accounts", of_owner_sql, {}, id_key};

std::vector<AccountId> read_ids(const Rows& rows) {
  std::vector<AccountId> ids;
  if (rows.size() == 0) return ids;
  pg::Row row = rows[0];
  const std::string all = row.next<pg::Blob>().bytes;
  for (std::size_t at = 0; at < all.size(); at += sizeof(AccountId))
    ids.push_back(pg::Binary<AccountId>::read(std::string_view(all).substr(at, sizeof(AccountId))));
  return ids;
}

}  // namespace accounts

const ReadModel accounts_model{
    .name = "accounts",
    .ddl = sql::accounts,
    .key = "id",
    .entity = "id",
    .version = "version_position, version_index",
    .fold_version = 2,
    .fold = [](std::string_view schema) -> std::unique_ptr<Fold> {
      return std::make_unique<accounts::AccountsFold>(schema);
    },
};

Query<std::optional<AccountRow>> account_by_id(const AccountId& id) {
  return one_row<accounts::read_account>(accounts::by_id, pg::Params::of(id));
}

Query<std::optional<AccountRow>> account_by_name(std::string_view name) {
  return one_row<accounts::read_account>(accounts::by_name, pg::Params::of(name));
}

Query<std::vector<AccountId>> accounts_of(const PrincipalId& owner) {
  return {Lane::rows, &accounts::of_owner, pg::Params::of(owner), accounts::read_ids};
}

Query<Page<AccountRow>> list_accounts(const From<AccountId>& from) {
  return page_of_rows<accounts::read_account>(
      accounts::list, pg::Params::of(cursor_of(from), rows_for(from)), from.limit);
}

Query<Page<AccountRow>> list_accounts_of(const PrincipalId& owner, const From<AccountId>& from) {
  return page_of_rows<accounts::read_account>(
      accounts::list_of_owner, pg::Params::of(cursor_of(from), rows_for(from), owner), from.limit);
}

Query<Page<AccountRow>> list_accounts_beginning_with(std::string_view beginning,
                                                     const From<AccountId>& from) {
  const NameRange range = names_beginning_with(beginning);
  return page_of_rows<accounts::read_account>(
      accounts::list_by_beginning,
      pg::Params::of(range.low, range.high, from.after.value_or(AccountId{}), rows_for(from)),
      from.limit);
}

}  // namespace jangbu
