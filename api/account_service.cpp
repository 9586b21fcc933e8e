#include "api/backend.hpp"
#include "infra/ids.hpp"

namespace jangbu {

namespace {

using http::Exchange;
using http::Method;
using http::Request;

constexpr std::string_view levels = "VIP, GOLD, SILVER";

void open_account(const Backend& backend, const Request& request, const Exchange& exchange) {
  Body body = json_body(request);
  OpenAccount command{.account = new_id<AccountId>(), .person = {}, .at = system_now()};
  command.person.name = body.name("name");
  command.person.email = body.email("email").value_or("");
  command.person.address = body.address("address");
  command.member_type =
      body.choice("memberType", parse_member_type, "buyer, seller").value_or(MemberType::buyer);
  command.membership_level = body.choice("membershipLevel", parse_membership_level, levels)
                                 .value_or(MembershipLevel::none);
  body.no_more();
  execute(backend, request, exchange, command, account_resource, true);
}

void list(const Backend& backend, const Request& request, const Exchange& exchange) {
  answer_page(backend, read_at(request), exchange, list_accounts(page_from<AccountId>(request)));
}

void find_by_name(const Backend& backend, const Request& request, const Exchange& exchange) {
  const std::string name = query_name(request);
  answer_one(backend, read_at(request), exchange, account_by_name(name),
             problems::account_not_found, name);
}

void get(const Backend& backend, const Request& request, const Exchange& exchange) {
  const auto id = path_id<AccountId>(request, problems::account_not_found);
  answer_one(backend, read_at(request), exchange, account_by_id(id), problems::account_not_found,
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
  if (body.has("name")) command.name = body.name("name");
  command.email = body.email("email");
  command.membership_level = body.choice("membershipLevel", parse_membership_level, levels);
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

}  // namespace

http::Router account_service(const Backend& backend) {
  return to_router("account", backend,
                   {{Method::post, "/accounts", "openAccount", open_account},
                    {Method::get, "/accounts", "listAccounts", list},
                    {Method::get, "/accounts/search/findByName", "findAccountByName", find_by_name},
                    {Method::get, "/accounts/{id}", "getAccount", get},
                    {Method::patch, "/accounts/{id}", "changeAccountDetails", change_details},
                    {Method::delete_, "/accounts/{id}", "closeAccount", close},
                    {Method::put, "/accounts/{id}/address", "changeAddress", change_address},
                    {Method::get, "/accounts/{id}/history", "getAccountHistory", history}});
}

}  // namespace jangbu
