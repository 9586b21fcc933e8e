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

Command to_open_account(Body body) {
  OpenAccount command{.account = new_id<AccountId>(), .person = {}, .at = system_now()};
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

void open_account(const Backend& backend, const Request& request, const Exchange& exchange) {
  execute(backend, request, exchange, to_open_account(json_body(request)), account_resource, true);
}

void import_accounts(const Backend& backend, const Request& request, const http::BodyStream& body,
                     const Exchange& exchange) {
  import_rows(backend, request, body, exchange, to_open_account);
}

void list(const Backend& backend, const Request& request, const Exchange& exchange) {
  answer_page(backend, read_at(request), exchange, list_accounts(page_from<AccountId>(request)));
}

void find_by_name(const Backend& backend, const Request& request, const Exchange& exchange) {
  const std::string name = query_name(request);
  answer_one(backend, request, exchange, account_by_name(name), problems::account_not_found, name);
}

void find_by_beginning(const Backend& backend, const Request& request, const Exchange& exchange) {
  answer_page(
      backend, read_at(request), exchange,
      list_accounts_beginning_with(query_beginning(request), page_from<AccountId>(request)));
}

void get(const Backend& backend, const Request& request, const Exchange& exchange) {
  const auto id = path_id<AccountId>(request, problems::account_not_found);
  if (const auto then = as_of(request))
    return answer_as_of(backend, request, *then, exchange,
                        {EntityKind::account, id_cast<EntityId>(id)}, account_resource);
  answer_one(backend, request, exchange, account_by_id(id), problems::account_not_found,
             to_string(id));
}

void change_address(const Backend& backend, const Request& request, const Exchange& exchange) {
  const auto id = path_id<AccountId>(request, problems::account_not_found);
  execute(backend, request, exchange, ChangeAddress{id, json_body(request).as_address()},
          account_resource);
}

void change_details(const Backend& backend, const Request& request, const Exchange& exchange) {
  ChangeAccountDetails command{.account = path_id<AccountId>(request, problems::account_not_found),
                               .name = {},
                               .email = {},
                               .membership_level = {}};
  Body body = json_body(request);
  if (body.is_null("name")) invalid("name", "cannot be removed: give another, or leave it out");
  if (body.has("name")) command.name = body.name("name");
  command.email = body.is_null("email") ? std::string() : body.email("email");
  command.membership_level = body.is_null("membershipLevel")
                                 ? MembershipLevel::none
                                 : body.choice("membershipLevel", parse_membership_level, levels);
  body.no_more();
  execute(backend, request, exchange, command, account_resource);
}

void close(const Backend& backend, const Request& request, const Exchange& exchange) {
  const auto id = path_id<AccountId>(request, problems::account_not_found);
  execute(backend, request, exchange, CloseAccount{id, system_now()}, account_resource);
}

void history(const Backend& backend, const Request& request, const Exchange& exchange) {
  const auto id = path_id<EntityId>(request, problems::account_not_found);
  answer_history(backend, request, exchange, {EntityKind::account, id},
                 problems::account_not_found);
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
