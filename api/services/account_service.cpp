#include "api/answers/documents.hpp"
#include "api/answers/problem_types.hpp"
#include "api/requests/parameters.hpp"
#include "api/services/commands.hpp"
#include "api/services/queries.hpp"
#include "infra/ids.hpp"

namespace jangbu {

namespace account_routes {

using http::Exchange;
using http::Method;
using http::Request;
using openapi::Kind;

constexpr std::string_view levels = "VIP, GOLD, SILVER";

Command to_open_account(Body body, const Principal& asker) {
  OpenAccount command{.account = new_id<AccountId>(), .person = {}, .at = system_now()};
  if (!asker.acts_for_all()) command.owner = asker.id;
  command.person.name = body.name("name");
  command.person.email = body.email("email").value_or("");
  command.person.address = body.address("address");
  command.member_type =
      body.choice("memberType", parse_member_type, "buyer, seller").value_or(MemberType::buyer);
  command.membership_level = body.choice("membershipLevel", parse_membership_level, levels)
                                 .value_or(MembershipLevel::none);
  body.no_more();
  return command;
}

void open_account(const Call& call) {
  execute(call, to_open_account(json_body(call.request), *call.asker()), account_resource, true);
}

void import_accounts(const Call& call, const http::BodyStream& body) {
  import_rows(call, body, account_service.name, to_open_account);
}

void list(const Call& call) {
  const Sight sight = sight_without_accounts(*call.asker());
  const auto from = page_from<AccountId>(call.request);
  answer_page(call.backend, read_at(call.request), call.exchange,
              sight.all ? list_accounts(from) : list_accounts_of(sight.owner, from));
}

void get_own(const Call& call) {
  const ReadAt at = read_at(call.request);
  with_sight(call, at,
             [backend = call.backend, exchange = call.exchange, at,
              headers = call.request.headers](const Sight& sight) {
               if (sight.all)
                 return exchange.respond(Problem{problems::account_not_found,
                                                 "Nobody in particular asks: access "
                                                 "control is off."});
               if (sight.accounts.empty())
                 return exchange.respond(with_position(no_own_account(), sight.position));
               answer_query(backend, at, exchange, account_by_id(sight.accounts.front()),
                            [headers](const std::optional<AccountRow>& row, Position position) {
                              if (!row) return http::Response(read_model_away());
                              return unless_known(ok(to_json(*row), position, tag_of(*row)),
                                                  headers);
                            });
             });
}

void find_by_name(const Call& call) {
  const std::string name = query_name(call.request);
  answer_one(call, account_by_name(name), problems::account_not_found, name);
}

void find_by_beginning(const Call& call) {
  answer_page(call.backend, read_at(call.request), call.exchange,
              list_accounts_beginning_with(query_beginning(call.request),
                                           page_from<AccountId>(call.request)));
}

void get(const Call& call) {
  const auto id = path_id<AccountId>(call.request, problems::account_not_found);
  if (const auto then = as_of(call.request))
    return answer_as_of(call, *then, {EntityKind::account, id_cast<EntityId>(id)},
                        account_resource);
  answer_one(call, account_by_id(id), problems::account_not_found, to_string(id));
}

void change_address(const Call& call) {
  const auto id = path_id<AccountId>(call.request, problems::account_not_found);
  execute(call, ChangeAddress{id, json_body(call.request).as_address()}, account_resource);
}

void change_details(const Call& call) {
  ChangeAccountDetails command{
      .account = path_id<AccountId>(call.request, problems::account_not_found),
      .name = {},
      .email = {},
      .membership_level = {}};
  Body body = json_body(call.request);
  if (body.is_null("name")) invalid("name", "cannot be removed: give another, or leave it out");
  if (body.has("name")) command.name = body.name("name");
  command.email = body.is_null("email") ? std::string() : body.email("email");
  command.membership_level = body.is_null("membershipLevel")
                                 ? MembershipLevel::none
                                 : body.choice("membershipLevel", parse_membership_level, levels);
  body.no_more();
  execute(call, command, account_resource);
}

void close(const Call& call) {
  const auto id = path_id<AccountId>(call.request, problems::account_not_found);
  execute(call, CloseAccount{id, system_now()}, account_resource);
}

void history(const Call& call) {
  const auto id = path_id<EntityId>(call.request, problems::account_not_found);
  answer_history(call, {EntityKind::account, id}, problems::account_not_found);
}

const Endpoint endpoints[] = {
    {open_account,
     {.method = Method::post,
      .path = "/accounts",
      .id = "openAccount",
      .summary = "Open an account",
      .kind = Kind::create,
      .takes = "NewAccount",
      .gives = "Account",
      .problems = {problems::account_name_taken, problems::account_already_open}}},
    {import_accounts,
     {.method = Method::post,
      .path = "/accounts:import",
      .id = "importAccounts",
      .summary = "Open many accounts",
      .description = rows_description,
      .kind = Kind::rows,
      .takes = "NewAccount",
      .gives = "ImportedRow"}},
    {list,
     {.method = Method::get,
      .path = "/accounts",
      .id = "listAccounts",
      .summary = "List accounts",
      .kind = Kind::page,
      .gives = "Account",
      .parameters = {"after"}}},
    {get_own,
     {.method = Method::get,
      .path = "/accounts/me",
      .id = "getOwnAccount",
      .summary = "Get your own account",
      .description = "The one that the asker has open, or else had last.",
      .kind = Kind::one,
      .gives = "Account",
      .problems = {problems::account_not_found}}},
    {find_by_name,
     {.method = Method::get,
      .path = "/accounts/search/findByName",
      .id = "findAccountByName",
      .summary = "Find an open account by name",
      .kind = Kind::one,
      .gives = "Account",
      .parameters = {"name"},
      .problems = {problems::account_not_found}}},
    {find_by_beginning,
     {.method = Method::get,
      .path = "/accounts/search/findByNameStartingWith",
      .id = "findAccountsByNameStartingWith",
      .summary = "Find open accounts by the beginning of their names",
      .description = beginning_description,
      .kind = Kind::page,
      .gives = "Account",
      .parameters = {"nameStart", "after"}}},
    {get,
     {.method = Method::get,
      .path = "/accounts/{id}",
      .id = "getAccount",
      .summary = "Get an account",
      .description = "A closed account shows `closedAt`.",
      .kind = Kind::one,
      .gives = "Account",
      .parameters = {"asOf"},
      .problems = {problems::account_not_found}}},
    {change_details,
     {.method = Method::patch,
      .path = "/accounts/{id}",
      .id = "changeAccountDetails",
      .summary = "Change name, e-mail address or level",
      .description = "A JSON merge patch (RFC 7396): what is left out stays as it is, and null "
                     "removes the e-mail address or the level.",
      .kind = Kind::command,
      .takes = "AccountChanges",
      .gives = "Account",
      .problems = {problems::account_not_found, problems::account_name_taken,
                   problems::account_closed}}},
    {close,
     {.method = Method::delete_,
      .path = "/accounts/{id}",
      .id = "closeAccount",
      .summary = "Close an account",
      .description = "It can no longer buy, and its name becomes available; open deliveries "
                     "continue. Closing a closed account changes nothing.",
      .kind = Kind::command,
      .gives = "Account",
      .example = "closed",
      .problems = {problems::account_not_found}}},
    {change_address,
     {.method = Method::put,
      .path = "/accounts/{id}/address",
      .id = "changeAddress",
      .summary = "Change the address",
      .description = "Later purchases go to the new address; earlier ones keep theirs.",
      .kind = Kind::command,
      .takes = "Address",
      .gives = "Account",
      .problems = {problems::account_not_found, problems::account_closed}}},
    {history,
     {.method = Method::get,
      .path = "/accounts/{id}/history",
      .id = "getAccountHistory",
      .summary = "List an account's events, oldest first",
      .kind = Kind::page,
      .gives = "AccountEvent",
      .parameters = {"afterEvent"},
      .problems = {problems::account_not_found}}}};

}  // namespace account_routes

const Service account_service{
    .name = "account",
    .title = "Jangbu accounts",
    .description = "Who buys and sells. Names are unique among open accounts.",
    .endpoints = account_routes::endpoints};

}  // namespace jangbu
