#include "projections/tables/accounts.hpp"

#include "projections/tables/name_range.hpp"
#include "tables_sql.hpp"

namespace jangbu {

namespace {

// --- Fold ----------------------------------------------------------------------------------------

constexpr std::string_view put_sql = R"(
INSERT INTO {schema}.accounts
SELECT unnest($1::uuid[]), unnest($2::text[]), unnest($3::text[]), unnest($4::text[]),
       unnest($5::text[]), unnest($6::text[]), unnest($7::text[]),
       unnest($8::timestamptz[]), unnest($9::timestamptz[]), unnest($10::bigint[]),
       unnest($11::int[])
ON CONFLICT (id) DO UPDATE SET
  name = excluded.name, email = excluded.email, address_line = excluded.address_line,
  zip_code = excluded.zip_code, member_type = excluded.member_type,
  membership_level = excluded.membership_level, opened_at = excluded.opened_at,
  closed_at = excluded.closed_at, version_position = excluded.version_position,
  version_index = excluded.version_index)";

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
    const auto accounts = accounts_.take(wanted);
    if (accounts.empty()) return {};
    pg::Array<AccountId> ids;
    pg::Array<std::string> names, emails, lines, zip_codes, types, levels;
    pg::Array<Timestamp> opened, closed;
    pg::Array<Position> positions;
    pg::Array<std::int32_t> indexes;
    for (const auto& [id, account] : accounts) {
      const AccountState& state = *account.state;
      ids.push(id);
      names.push(state.person.name);
      emails.push(state.person.email);
      lines.push(state.person.address.line);
      zip_codes.push(state.person.address.zip_code);
      types.push(to_string(state.member_type));
      levels.push(to_string(state.membership_level));
      opened.push(state.opened_at);
      closed.push(account.closed_at);
      positions.push(account.version.position);
      indexes.push(static_cast<std::int32_t>(account.version.index));
    }
    return {{&put_,
             pg::Params::take(ids, names, emails, lines, zip_codes, types, levels, opened, closed,
                              positions, indexes),
             accounts.size()}};
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
      .version = read_event_id(row),
  };
  return account;
}

#define COLUMNS                                                                                    \
  "id, name, email, address_line, zip_code, member_type, membership_level, opened_at, closed_at, " \
  "version_position, version_index"
constexpr std::string_view bytes = "octet_length(name) + octet_length(address_line)";

constexpr QueryText by_id{"account_by_id", "accounts",
                          "SELECT " COLUMNS " FROM {schema}.accounts WHERE id = $1", "$1"};

constexpr QueryText by_name{"account_by_name", "accounts",
                            "SELECT " COLUMNS
                            " FROM {schema}.accounts WHERE name = $1 AND closed_at IS NULL LIMIT 1",
                            "r.id"};

const std::string list_sql = page_sql(
    "SELECT * FROM {schema}.accounts WHERE id < $1 ORDER BY id DESC LIMIT $2", bytes, COLUMNS);
const QueryText list{"list_accounts", "accounts", list_sql};

const std::string by_beginning_sql =
    page_sql(select_by_beginning("accounts", "closed_at"), bytes, COLUMNS);
#undef COLUMNS
const QueryText list_by_beginning{"list_accounts_by_beginning", "accounts", by_beginning_sql};

}  // namespace

const ReadModel accounts_model{
    .name = "accounts",
    .ddl = sql::accounts,
    .key = "id",
    .entity = "id",
    .version = "version_position, version_index",
    .fold_version = 1,
    .fold = [](std::string_view schema) -> std::unique_ptr<Fold> {
      return std::make_unique<AccountsFold>(schema);
    },
};

Query<std::optional<AccountRow>> account_by_id(const AccountId& id) {
  return one_row<read_account>(by_id, pg::Params::of(id));
}

Query<std::optional<AccountRow>> account_by_name(std::string_view name) {
  return one_row<read_account>(by_name, pg::Params::of(name));
}

Query<Page<AccountRow>> list_accounts(const From<AccountId>& from) {
  return page_of_rows<read_account>(list, pg::Params::of(cursor_of(from), rows_for(from)),
                                    from.limit);
}

Query<Page<AccountRow>> list_accounts_beginning_with(std::string_view beginning,
                                                     const From<AccountId>& from) {
  const NameRange range = names_beginning_with(beginning);
  return page_of_rows<read_account>(
      list_by_beginning,
      pg::Params::of(range.low, range.high, from.after.value_or(AccountId{}), rows_for(from)),
      from.limit);
}

}  // namespace jangbu
